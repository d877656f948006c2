// SPDX-License-Identifier: MIT
#pragma once
// Numbers as people write and read them.
#include <cstdint>
#include <string>

namespace ff {

/// Shortest text that reads back as the same double, with small exponents: 1e12, 0.3, 2.5e-05.
[[nodiscard]] std::string format_number(double value);

/// Three significant digits with a decimal suffix: 1.23M, 456, 7.89k, 12.3G.
[[nodiscard]] std::string format_count(double value);

/// "512 MiB", "3.4 GiB".
[[nodiscard]] std::string format_bytes(double bytes);

/// Three significant digits in scientific form: 1.23e+12 -> "1.23e12".
[[nodiscard]] std::string format_flops(double flops);

/// "2^-0.27": a positive number as a power of two, its exponent to two decimals at most.
[[nodiscard]] std::string format_power_of_two(double value);

/// "45s", "3m 20s", "2h 05m", "3d 4h", "7.77kyr".
[[nodiscard]] std::string format_duration(double seconds);

/// The time now, ISO 8601 in UTC: 2026-11-21T01:30:00Z.
[[nodiscard]] std::string utc_timestamp();

}  // namespace ff
