// SPDX-License-Identifier: MIT
#pragma once
// The texts of figures: UTF-8 in which ^{..} raises and _{..} lowers, and every other character
// stands for itself. Text from files goes through literal(), so that it can never become markup.
#include <string>
#include <string_view>

namespace ff::plot {

/// `text` as it is, with any "^{" or "_{" in it disarmed.
[[nodiscard]] std::string literal(std::string_view text);

/// "3×10^{11}": up to three significant digits; 1×10^k as 10^k; 0.001..9999 as plain digits.
[[nodiscard]] std::string power_text(double value);

/// A double-quoted gnuplot string for enhanced mode: the only way for a text into a script, but for
/// comments.
[[nodiscard]] std::string to_gnuplot(std::string_view markup);
/// HTML with <sup> and <sub>, everything else escaped.
[[nodiscard]] std::string to_html(std::string_view markup);
/// One line of plain text: 10^11, N_opt.
[[nodiscard]] std::string to_plain(std::string_view markup);

/// & < > " ' as entities; control characters dropped.
[[nodiscard]] std::string escape_html(std::string_view text);

/// Rough width in units of the font size, for layout.
[[nodiscard]] double text_width(std::string_view markup);

}  // namespace ff::plot
