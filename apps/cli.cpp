// SPDX-License-Identifier: MIT
#include "cli.h"

#include "cli_options.h"
#include "multirun.h"

#include "flops_fit/config/pipeline.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/terminal.h"
#include "flops_fit/util/version.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <new>
#include <system_error>

namespace ff::cli {
namespace {

namespace fs = std::filesystem;

/// The stages a preset may have sections for, whether or not this program knows their keys.
constexpr std::array kStages = {
    "planner", "trainer", "analyzer", "visualizer", "tokenizer", "roofline"};

/// The key that each job of a sweep gets a folder of its own with.
constexpr const char* kOutput = "output_dir";

/// Data for the user; finish() sees whether it was written.
void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

/// A line for each, whatever is in the names and descriptions.
std::string preset_table(const std::vector<config::Preset>& presets) {
  size_t width = 0;
  for (const config::Preset& preset : presets) {
    width = std::max(width, printable_text(preset.name).size());
  }
  std::string out;
  for (const config::Preset& preset : presets) {
    out += fmt::format(
        "{:<{}}  {}\n", printable_text(preset.name), width, printable_text(preset.description));
  }
  return out;
}

Verbosity verbosity_of(const Options& options) {
  if (options.quiet && options.verbose) {
    throw ConfigError("-q and -v exclude each other.");
  }
  return options.quiet     ? Verbosity::kQuiet
         : options.verbose ? Verbosity::kVerbose
                           : Verbosity::kNormal;
}

/// The front end of one call, step by step.
class Session {
 public:
  Session(const Program& program,
          std::span<const config::StageSchema> stages,
          const detail::ErasedProgram& erased,
          Options options)
      : program_(&program), stages_(stages), erased_(&erased), options_(std::move(options)) {}

  ExitCode run() {
    if (answer_without_files()) {
      return ExitCode::kOk;
    }
    check_current_folder();
    const auto verbosity = verbosity_of(options_);
    init_logging(verbosity);
    search_path_ =
        config::search_path({options_.config_dir, options_.config_path, config::executable_dir()});
    if (options_.list_presets) {
      const auto presets = config::list_presets(search_path_);
      if (presets.empty()) {
        spdlog::warn("there are no presets in the search path.");
      }
      print(preset_table(presets));
      return ExitCode::kOk;
    }
    if (!options_.show_config.empty() && options_.show_config != "job") {
      throw error<ConfigError>(
          "--cfg {}: only --cfg job is supported; it prints the whole "
          "configuration, resolved.",
          options_.show_config);
    }
    expand_section_keys();
    if (options_.pipeline) {
      options_.overrides = config::route_overrides(program_->stage, stages_, options_.overrides);
    }
    if (options_.multirun) {
      if (!program_->commands.list.empty()) {
        throw error<ConfigError>("--multirun: {} has no sweeps; call it once for each value.",
                                 program_->name);
      }
      return static_cast<ExitCode>(multirun());
    }
    return single_run(verbosity);
  }

 private:
  /// Every relative path starts from it.
  static void check_current_folder() {
    std::error_code failure;
    static_cast<void>(fs::current_path(failure));
    if (failure) {
      throw error<PathError>("the current folder: {}. Was it removed? Change to another one.",
                             failure.message());
    }
  }

  /// --version and the like, which must be quick and work anywhere.
  bool answer_without_files() const {
    if (options_.help) {
      print(help_text(*program_, erased_->schema, *options_.help));
    } else if (options_.version) {
      print(fmt::format("{} {}\n", program_->name, version()));
    } else if (options_.print_defaults) {
      print(config::defaults_file(
          erased_->schema,
          fmt::format("Defaults of {0}. Written by `{0} --print-defaults`, and a test keeps it so: "
                      "change the program's configuration struct, not this file.",
                      program_->name)));
    } else if (options_.list_keys) {
      std::string out;
      for (const std::string& key : config::keys(erased_->schema)) {
        out += key + '\n';
      }
      print(out);
    } else if (!options_.shell_completion.empty()) {
      print(completion_script(*program_, options_.shell_completion));
    } else {
      return false;
    }
    return true;
  }

  /// See ExtraFlag::section.
  void expand_section_keys() {
    for (const ExtraFlag& flag : program_->extra_flags) {
      if (flag.section.empty() || options_.extra.count(flag.name) == 0) {
        continue;
      }
      for (std::string& text : options_.overrides) {
        const std::string key = text.substr(0, text.find('='));
        if (erased_->schema.find(key) == nullptr &&
            erased_->schema.find(flag.section + "." + key) != nullptr) {
          text = flag.section + "." + text;
        }
      }
    }
  }

  ExitCode single_run(Verbosity verbosity) {
    const config::Composition composed = config::compose(request());
    for (const std::string& warning : composed.warnings) {
      spdlog::warn(warning);
    }
    Context context{.program = program_->name,
                    .config_yaml = erased_->load(composed.tree),
                    .overrides = options_.overrides,
                    .config_name = options_.config_name,
                    .config_files = composed.files,
                    .verbosity = verbosity,
                    .json = options_.json,
                    .dry_run = options_.dry_run,
                    .extra = options_.extra,
                    .command = options_.command,
                    .operands = options_.operands,
                    .search_path = search_path_};
    erased_->check(context.overrides);
    if (!options_.show_config.empty()) {
      print_text(context.config_yaml);  // \x9b and \u202e are YAML's escapes, too
      return ExitCode::kOk;
    }
    enter_run_folder(composed.hydra, context);
    return erased_->run(context);
  }

  config::ComposeRequest request() const {
    config::ComposeRequest request{.stage = program_->stage,
                                   .schema = erased_->schema,
                                   .stages = {kStages.begin(), kStages.end()},
                                   .search_path = search_path_,
                                   .config_name = options_.config_name,
                                   .overrides = options_.overrides};
    for (const config::StageSchema& stage : stages_) {
      if (std::find(request.stages.begin(), request.stages.end(), stage.name) ==
          request.stages.end()) {
        request.stages.push_back(stage.name);
      }
    }
    return request;
  }

  /// hydra.run.dir and hydra.output_subdir.
  static void enter_run_folder(const config::HydraSettings& hydra, const Context& context) {
    if (hydra.run_dir != ".") {
      std::error_code failure;
      fs::create_directories(hydra.run_dir, failure);
      if (!failure) {
        fs::current_path(hydra.run_dir, failure);
      }
      if (failure) {
        throw error<ConfigError>(
            "hydra.run.dir: cannot enter {}: {}.", hydra.run_dir, failure.message());
      }
    }
    if (hydra.output_subdir && !context.dry_run) {
      std::string lines;
      for (const std::string& text : context.overrides) {
        lines += "- " + config::yaml_value(config::Node::scalar(text, true)) + '\n';
      }
      const fs::path folder = *hydra.output_subdir;
      write_file_atomically(folder / "config.yaml", context.config_yaml);
      write_file_atomically(folder / "overrides.yaml", lines.empty() ? "[]\n" : lines);
    }
  }

  int multirun() {
    const auto changes = config::parse_overrides(options_.overrides);
    const bool user_chose_output = std::any_of(
        changes.begin(), changes.end(), [](const auto& change) { return change.key == kOutput; });
    const bool numbered = erased_->schema.find(kOutput) != nullptr && !user_chose_output;
    const bool writes = options_.show_config.empty() && !options_.dry_run;
    std::vector<Job> jobs;
    for (auto& overrides : config::expand_sweeps(options_.overrides, search_path_)) {
      jobs.push_back({.overrides = std::move(overrides)});
    }
    check_jobs(jobs, numbered, writes, changes);
    if (!numbered) {
      return run_jobs(child_flags(), jobs);
    }
    const std::string folder = writes ? make_multirun_folder(jobs) : "multirun/new";
    for (size_t i = 0; i < jobs.size(); ++i) {
      jobs[i].output = numbered_output(folder, i);
    }
    const int code = run_jobs(child_flags(), jobs);
    if (writes) {
      remove_empty_multirun_folder(jobs, folder);
    }
    return code;
  }

  static std::string numbered_output(const std::string& folder, size_t job) {
    return fmt::format("{}={}/{}", kOutput, folder, job);
  }

  /// Faults in the configuration, and jobs that would write over each other, show before the first
  /// job has run for an hour.
  void check_jobs(std::vector<Job>& jobs,
                  bool numbered,
                  bool writes,
                  const std::vector<config::Override>& changes) {
    const auto swept = std::find_if(
        changes.begin(), changes.end(), [](const auto& change) { return change.is_sweep; });
    JobOutputs outputs(swept == changes.end() ? "seed" : swept->key, numbered ? "" : kOutput);
    for (size_t i = 0; i < jobs.size(); ++i) {
      config::ComposeRequest check = request();
      check.overrides = jobs[i].overrides;
      if (numbered) {
        check.overrides.push_back(numbered_output("multirun/new", i));
      }
      const config::Composition composed = config::compose(check);
      const auto loaded = config::parse_yaml(erased_->load(composed.tree), "the configuration");
      erased_->check(check.overrides);
      const std::string& run_dir = composed.hydra.run_dir;
      jobs[i].run_dir = run_dir;
      if (!writes) {
        continue;
      }
      for (const std::string& key : program_->outputs) {
        const config::Node* value = loaded.find_path(key);
        if (value != nullptr && !value->text.empty()) {
          outputs.add(i, run_dir, key, value->text);
        }
      }
      if (composed.hydra.output_subdir) {
        outputs.add(i, run_dir, "hydra.output_subdir", *composed.hydra.output_subdir);
      }
    }
  }

  std::vector<std::string> child_flags() const {
    std::vector<std::string> flags;
    const auto add = [&](bool given, const std::string& flag) {
      if (given) {
        flags.push_back(flag);
      }
    };
    add(!options_.config_name.empty(), "--config-name=" + options_.config_name);
    add(!options_.config_path.empty(), "--config-path=" + options_.config_path);
    add(!options_.config_dir.empty(), "--config-dir=" + options_.config_dir);
    add(!options_.show_config.empty(), "--cfg=" + options_.show_config);
    add(options_.quiet, "--quiet");
    add(options_.verbose, "--verbose");
    add(options_.json, "--json");
    add(options_.dry_run, "--dry-run");
    for (const ExtraFlag& flag : program_->extra_flags) {
      if (const auto given = options_.extra.find(flag.name); given != options_.extra.end()) {
        flags.push_back(flag.value_name.empty() ? "--" + flag.name
                                                : "--" + flag.name + "=" + given->second);
      }
    }
    return flags;
  }

  const Program* program_;
  std::span<const config::StageSchema> stages_;
  const detail::ErasedProgram* erased_;
  Options options_;
  std::vector<fs::path> search_path_;
};

/// A message as one line for a terminal: what it quotes from a file may hold anything.
std::string one_line(const std::string& message) {
  constexpr size_t kLongest = 4000;
  const std::string line = printable_text(message.substr(0, kLongest));
  return message.size() > kLongest ? line + "..." : line;
}

int report(const Program& program, const std::string& message, ExitCode code) {
  std::fflush(stdout);
  write_to_stderr(fmt::format("{}: error: {}\n", program.name, one_line(message)));
  return static_cast<int>(code);
}

/// The file or files first, as in all other messages; the library begins with the call's name.
std::string text_of(const fs::filesystem_error& problem) {
  std::string files = problem.path1().string();
  if (!problem.path2().empty()) {
    files += " and " + problem.path2().string();
  }
  return fmt::format("{}{}{}.", files, files.empty() ? "" : ": ", problem.code().message());
}

/// What a program prints goes to a buffer first: whether it was written shows here. Nothing that
/// ran after a signal or failed is made to look better by it.
int finish(const Program& program, int code) {
  const std::string problem = stdout_problem();
  if (problem.empty()) {
    return code;
  }
  const bool stopped = code >= static_cast<int>(ExitCode::kHungUp);
  return report(program,
                fmt::format("cannot write to standard output: {}.", problem),
                stopped ? static_cast<ExitCode>(code) : ExitCode::kRuntimeFailure);
}

}  // namespace

void print_text(std::string_view text) {
  print(printable_text(text, Newlines::kKeep));
}

namespace detail {

int run_erased(int argc,
               char** argv,
               const Program& program,
               std::span<const config::StageSchema> stages,
               const ErasedProgram& erased) {
  open_standard_descriptors();
  install_cleanup_handlers();
  try {
    end_with_multirun();
    Session session(program, stages, erased, parse_options(argc, argv, program, erased.schema));
    return finish(program, static_cast<int>(session.run()));
  } catch (const Error& problem) {
    return report(program, problem.what(), problem.exit_code());
  } catch (const std::bad_alloc&) {
    return report(program, "out of memory.", ExitCode::kRuntimeFailure);
  } catch (const fs::filesystem_error& problem) {
    return report(program, text_of(problem), ExitCode::kRuntimeFailure);
  } catch (const std::exception& problem) {
    // Of fmt::print(), which names no file.
    const bool printing = std::ferror(stdout) != 0;
    return report(program,
                  printing ? fmt::format("cannot write to standard output: {}.", stdout_problem())
                           : problem.what(),
                  ExitCode::kRuntimeFailure);
  } catch (...) {
    return report(program, "an unknown exception (a bug).", ExitCode::kRuntimeFailure);
  }
}

}  // namespace detail

}  // namespace ff::cli
