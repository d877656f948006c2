// SPDX-License-Identifier: MIT
#pragma once
// Text to numbers, by our own rules: digits may be grouped (500_000), whole numbers may have an
// exponent (5e5), a leading zero is refused (YAML 1.1 reads 010 as 8, people as 10).
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ff::config {

/// nullopt if the text is not a whole number in the range of int64_t.
[[nodiscard]] std::optional<int64_t> parse_int(std::string_view text);
/// nullopt if the text is not a number. inf, nan (any case, also .inf and .nan) are numbers here.
[[nodiscard]] std::optional<double> parse_real(std::string_view text);
/// true and false, in any case.
[[nodiscard]] std::optional<bool> parse_bool(std::string_view text);
/// Digits only, with an optional sign and grouping: what Hydra calls an int.
[[nodiscard]] bool is_int_literal(std::string_view text);

[[nodiscard]] std::string lower(std::string_view text);

}  // namespace ff::config
