// SPDX-License-Identifier: MIT
#include "flops_fit/api/pointer.h"

#include "flops_fit/util/error.h"

#include <algorithm>
#include <charconv>

namespace ff::api {
namespace {

using io::Json;

/// Deeper than any service's answer; a hostile one must not overflow the stack.
constexpr int kDeepest = 64;

std::string unescaped(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size()) {
      out += token[++i] == '1' ? '/' : '~';
    } else {
      out += token[i];
    }
  }
  return out;
}

const Json* child_of(const Json& parent, const std::string& token) {
  if (parent.is_object()) {
    const auto found = parent.find(token);
    return found == parent.end() ? nullptr : &*found;
  }
  if (!parent.is_array() || parent.empty()) {
    return nullptr;
  }
  if (token == "-1") {
    return &parent.back();
  }
  size_t index = 0;
  const char* end = token.data() + token.size();
  const auto [stopped, failure] = std::from_chars(token.data(), end, index);
  return failure == std::errc() && stopped == end && index < parent.size() ? &parent[index]
                                                                           : nullptr;
}

bool holds_at(const Json& whole, const Json& part, int depth) {
  if (depth > kDeepest) {
    return false;
  }
  if (part.is_object()) {
    return whole.is_object() &&
           std::all_of(part.items().begin(), part.items().end(), [&](const auto& item) {
             const auto found = whole.find(item.key());
             return found != whole.end() && holds_at(*found, item.value(), depth + 1);
           });
  }
  if (part.is_array()) {
    if (!whole.is_array() || whole.size() != part.size()) {
      return false;
    }
    for (size_t i = 0; i < part.size(); ++i) {
      if (!holds_at(whole[i], part[i], depth + 1)) {
        return false;
      }
    }
    return true;
  }
  if (whole.is_number() && part.is_number()) {
    return whole.get<double>() == part.get<double>();
  }
  return whole == part;
}

bool holds_below(const Json& whole, const Json& part, int depth) {
  if (holds_at(whole, part, 0)) {
    return true;
  }
  return depth < kDeepest && whole.is_structured() &&
         std::any_of(whole.begin(), whole.end(), [&](const Json& inner) {
           return holds_below(inner, part, depth + 1);
         });
}

}  // namespace

void check_pointer(std::string_view pointer, std::string_view key) {
  bool good = pointer.empty() || pointer.front() == '/';
  for (size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '~') {
      good = good && i + 1 < pointer.size() && (pointer[i + 1] == '0' || pointer[i + 1] == '1');
    }
  }
  if (!good) {
    throw error<ConfigError>(
        "{}: \"{}\" is not a JSON pointer; write it as /status/loss (or empty, for the whole "
        "answer).",
        key,
        pointer);
  }
}

const Json* find_at(const Json& document, std::string_view pointer) {
  const Json* at = &document;
  while (at != nullptr && !pointer.empty()) {
    const size_t end = std::min(pointer.find('/', 1), pointer.size());
    at = child_of(*at, unescaped(pointer.substr(1, end - 1)));
    pointer.remove_prefix(end);
  }
  return at;
}

bool holds(const Json& whole, const Json& part) {
  return holds_at(whole, part, 0);
}

bool holds_somewhere(const Json& whole, const Json& part) {
  return holds_below(whole, part, 0);
}

}  // namespace ff::api
