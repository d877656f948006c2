// SPDX-License-Identifier: MIT
#pragma once
// The user's module database (cost/modules.h has the format), and the program that may be asked for
// what is not in it.
#include "flops_fit/cost/modules.h"
#include "flops_fit/util/foreign_program.h"

#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ff::roofline {

/// The entries of a file; none if there is no such file. Throws FileError.
[[nodiscard]] cost::ModuleDb read_user_modules(const std::filesystem::path& path);
/// Reads the file, changes its entries and writes it; of several processes that do so at once, one
/// after the other. If `change` throws, the file stays as it is. Throws Error if it is not our turn
/// within `patience`.
void change_user_modules(const std::filesystem::path& path,
                         const std::function<void(cost::ModuleDb&)>& change,
                         std::chrono::milliseconds patience = std::chrono::minutes(1));

/// A layer that waits for a module.
struct Instance {
  std::string path;
  nlohmann::ordered_json parameters;  ///< those that the tree gives
};

/// Refuses an entry with an empty formula, and one that overflows, is not a number, or is less than
/// nothing at any of two dozen points: parameters small and large, odd and even, equal and not.
/// Throws FileError, saying at which.
void probe(const cost::Module& module, const cost::ModuleDb& db);

struct AnalyzerOptions {
  std::vector<std::string> command;  ///< program and arguments; no shell
  double timeout_s = 600.0;
  Environment environment = environment_without_secrets();
};

/// Asks a program for the entry of a class. It reads
///   {"protocol": 1, "class": ..., "instances": [{"path": ..., "parameters": {...}}], "schema":
///   {...}}
/// and answers with one entry. That is taken only if it is valid by the schema, is of that class,
/// and passes probe(); its origin becomes external:COMMAND, and no human has validated it, whatever
/// it says. Throws FileError for a bad answer, Error if the program fails, takes too long or writes
/// more than 1 MiB.
[[nodiscard]] cost::Module ask_analyzer(const AnalyzerOptions& options,
                                        const std::string& cls,
                                        const std::vector<Instance>& instances,
                                        const cost::ModuleDb& db);

}  // namespace ff::roofline
