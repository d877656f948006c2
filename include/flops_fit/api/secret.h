// SPDX-License-Identifier: MIT
#pragma once
// The service's key, and how it stays out of everything that is shown or written: whatever comes
// from outside passes through printable() before it reaches a log line or a file.
#include <string>
#include <string_view>
#include <vector>

namespace ff::api {

/// Percent-encoding of everything but the unreserved characters (RFC 3986, 2.3).
[[nodiscard]] std::string url_encoded(std::string_view text);

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value);

  [[nodiscard]] const std::string& value() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }
  /// In clear or in any encoding that servers echo: URL, JSON and HTML escapes, whole, in part or
  /// one inside another; base64 and hexadecimal digits.
  [[nodiscard]] bool occurs_in(std::string_view text) const;
  /// `text` with each such occurrence replaced by ***.
  [[nodiscard]] std::string redacted(std::string text) const;

 private:
  std::string value_;
  std::vector<std::string> forms_;  ///< longest first
};

/// The first line of foreign text that is not blank, fit to print: without the key, without control
/// characters, valid UTF-8, at most 200 bytes.
[[nodiscard]] std::string printable(std::string_view text, const Secret& key);

}  // namespace ff::api
