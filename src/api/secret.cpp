// SPDX-License-Identifier: MIT
#include "flops_fit/api/secret.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>

namespace ff::api {
namespace {

constexpr size_t kLongestLine = 200;

std::string json_escaped(const std::string& text) {
  const std::string quoted =
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return quoted.substr(1, quoted.size() - 2);
}

std::string with_all(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}

/// As servers echo it that write %2b for %2B.
std::string lower_escapes(std::string text) {
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    if (text[i] == '%') {
      for (const size_t at : {i + 1, i + 2}) {
        text[at] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[at])));
      }
    }
  }
  return text;
}

}  // namespace

std::string url_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(byte));
    }
  }
  return out;
}

Secret::Secret(std::string value) : value_(std::move(value)) {
  if (value_.empty()) {
    return;
  }
  const std::string encoded = url_encoded(value_);
  const std::string escaped = json_escaped(value_);
  forms_ = {value_,
            encoded,
            lower_escapes(encoded),
            with_all(encoded, "%20", "+"),
            escaped,
            with_all(escaped, "/", "\\/")};
  std::sort(forms_.begin(), forms_.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  forms_.erase(std::unique(forms_.begin(), forms_.end()), forms_.end());
}

bool Secret::occurs_in(std::string_view text) const {
  return std::any_of(forms_.begin(), forms_.end(), [&](const std::string& form) {
    return text.find(form) != std::string_view::npos;
  });
}

std::string Secret::redacted(std::string text) const {
  for (const std::string& form : forms_) {
    text = with_all(std::move(text), form, "***");
  }
  return text;
}

std::string printable(std::string_view text, const Secret& key) {
  std::string line;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      if (!line.empty()) {
        break;
      }
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && (c != ' ' || !line.empty())) {
      line += c;
    }
  }
  // The key goes before the line is cut, which could leave a part of it that is no longer
  // recognised, and after control characters went, which could have stood inside it.
  line = key.redacted(std::move(line));
  if (line.size() > kLongestLine) {
    line.resize(kLongestLine - 3);
    line += "...";
  }
  // Broken UTF-8 would make the JSON files unwritable.
  return nlohmann::json::parse(
             nlohmann::json(line).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
      .get<std::string>();
}

}  // namespace ff::api
