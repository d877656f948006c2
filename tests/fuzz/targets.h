// SPDX-License-Identifier: MIT
#pragma once
// One entry point for each reader of files. Any bytes must give a value or an ff::Error; anything
// else (another exception, a signal, a sanitizer's report, a broken invariant) is a finding. The
// same functions are run by libFuzzer (libfuzzer_main.cpp) and on the seeds by a test
// (replay_test.cpp). An input is the file itself, unless its target's first lines say otherwise.
#include <cstddef>
#include <cstdint>

namespace ff::fuzz {

void api_answer(const uint8_t* data, size_t size);
void arch_tree(const uint8_t* data, size_t size);
void checkpoint(const uint8_t* data, size_t size);
void config_loader(const uint8_t* data, size_t size);
void corpus(const uint8_t* data, size_t size);
void laws_json(const uint8_t* data, size_t size);
void metrics(const uint8_t* data, size_t size);
void model_config(const uint8_t* data, size_t size);
void modules_json(const uint8_t* data, size_t size);
void overrides(const uint8_t* data, size_t size);
void results_json(const uint8_t* data, size_t size);
void runs_table(const uint8_t* data, size_t size);
void sweep_json(const uint8_t* data, size_t size);
void timing_json(const uint8_t* data, size_t size);
void token_shards(const uint8_t* data, size_t size);
void yaml(const uint8_t* data, size_t size);

}  // namespace ff::fuzz
