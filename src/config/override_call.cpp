// SPDX-License-Identifier: MIT
#include "override_value.h"

#include "flops_fit/config/scalar.h"
#include "flops_fit/util/units.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace ff::config {
namespace {

constexpr int64_t kMaxRange = 100'000;  // values of one range()

[[noreturn]] void fault(std::string what) {
  throw CallFault{std::move(what)};
}

/// Decimal steps stay decimal: 3 * 3.3 is 9.9, and range(0,0.9,0.3) ends before 0.9.
double decimal(double x) {
  return *parse_real(fmt::format("{:.12g}", x));
}

Value call_cast(const std::string& name,
                std::vector<Argument>& arguments,
                const std::string& origin) {
  if (arguments.size() != 1 || !(arguments[0].name.empty() || arguments[0].name == "value")) {
    fault(fmt::format("{}() takes one value", name));
  }
  Value value = std::move(arguments[0].value);
  if (!value.include.empty()) {
    fault("glob() cannot be cast");
  }
  if (!value.is_sweep) {
    value.node = cast_value(name, value.node, origin);
  }
  for (Node& node : value.sweep) {
    node = cast_value(name, node, origin);
  }
  return value;
}

Value call_choice(std::vector<Argument>& arguments) {
  Value choice;
  choice.is_sweep = true;
  for (Argument& argument : arguments) {
    if (!argument.name.empty()) {
      fault("choice() takes values without names");
    }
    append_choice(choice, std::move(argument.value));
  }
  if (choice.sweep.empty()) {
    fault("choice() needs a value");
  }
  return choice;
}

Value call_range(const std::vector<Argument>& arguments, const std::string& origin) {
  static constexpr std::array<std::string_view, 3> kNames = {"start", "stop", "step"};
  std::array<std::optional<Node>, 3> given;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i].name;
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    const size_t index = name.empty() ? i : static_cast<size_t>(found - kNames.begin());
    if (index >= given.size() || given[index]) {
      fault("range() takes start, stop and step, each once");
    }
    given[index] = arguments[i].value.node;
  }
  if (given[0] && !given[1]) {
    std::swap(given[0], given[1]);  // range(5) counts from 0
  }
  bool whole = true;
  const auto number = [&](size_t index, double fallback) {
    if (!given[index]) {
      return fallback;
    }
    const Node& node = *given[index];
    const auto value =
        node.is_scalar() && !node.quoted ? parse_real(node.text) : std::optional<double>();
    if (!value || !std::isfinite(*value)) {
      fault(fmt::format("range() needs numbers, found {}", show(node)));
    }
    whole = whole && is_int_literal(node.text);
    return *value;
  };
  const double start = number(0, 0);
  const double stop = number(1, 0);
  const double step = number(2, 1);
  if (step == 0 || !given[1]) {
    fault("range() needs a stop, and a step other than 0");
  }
  Value value;
  value.is_sweep = true;
  for (int64_t i = 0; i < kMaxRange + 1; ++i) {
    const double x = decimal(start + static_cast<double>(i) * step);
    if (step > 0 ? x >= stop : x <= stop) {
      break;
    }
    value.sweep.push_back(
        Node::scalar(whole ? fmt::format("{:.0f}", x) : format_number(x), false, origin));
  }
  if (value.sweep.empty() || value.sweep.size() > kMaxRange) {
    fault(value.sweep.empty() ? "the range is empty" : "the range has more than 100000 values");
  }
  return value;
}

Value call_glob(const std::vector<Argument>& arguments) {
  Value value;
  value.is_sweep = true;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i].name;
    const bool is_include = name.empty() ? i == 0 : name == "include";
    const bool is_exclude = name.empty() ? i == 1 : name == "exclude";
    std::vector<std::string>& patterns = is_include ? value.include : value.exclude;
    if ((!is_include && !is_exclude) || !patterns.empty()) {
      fault("glob() takes include and exclude");
    }
    const Node& node = arguments[i].value.node;
    for (const Node& item : node.is_list() ? node.items : std::vector<Node>{node}) {
      patterns.push_back(item.text);
    }
  }
  if (value.include.empty()) {
    fault("glob() needs a pattern");
  }
  return value;
}

}  // namespace

void append_choice(Value& choice, Value value) {
  if (!value.include.empty()) {
    fault("glob() stands alone, not in a list of choices");
  }
  if (value.is_sweep) {
    std::move(value.sweep.begin(), value.sweep.end(), std::back_inserter(choice.sweep));
  } else {
    choice.sweep.push_back(std::move(value.node));
  }
}

void check_function(const std::string& name) {
  static constexpr std::array<std::string_view, 5> kNotServed = {
      "sort", "shuffle", "tag", "interval", "extend_list"};
  if (std::find(kNotServed.begin(), kNotServed.end(), name) != kNotServed.end()) {
    fault(fmt::format("{}() of Hydra is not supported here; write the values out", name));
  }
  if (!is_cast(name) && name != "choice" && name != "range" && name != "glob") {
    fault(fmt::format(
        "unknown function {}(); there are int, float, str, bool, json_str, choice, range and glob",
        name));
  }
}

Value call_function(const std::string& name,
                    std::vector<Argument> arguments,
                    const std::string& origin) {
  if (is_cast(name)) {
    return call_cast(name, arguments, origin);
  }
  if (name == "choice") {
    return call_choice(arguments);
  }
  return name == "range" ? call_range(arguments, origin) : call_glob(arguments);
}

}  // namespace ff::config
