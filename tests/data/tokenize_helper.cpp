// SPDX-License-Identifier: MIT
// The protocol of ff-tokenize and no more, for the tests of ensure_token_cache().
#include "flops_fit/tokenize/tokenize.h"
#include "flops_fit/util/error.h"

#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
  if (argc < 3 || std::string_view(argv[1]) != "--dataset-json") {
    return static_cast<int>(ff::ExitCode::kUsage);
  }
  try {
    const auto summary = ff::tokenize::tokenize_json(argv[2]);
    std::fprintf(stderr, "%s\n", ff::tokenize::describe(summary).c_str());
    return 0;
  } catch (const ff::Error& problem) {
    std::fprintf(stderr, "error: %s\n", problem.what());
    return static_cast<int>(problem.exit_code());
  }
}
