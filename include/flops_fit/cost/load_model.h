// SPDX-License-Identifier: MIT
#pragma once
// Model descriptions from a config.json: of Hugging Face (llama, llama4's text model, mistral,
// qwen2, qwen3, gpt2), or of the project's own GPT:
//   {"model_type": "flops_fit_gpt", "d_model": 128, "num_layers": 4, "num_heads": 4,
//    "vocab_size": 50257}
// and may have d_ff (4 d_model), seq_len, norm_gain (true) and torch_dtype (float32).
// A new family is a function in src/cost/families and a line in the table of load_model.cpp.
#include "flops_fit/cost/model_spec.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace ff::cost {

/// Throws FileError of one line: what is missing, wrong, contradictory, or not modelled.
[[nodiscard]] ModelSpec load_model(const std::filesystem::path& path);

/// The same from JSON; `where` is the file's name for messages.
[[nodiscard]] ModelSpec parse_model(const nlohmann::ordered_json& config, const std::string& where);

/// The file of load_model(), read. Throws FileError where it is missing, no file, or not JSON.
[[nodiscard]] nlohmann::ordered_json read_model_config(const std::filesystem::path& path);

/// The model types that it knows, for --help.
[[nodiscard]] std::vector<std::string> known_model_types();

}  // namespace ff::cost
