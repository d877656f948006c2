// SPDX-License-Identifier: MIT
// Measuring where the system gives few threads and processes, or kills one that measures.
#include "support/catch.h"
#include "support/few_processes.h"

#include "flops_fit/engine/machine_speed.h"
#include "flops_fit/engine/speed.h"
#include "flops_fit/util/error.h"

#include <csignal>
#include <vector>

using namespace ff::engine;
using ff::test::kNotPossible;
using ff::test::with_few_processes;

TEST_CASE("speeds are measured with the threads and processes that there are", "[engine]") {
  const int triad =
      with_few_processes(1, [] { return triad_bytes_per_s(4, int64_t{1} << 20) > 0.0 ? 0 : 1; });
  if (triad == kNotPossible) {
    WARN("skipped: this system does not let a test limit its processes");
    return;
  }
  CHECK(triad == 0);
  CHECK(with_few_processes(0, [] {
          const SpeedShape shape{.arch = {.d_model = 16,
                                          .num_layers = 1,
                                          .num_heads = 2,
                                          .d_ff = 32,
                                          .vocab_size = 64,
                                          .seq_len = 16},
                                 .batch_rows = 4};
          return measure_speed(shape, 4).train > 0.0 ? 0 : 1;
        }) == 0);
  CHECK(with_few_processes(0, [] {
          try {
            return in_processes(2, [] { return 1.0; }).size() < 2 ? 0 : 1;
          } catch (const ff::ResourceError&) {
            return 0;  // not even one
          }
        }) == 0);
}

TEST_CASE("a process that is killed while it measures is missed, and nobody waits for it",
          "[engine]") {
  CHECK(in_processes(3, [] { return 2.0; }) == std::vector<double>(3, 2.0));
  const auto killed = [] {
    ::raise(SIGKILL);
    return 1.0;
  };
  CHECK_THROWS_WITH(in_processes(3, killed), ContainsSubstring("0 of 3 processes answered"));
}
