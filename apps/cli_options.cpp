// SPDX-License-Identifier: MIT
#include "cli_options.h"

#include "flops_fit/config/dump.h"
#include "flops_fit/config/scalar.h"

#include <CLI/CLI.hpp>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <deque>

namespace ff::cli {
namespace {

constexpr size_t kWidth = 100;

/// A flag that all programs have. The same table drives parsing, help and completion.
struct Flag {
  const char* names;  ///< as CLI11 writes them
  const char* value;  ///< its name in the help; empty for a switch
  const char* doc;    ///< empty: hidden
  bool Options::*on = nullptr;
  std::string Options::*text = nullptr;
};

constexpr std::array kFlags = {
    Flag{"-h,--help", "[GROUP]", "This text; with a group, only its keys."},
    Flag{"--version", "", "Print the version.", &Options::version},
    Flag{"--config-name",
         "NAME",
         "Use conf/NAME.yaml or the preset NAME. Also -cn.",
         nullptr,
         &Options::config_name},
    Flag{"--config-path",
         "DIR",
         "Look for configurations in DIR, not in conf. Also -cp.",
         nullptr,
         &Options::config_path},
    Flag{"--config-dir",
         "DIR",
         "Look for configurations in DIR first. Also -cd.",
         nullptr,
         &Options::config_dir},
    Flag{"-c,--cfg",
         "job",
         "Print the composed configuration as YAML and stop.",
         nullptr,
         &Options::show_config},
    Flag{"--list-presets", "", "List the presets and stop.", &Options::list_presets},
    Flag{"-m,--multirun",
         "",
         "Run once for each combination of key=a,b values.",
         &Options::multirun},
    Flag{"--json", "", "Print the result as JSON.", &Options::json},
    Flag{"-q,--quiet", "", "Warnings and errors only.", &Options::quiet},
    Flag{"-v,--verbose", "", "Log decisions too.", &Options::verbose},
    Flag{"--shell-completion",
         "SHELL",
         "Print a completion script for bash or zsh. Also -sc.",
         nullptr,
         &Options::shell_completion},
    Flag{"--print-defaults", "", "", &Options::print_defaults},
    Flag{"--list-keys", "", "", &Options::list_keys},
    Flag{"--pipeline", "", "", &Options::pipeline},
};

/// Hydra's two-letter flags, which CLI11 cannot express.
std::string long_name(const std::string& argument) {
  static constexpr std::array<std::pair<const char*, const char*>, 4> kShort = {{
      {"-cn", "--config-name"},
      {"-cp", "--config-path"},
      {"-cd", "--config-dir"},
      {"-sc", "--shell-completion"},
  }};
  for (const auto& [two, full] : kShort) {
    if (argument == two || argument.starts_with(std::string(two) + "=")) {
      return full + argument.substr(3);
    }
  }
  return argument;
}

std::string with_blank(std::string names) {
  const auto comma = names.find(',');
  return comma == std::string::npos ? "    " + names : names.insert(comma + 1, " ");
}

/// The names of a flag: "-c,--cfg" has two.
bool has_name(const Flag& flag, const std::string& argument) {
  const std::string names = std::string(",") + flag.names + ",";
  return names.find("," + argument + ",") != std::string::npos;
}

}  // namespace

std::string help_row(const std::string& head, const std::string& doc) {
  constexpr size_t kColumn = 30;
  const auto lines = config::wrap(doc, kWidth - kColumn);
  std::string out = fmt::format("  {:<{}}", head, kColumn - 2);
  if (out.back() != ' ') {
    out += '\n' + std::string(kColumn, ' ');
  }
  for (size_t i = 0; i < lines.size(); ++i) {
    out += (i == 0 ? "" : std::string(kColumn, ' ')) + lines[i] + '\n';
  }
  return out;
}

std::optional<bool> common_flag(const std::string& argument) {
  for (const Flag& flag : kFlags) {
    if (has_name(flag, long_name(argument))) {
      return flag.on == nullptr;
    }
  }
  return std::nullopt;
}

std::vector<std::string> common_flag_names() {
  std::vector<std::string> out;
  for (const Flag& flag : kFlags) {
    const std::string_view names = flag.names;
    if (*flag.doc != '\0') {
      out.emplace_back(names.substr(names.find("--")));
    }
  }
  return out;
}

Options parse_options(int argc, char** argv, const Program& program, const config::Schema& schema) {
  Options out;
  CLI::App app;
  app.set_help_flag();
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  std::string group;
  CLI::Option* help = nullptr;
  for (const Flag& flag : kFlags) {
    if (flag.text != nullptr) {
      app.add_option(flag.names, out.*flag.text)->type_size(1);
    } else if (flag.on != nullptr) {
      app.add_flag(flag.names, out.*flag.on);
    } else {
      help = app.add_option(flag.names, group)->expected(0, 1);
    }
  }
  if (program.has_dry_run) {
    app.add_flag("--dry-run", out.dry_run);
  }
  std::deque<std::string> values;  // CLI11 keeps references to them
  std::map<std::string, CLI::Option*> extra;
  for (const ExtraFlag& flag : program.extra_flags) {
    std::string& value = values.emplace_back();
    extra[flag.name] = flag.value_name.empty() ? app.add_flag("--" + flag.name)
                                               : app.add_option("--" + flag.name, value);
  }
  app.add_option("overrides", out.overrides)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);

  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!program.commands.list.empty()) {
    SubcommandCall call = parse_subcommand(arguments, program.commands, schema);
    out.command = std::move(call.command);
    out.operands = std::move(call.operands);
    arguments = std::move(call.arguments);
  }
  std::transform(arguments.begin(), arguments.end(), arguments.begin(), long_name);
  // CLI11 takes its arguments last first.
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& problem) {
    std::string what = problem.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    throw error<ConfigError>("{}. {} --help lists the options.", what, program.name);
  }
  if (help->count() > 0) {
    // `--help key=value` asks for help, not about a group of that name.
    out.help = group.find('=') == std::string::npos ? group : "";
  }
  size_t index = 0;
  for (const ExtraFlag& flag : program.extra_flags) {
    const std::string& value = values[index++];
    if (extra[flag.name]->count() > 0) {
      out.extra[flag.name] = value;
    }
  }
  return out;
}

std::string help_text(const Program& program,
                      const config::Schema& schema,
                      const std::string& group) {
  if (!group.empty()) {
    return config::help_tree(schema, group, kWidth);
  }
  const bool commands = !program.commands.list.empty();
  std::string out = fmt::format("{}\n\nUsage: {} {}[options] [key=value ...]\n",
                                program.summary,
                                program.name,
                                commands ? "[command] [file ...] " : "");
  out += "\nExamples:\n";
  for (const std::string& example : program.examples) {
    out += "  " + example + '\n';
  }
  if (commands) {
    out += subcommand_help(program.commands);
  }
  out += "\nOptions:\n";
  for (const Flag& flag : kFlags) {
    if (*flag.doc != '\0') {
      out += help_row(fmt::format("{} {}", with_blank(flag.names), flag.value), flag.doc);
    }
  }
  if (program.has_dry_run) {
    out += help_row("    --dry-run", "Say what would be done, and stop.");
  }
  for (const ExtraFlag& flag : program.extra_flags) {
    if (!flag.hidden) {
      out += help_row(fmt::format("    --{} {}", flag.name, flag.value_name), flag.doc);
    }
  }
  out += "\nConfiguration (key, default, meaning), set with key=value, in Hydra's grammar:\n";
  out += config::help_tree(schema, "", kWidth);
  if (!program.files.empty()) {
    out += "\nFiles:\n";
    for (std::string_view rest = program.files; !rest.empty();) {
      const auto end = rest.find('\n');
      out += fmt::format("  {}\n", rest.substr(0, end));
      rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
    }
  }
  out +=
      "\nExit codes: 0 ok; 1 failed at run time; 2 usage or configuration; 3 an input file is "
      "missing,\n  damaged or of an unknown version; 4 finished, but some experiments failed or "
      "are "
      "left;\n  5 too little data to fit; 129, 130, 143 stopped by SIGHUP, SIGINT, SIGTERM, after "
      "saving\n  what can be.\n";
  return out;
}

std::vector<std::string> flag_names(const Program& program) {
  std::vector<std::string> out = common_flag_names();
  if (program.has_dry_run) {
    out.emplace_back("--dry-run");
  }
  for (const ExtraFlag& flag : program.extra_flags) {
    if (!flag.hidden) {
      out.push_back("--" + flag.name);
    }
  }
  return out;
}

std::string completion_script(const Program& program, const std::string& shell) {
  if (shell != "bash" && shell != "zsh") {
    throw error<ConfigError>("--shell-completion {}: expected bash or zsh.", shell);
  }
  std::string function = "_" + program.name;
  std::replace(function.begin(), function.end(), '-', '_');
  std::string out = shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
  // Keys end in '=', so no blank may follow them; a value after '=' is left to the shell.
  out += fmt::format(
      "{0}() {{\n"
      "  local word=\"${{COMP_WORDS[COMP_CWORD]}}\"\n"
      "  local flags='{2}'\n"
      "  COMPREPLY=()\n"
      "  if [[ \"$word\" == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
      "  elif [[ \"$word\" != *=* ]]; then\n"
      "    COMPREPLY=($(compgen -S = -W \"$({1} --list-keys 2>/dev/null)\" -- \"$word\"))\n"
      "    compopt -o nospace 2>/dev/null\n"
      "  fi\n"
      "}}\n"
      "complete -o default -F {0} {1}\n",
      function,
      program.name,
      fmt::join(flag_names(program), " "));
  return out;
}

}  // namespace ff::cli
