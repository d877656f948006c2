// SPDX-License-Identifier: MIT
// Hydra's conversion matrix for int(), float(), str(), bool() and json_str(), and the way back from
// a value to override grammar.
#include "flops_fit/config/override.h"
#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace ff::config {
namespace {

using Json = nlohmann::ordered_json;

/// A float as Python prints it (10.0, 1000000.0, 1e+16), because str(1e6) shows it.
std::string python_float(double value) {
  if (std::isnan(value)) {
    return "nan";
  }
  if (std::isinf(value)) {
    return value < 0 ? "-inf" : "inf";
  }
  const double size = std::abs(value);
  const bool fixed = value == 0 || (size >= 1e-4 && size < 1e16);
  std::array<char, 64> buffer{};
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
  std::string text(buffer.data(), end);
  return fixed && text.find('.') == std::string::npos ? text + ".0" : text;
}

/// The scalar's value if it is a number and not quoted text.
std::optional<double> plain_number(const Node& node) {
  return node.quoted ? std::nullopt : parse_real(node.text);
}

std::optional<std::string> cast_scalar(std::string_view type, const Node& node) {
  const auto flag = node.quoted ? std::nullopt : parse_bool(node.text);
  const auto real = plain_number(node);
  if (type == "str") {
    const bool is_float = real && !is_int_literal(node.text);
    return is_float ? python_float(*real) : flag ? lower(node.text) : node.text;
  }
  if (type == "bool") {
    if (const auto word = parse_bool(node.text)) {
      return *word ? "true" : "false";
    }
    return real ? std::optional<std::string>(*real != 0 ? "true" : "false") : std::nullopt;
  }
  if (type == "int") {
    if (flag) {
      return *flag ? "1" : "0";
    }
    if (is_int_literal(node.text)) {
      return node.text;
    }
    // 2^53: up to there the double is the whole number that was written.
    if (!real || !(std::abs(*real) <= 9007199254740992.0)) {
      return std::nullopt;
    }
    return fmt::format("{:.0f}", std::trunc(*real) + 0.0);
  }
  if (flag) {
    return *flag ? "1.0" : "0.0";
  }
  const auto any = parse_real(node.text);
  return any ? std::optional<std::string>(python_float(*any)) : std::nullopt;
}

bool needs_quotes(const std::string& text) {
  static constexpr std::string_view kSpecial = "\\()[]{}:=,'\"$ \t\n";
  return text.empty() || text.find_first_of(kSpecial) != std::string::npos ||
         lower(text) == "null" || parse_real(text) || parse_bool(text);
}

/// '...' as parse_quoted() reads it: backslashes double where a quote follows, at the end too.
std::string quote(const std::string& text) {
  std::string out = "'";
  size_t slashes = 0;
  for (const char c : text) {
    if (c == '\'') {
      out.append(slashes + 1, '\\');
    }
    slashes = c == '\\' ? slashes + 1 : 0;
    out += c;
  }
  out.append(slashes, '\\');
  return out + "'";
}

}  // namespace

bool is_cast(std::string_view name) {
  return name == "int" || name == "float" || name == "str" || name == "bool" || name == "json_str";
}

Node cast_value(std::string_view type, const Node& value, const std::string& origin) {
  if (type == "json_str") {
    return Node::scalar(
        to_json(value).dump(-1, ' ', false, Json::error_handler_t::replace), true, origin);
  }
  Node out = value;
  out.origin = origin;
  if (value.is_list() || value.is_map()) {
    for (Node& item : out.items) {
      item = cast_value(type, item, origin);
    }
    return out;
  }
  if (value.is_null() && type == "str") {
    return Node::scalar("null", true, origin);
  }
  const auto text = value.is_null() ? std::nullopt : cast_scalar(type, value);
  if (!text) {
    throw error<ConfigError>("{}: {}() cannot convert {}.", origin, type, show(value));
  }
  return Node::scalar(*text, type == "str", origin);
}

std::string override_value(const Node& value) {
  switch (value.kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kScalar: {
      const bool typed = !value.quoted && (parse_real(value.text) || parse_bool(value.text));
      const bool interpolation = !value.quoted && value.text.find("${") != std::string::npos;
      return typed || interpolation || !needs_quotes(value.text) ? value.text : quote(value.text);
    }
    case Node::Kind::kList:
    case Node::Kind::kMap:
      break;
  }
  std::string out(1, value.is_map() ? '{' : '[');
  for (size_t i = 0; i < value.items.size(); ++i) {
    out += i == 0 ? "" : ",";
    out += value.is_map() ? value.keys[i] + ":" : "";
    out += override_value(value.items[i]);
  }
  return out + (value.is_map() ? '}' : ']');
}

}  // namespace ff::config
