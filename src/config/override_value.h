// SPDX-License-Identifier: MIT
#pragma once
// Private to the override parser: values, sweeps, and the functions that make them.
#include "flops_fit/config/override.h"

namespace ff::config {

/// What stands to the right of '=': one value, or the values of a sweep.
struct Value {
  Node node;
  bool is_sweep = false;
  std::vector<Node> sweep;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
};

struct Argument {
  std::string name;  ///< empty if positional
  Value value;
};

/// A fault that the parser reports with its place.
struct CallFault {
  std::string what;
};

/// Throws CallFault unless there is a function of that name.
void check_function(const std::string& name);
/// int(), float(), str(), bool(), json_str(), choice(), range(), glob(). Throws CallFault, and
/// ConfigError for a value that cannot be cast.
[[nodiscard]] Value call_function(const std::string& name,
                                  std::vector<Argument> arguments,
                                  const std::string& origin);
/// Adds a value, or all of a sweep. Throws CallFault for a glob.
void append_choice(Value& choice, Value value);

}  // namespace ff::config
