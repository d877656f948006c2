// SPDX-License-Identifier: MIT
// Every seed of every fuzz target, past crashes among them, in the ordinary test run.
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "targets.h"

#include <array>
#include <utility>

using namespace ff::test;
namespace fs = std::filesystem;

namespace {

constexpr std::array<std::pair<const char*, void (*)(const uint8_t*, size_t)>, 16> kTargets = {
    {{"api_answer", ff::fuzz::api_answer},
     {"arch_tree", ff::fuzz::arch_tree},
     {"checkpoint", ff::fuzz::checkpoint},
     {"config_loader", ff::fuzz::config_loader},
     {"corpus", ff::fuzz::corpus},
     {"laws_json", ff::fuzz::laws_json},
     {"metrics", ff::fuzz::metrics},
     {"model_config", ff::fuzz::model_config},
     {"modules_json", ff::fuzz::modules_json},
     {"overrides", ff::fuzz::overrides},
     {"results_json", ff::fuzz::results_json},
     {"runs_table", ff::fuzz::runs_table},
     {"sweep_json", ff::fuzz::sweep_json},
     {"timing_json", ff::fuzz::timing_json},
     {"token_shards", ff::fuzz::token_shards},
     {"yaml", ff::fuzz::yaml}}};

}  // namespace

TEST_CASE("every seed of the fuzz targets is read or refused in words", "[fuzz]") {
  for (const auto& [name, target] : kTargets) {
    size_t seeds = 0;
    for (const auto& entry : fs::directory_iterator(source_dir() / "tests/fuzz/seeds" / name)) {
      INFO(entry.path().string());
      const std::string bytes = read_text(entry.path());
      CHECK_NOTHROW(target(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
      ++seeds;
    }
    INFO(name);
    CHECK(seeds >= 3);
  }
}

TEST_CASE("every seed cut off anywhere is read or refused in words", "[fuzz]") {
  constexpr size_t kCuts = 12;
  for (const auto& [name, target] : kTargets) {
    for (const auto& entry : fs::directory_iterator(source_dir() / "tests/fuzz/seeds" / name)) {
      INFO(entry.path().string());
      const std::string bytes = read_text(entry.path());
      for (size_t cut = 0; cut < kCuts; ++cut) {
        const size_t size = bytes.size() * cut / kCuts;
        CHECK_NOTHROW(target(reinterpret_cast<const uint8_t*>(bytes.data()), size));
      }
    }
  }
}
