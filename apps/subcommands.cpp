// SPDX-License-Identifier: MIT
#include "subcommands.h"

#include "cli_options.h"

#include "flops_fit/util/error.h"

#include <algorithm>
#include <cctype>

namespace ff::cli {
namespace {

bool is_number(const std::string& text) {
  const size_t first = text.starts_with('-') ? 1 : 0;
  return first < text.size() &&
         (std::isdigit(static_cast<unsigned char>(text[first])) != 0 || text[first] == '.');
}

/// A value as the override grammar writes it: numbers as they are, text in quotes.
std::string quoted(const std::string& value, config::Schema::Type type) {
  using Type = config::Schema::Type;
  if (type != Type::kText) {
    return value;
  }
  std::string out = "'";
  for (const char c : value) {
    out += c == '\'' ? "\\'" : std::string(1, c);
  }
  return out + "'";
}

class Parser {
 public:
  Parser(const std::vector<std::string>& arguments,
         const Subcommands& commands,
         const config::Schema& schema)
      : arguments_(&arguments), commands_(&commands), schema_(&schema) {}

  SubcommandCall run() {
    call_.command = commands_->list.front().name;
    while (at_ < arguments_->size()) {
      const std::string argument = next();
      if (argument == "--") {
        call_.operands.insert(call_.operands.end(),
                              arguments_->begin() + static_cast<std::ptrdiff_t>(at_),
                              arguments_->end());
        break;
      }
      if (argument == "-o") {
        flag("--output");
      } else if (argument.starts_with('-') && argument.size() > 1 && !is_number(argument)) {
        flag(argument);
      } else if (const size_t equals = argument.find('='); equals != std::string::npos) {
        const std::string prefix = "+~";
        const size_t first = argument.find_first_not_of(prefix);
        remember(argument.substr(first, equals - first));
        call_.arguments.push_back(argument);
      } else {
        operand(argument);
      }
    }
    check_command();
    check_keys();
    return std::move(call_);
  }

 private:
  const std::string& next() { return (*arguments_)[at_++]; }
  [[nodiscard]] bool more() const { return at_ < arguments_->size(); }

  /// The first operand may be a command.
  void operand(const std::string& text) {
    const bool first = !command_chosen_ && call_.operands.empty();
    if (first && find_command(text) != nullptr) {
      call_.command = text;
      command_chosen_ = true;
    } else {
      call_.operands.push_back(text);
    }
  }

  [[nodiscard]] const Subcommand* find_command(const std::string& name) const {
    const auto found = std::find_if(
        commands_->list.begin(), commands_->list.end(), [&](const Subcommand& command) {
          return command.name == name;
        });
    return found == commands_->list.end() ? nullptr : &*found;
  }

  /// `anlyze config.json`: the default command takes one operand, and its name is not needed.
  void check_command() const {
    if (command_chosen_ || call_.operands.size() < 2 ||
        call_.operands.front().find_first_of("./") != std::string::npos) {
      return;
    }
    std::vector<std::string> names;
    for (const Subcommand& command : commands_->list) {
      names.push_back(command.name);
    }
    throw error<ConfigError>(
        "{}: no such command; there are: {}.", call_.operands.front(), fmt::join(names, ", "));
  }

  /// A flag of a key takes its values; one of all programs is handed on, with its value.
  void flag(std::string argument) {
    std::optional<std::string> value;
    if (const size_t equals = argument.find('='); equals != std::string::npos) {
      value = argument.substr(equals + 1);
      argument.resize(equals);
    }
    const config::Schema* key = key_of(argument);
    if (key == nullptr) {
      pass_on(argument, value);
      return;
    }
    remember(key->name);
    std::vector<std::string> values;
    if (value) {
      values.push_back(*value);
    } else if (key->type == config::Schema::Type::kBool) {
      values.emplace_back("true");
    } else if (key->list_depth > 0 && key->type != config::Schema::Type::kText) {
      while (more() && is_number((*arguments_)[at_])) {
        values.push_back(next());
      }
    } else if (more()) {
      values.push_back(next());
    }
    if (values.empty()) {
      throw error<ConfigError>("{}: expected {}, found {}.",
                               argument,
                               key->list_depth > 0 ? "one or more numbers" : "a value",
                               more() ? "\"" + (*arguments_)[at_] + "\"" : "nothing");
    }
    std::string text;
    for (const std::string& item : values) {
      text += (text.empty() ? "" : ",") + quoted(item, key->type);
    }
    call_.arguments.push_back(
        fmt::format("{}={}", key->name, key->list_depth > 0 ? "[" + text + "]" : text));
  }

  [[nodiscard]] const config::Schema* key_of(const std::string& argument) const {
    if (!argument.starts_with("--")) {
      return nullptr;
    }
    std::string name = argument.substr(2);
    for (const auto& [alias, key] : commands_->aliases) {
      if (alias == name) {
        name = key;
      }
    }
    std::replace(name.begin(), name.end(), '-', '_');
    return schema_->find(name);
  }

  void pass_on(const std::string& argument, const std::optional<std::string>& value) {
    const std::optional<bool> takes_value = common_flag(argument);
    if (!takes_value) {
      std::vector<std::string> known = common_flag_names();
      for (const auto& [alias, key] : commands_->aliases) {
        known.push_back("--" + alias);
      }
      for (const std::string& key : config::keys(*schema_)) {
        std::string name = "--" + key;
        std::replace(name.begin() + 2, name.end(), '_', '-');
        known.push_back(name);
      }
      throw error<ConfigError>(
          "{}: no such option.{}", argument, config::suggestion(argument, known));
    }
    call_.arguments.push_back(value ? argument + "=" + *value : argument);
    // --help takes a group, which may be left out.
    const bool optional = argument == "--help" || argument == "-h";
    if (!value && *takes_value && more() && (!optional || !(*arguments_)[at_].starts_with('-'))) {
      call_.arguments.push_back(next());
    }
  }

  void remember(const std::string& key) { given_.push_back(key.substr(0, key.find('.'))); }

  void check_keys() const {
    const Subcommand& command = *find_command(call_.command);
    for (const std::string& key : given_) {
      const bool known = schema_->find(key) != nullptr;
      const bool read =
          std::find(command.keys.begin(), command.keys.end(), key) != command.keys.end();
      if (known && !read) {
        throw error<ConfigError>("{}: the command {} does not read it; it reads: {}.",
                                 key,
                                 command.name,
                                 fmt::join(command.keys, ", "));
      }
    }
  }

  const std::vector<std::string>* arguments_;
  const Subcommands* commands_;
  const config::Schema* schema_;
  size_t at_ = 0;
  bool command_chosen_ = false;
  SubcommandCall call_;
  std::vector<std::string> given_;
};

}  // namespace

SubcommandCall parse_subcommand(const std::vector<std::string>& arguments,
                                const Subcommands& commands,
                                const config::Schema& schema) {
  return Parser(arguments, commands, schema).run();
}

std::string subcommand_help(const Subcommands& commands) {
  std::string out = "\nCommands:\n";
  for (const Subcommand& command : commands.list) {
    out += help_row(command.name + " " + command.operands, command.doc);
  }
  out += "\nEvery key below is an option, too: --batch-size 4 is batch_size=4";
  for (const auto& [alias, key] : commands.aliases) {
    out += fmt::format(", --{} is {}", alias, key);
  }
  return out + ", -o is output.\n";
}

}  // namespace ff::cli
