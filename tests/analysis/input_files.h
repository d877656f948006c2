// SPDX-License-Identifier: MIT
#pragma once
// Tables written for one test, and what reading them gives.
#include "analysis/planted.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/analysis/checks.h"
#include "flops_fit/analysis/input.h"
#include "flops_fit/util/error.h"

#include <numeric>
#include <string>
#include <vector>

namespace ff::test {

using namespace ff::analysis;

inline AnalyzerConfig config_of(const std::filesystem::path& path) {
  AnalyzerConfig config;
  config.paths.results = path.string();
  config.paths.analysis = (path.parent_path() / "analysis").string();
  return config;
}

/// What reading this content under this name gives.
inline InputData read(const std::string& name,
                      const std::string& content,
                      const InputConfig& input = {}) {
  const TemporaryFolder folder;
  write_text(folder / name, content);
  AnalyzerConfig config = config_of(folder / name);
  config.input = input;
  return read_input(config);
}

inline std::string fault(const std::string& name,
                         const std::string& content,
                         const InputConfig& input = {}) {
  try {
    (void)read(name, content, input);
  } catch (const Error& problem) {
    CHECK((dynamic_cast<const FileError*>(&problem) != nullptr ||
           dynamic_cast<const ConfigError*>(&problem) != nullptr));
    CHECK(std::string(problem.what()).find('\n') == std::string::npos);
    return problem.what();
  }
  return "no error";
}

inline std::string joined(const std::vector<std::string>& lines) {
  return std::accumulate(
      lines.begin(), lines.end(), std::string(), [](const std::string& a, const std::string& b) {
        return a + b + "\n";
      });
}

/// The Chinchilla law's runs, without anything wrong.
inline std::vector<Run> clean_runs() {
  return runs_from(planted_runs(kChinchilla));
}

inline std::string warnings_of(const std::vector<Run>& runs) {
  const Dataset data = prepare_runs(runs, {});
  return joined(data.warnings) + joined(check_data(data));
}

}  // namespace ff::test
