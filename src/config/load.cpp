// SPDX-License-Identifier: MIT
#include "flops_fit/config/load.h"

#include "flops_fit/config/scalar.h"

#include <fmt/ranges.h>

#include <cmath>

namespace ff::config::detail {
namespace {

std::string at(const Node& node) {
  return node.origin.empty() ? "" : node.origin + ": ";
}

/// "a whole number from 1 to 10", "a number of at most 3".
std::string number_rule(std::string_view what, double min, double max) {
  const bool has_min = std::isfinite(min);
  const bool has_max = std::isfinite(max);
  if (has_min && has_max) {
    return fmt::format("{} from {} to {}", what, format_number(min), format_number(max));
  }
  if (has_min) {
    return fmt::format("{} from {} up", what, format_number(min));
  }
  if (has_max) {
    return fmt::format("{} of at most {}", what, format_number(max));
  }
  return std::string(what);
}

/// Hydra's mark for a value that the user has to give.
void check_given(const Node& node, const std::string& key) {
  if (node.is_scalar() && !node.quoted && node.text == "???") {
    throw error<ConfigError>("{}{}: a value is required, and none is set.", at(node), key);
  }
}

}  // namespace

void refuse(const Node& node,
            const std::string& key,
            const std::string& expected,
            const std::string& advice) {
  check_given(node, key);
  throw error<ConfigError>(
      "{}{}: expected {}, found {}.{}", at(node), key, expected, show(node), advice);
}

void refuse_key(const Node& node, const std::string& key, std::string_view why) {
  throw error<ConfigError>("{}{} is not used here: {}.", at(node), key, why);
}

void report_unknown(const UnknownKey& unknown, std::span<const std::string> known) {
  throw error<ConfigError>("{}unknown key {}.{}",
                           unknown.origin.empty() ? "" : unknown.origin + ": ",
                           unknown.key,
                           suggestion(unknown.key, known));
}

bool to_bool(const Node& node, const std::string& key) {
  const auto value =
      node.is_scalar() && !node.quoted ? parse_bool(node.text) : std::optional<bool>();
  if (!value) {
    refuse(node, key, "true or false");
  }
  return *value;
}

int64_t to_int(
    const Node& node, const std::string& key, const FieldInfo& info, int64_t low, int64_t high) {
  const auto value =
      node.is_scalar() && !node.quoted ? parse_int(node.text) : std::optional<int64_t>();
  const bool fits = value && *value >= low && *value <= high;
  const double real = fits ? static_cast<double>(*value) : 0.0;
  if (!fits || real < info.min || real > info.max) {
    // Name the limits of the type only when they are what was broken.
    const double min =
        std::isfinite(info.min) || !value || *value >= low ? info.min : static_cast<double>(low);
    const double max =
        std::isfinite(info.max) || !value || *value <= high ? info.max : static_cast<double>(high);
    refuse(node, key, number_rule("a whole number", min, max));
  }
  return *value;
}

double to_real(const Node& node, const std::string& key, const FieldInfo& info) {
  const auto value =
      node.is_scalar() && !node.quoted ? parse_real(node.text) : std::optional<double>();
  const bool allowed = value && (std::isfinite(*value) || info.non_finite);
  if (!allowed || *value < info.min || *value > info.max) {
    refuse(node,
           key,
           number_rule(info.non_finite ? "a number, inf or nan" : "a number", info.min, info.max));
  }
  return *value;
}

std::string to_text(const Node& node, const std::string& key, const FieldInfo& info) {
  check_given(node, key);
  if (!node.is_scalar()) {
    refuse(node, key, "text");
  }
  const auto& choices = info.choices;
  if (!choices.empty() && std::find(choices.begin(), choices.end(), node.text) == choices.end()) {
    const auto near = nearest_key(node.text, choices);
    refuse(node,
           key,
           fmt::format("one of {}", fmt::join(choices, ", ")),
           near ? fmt::format(" Did you mean {}?", *near) : "");
  }
  return node.text;
}

}  // namespace ff::config::detail
