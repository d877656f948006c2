// SPDX-License-Identifier: MIT
#pragma once
// The front end that all programs share: flags, help, composing the configuration, multirun, and
// the one place where errors become a line on stderr and an exit code.
#include "subcommands.h"

#include "flops_fit/config/compose.h"
#include "flops_fit/config/dump.h"
#include "flops_fit/config/load.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/log.h"

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ff::cli {

/// A flag of one program, beside those that all have.
struct ExtraFlag {
  std::string name;  ///< "worker" for --worker
  std::string doc;
  bool hidden = false;
  std::string value_name = "";  ///< "DIR" if the flag takes a value
  /// The part of the configuration that the flag is about: with the flag, `widths=[1,2]` means
  /// `<section>.widths=[1,2]` where no top-level key has that name.
  std::string section = "";
};

/// What a program says about itself.
struct Program {
  std::string name;                   ///< "ff-plan"
  std::string stage;                  ///< "planner": conf/planner.yaml, and its section in presets
  std::string summary;                ///< one sentence
  std::vector<std::string> examples;  ///< three command lines that work
  std::string files;                  ///< what it reads and writes, one line each
  /// The keys that say where it writes: no two jobs of a sweep may have one value.
  std::vector<std::string> outputs = {};
  bool has_dry_run = false;
  std::vector<ExtraFlag> extra_flags = {};
  Subcommands commands = {};
};

/// How the program was called, for its run function.
struct Context {
  std::string program;
  std::string config_yaml;             ///< composed and resolved: what --cfg job prints
  std::vector<std::string> overrides;  ///< as typed; with --pipeline, those for this stage
  std::string config_name;             ///< empty unless given
  std::vector<std::filesystem::path> config_files;  ///< read, in order
  Verbosity verbosity = Verbosity::kNormal;
  bool json = false;                              ///< print data as JSON
  bool dry_run = false;                           ///< say what would be done
  std::map<std::string, std::string> extra = {};  ///< the extra flags given, with their values
  std::string command = {};                       ///< of a program with subcommands
  std::vector<std::string> operands = {};         ///< its files and names
  std::vector<std::filesystem::path> search_path = {};  ///< of configuration files

  [[nodiscard]] bool has(const std::string& flag) const { return extra.count(flag) > 0; }
};

/// Prints text for people, which may quote ids and names from files: with nothing that a terminal
/// obeys. Data (JSON, files) is printed as it is. Whether it was written shows at the end.
void print_text(std::string_view text);

namespace detail {

/// A program with its configuration type left behind.
struct ErasedProgram {
  config::Schema schema;
  /// Loads the resolved tree, keeps the configuration, and returns it as resolved YAML.
  std::function<std::string(const config::Node&)> load;
  /// Throws if what was loaded, or one of the overrides as typed, must be neither shown nor
  /// written.
  std::function<void(const std::vector<std::string>& overrides)> check;
  std::function<ExitCode(const Context&)> run;
};
int run_erased(int argc,
               char** argv,
               const Program& program,
               std::span<const config::StageSchema> stages,
               const ErasedProgram& erased);

}  // namespace detail

/// The whole of main(): parses the command line, composes a `Config` and calls
/// `ExitCode run(const Config&, const Context&)`. `stages` are the keys of all stages of the
/// pipeline (config::schema_of), for presets and --pipeline. `check(const Config&, overrides)` may
/// refuse the configuration before any of it is shown or written. Returns the exit code.
template <class Config, class Run, class Check>
int run_program(int argc,
                char** argv,
                const Program& program,
                std::span<const config::StageSchema> stages,
                Run&& run,
                Check&& check) {
  Config config;
  detail::ErasedProgram erased;
  erased.schema = config::describe(Config{});
  erased.load = [&](const config::Node& tree) {
    config = config::load<Config>(tree);
    return config::dump_resolved_yaml(config);
  };
  erased.check = [&](const std::vector<std::string>& overrides) {
    check(std::as_const(config), overrides);
  };
  erased.run = [&](const Context& context) { return run(std::as_const(config), context); };
  return detail::run_erased(argc, argv, program, stages, erased);
}

/// The same for a program that may show and write whatever it is given.
template <class Config, class Run>
int run_program(int argc,
                char** argv,
                const Program& program,
                std::span<const config::StageSchema> stages,
                Run&& run) {
  return run_program<Config>(
      argc, argv, program, stages, run, [](const Config&, const std::vector<std::string>&) {});
}

}  // namespace ff::cli
