// SPDX-License-Identifier: MIT
#include "flops_fit/plot/markup.h"

#include <fmt/format.h>

#include <cmath>
#include <functional>

namespace ff::plot {
namespace {

/// U+2060 (word joiner, no width) between ^ and { keeps a literal "^{" from being read as markup.
constexpr std::string_view kJoiner = "\xE2\x81\xA0";

enum class Level { kNormal, kRaised, kLowered };

/// Calls `emit(level, text)` for each run of text of one level.
void parse(std::string_view markup, const std::function<void(Level, std::string_view)>& emit) {
  size_t start = 0;
  for (size_t i = 0; i + 1 < markup.size(); ++i) {
    if ((markup[i] != '^' && markup[i] != '_') || markup[i + 1] != '{') {
      continue;
    }
    const size_t end = markup.find('}', i);
    if (end == std::string_view::npos) {
      break;
    }
    if (i > start) {
      emit(Level::kNormal, markup.substr(start, i - start));
    }
    emit(markup[i] == '^' ? Level::kRaised : Level::kLowered, markup.substr(i + 2, end - i - 2));
    start = end + 1;
    i = end;
  }
  if (start < markup.size()) {
    emit(Level::kNormal, markup.substr(start));
  }
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// The inside of a double-quoted gnuplot string. What has a meaning in scripts, in strings or to a
/// shell is written as an octal code, so that no such character is there at all: gnuplot runs what
/// stands between backticks in "..", and takes two quotes in a row for the end of '..'.
std::string gnuplot_escaped(std::string_view text) {
  std::string out;
  const auto code = [&](char c) { out += fmt::format("\\{:03o}", static_cast<unsigned char>(c)); };
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view(" .,:;()<>=+-*/%?[]|").find(c) != std::string_view::npos;
    if (c == '\\') {
      // By its number, in a group that ends the number: what "\\" draws is another thing on each
      // terminal.
      out += "{";
      code(c);
      out += "U+005C}";
    } else if (std::string_view("^_{}@&~").find(c) != std::string_view::npos) {
      code('\\');  // of enhanced text
      code(c);
    } else if (is_control(c)) {
      out += ' ';
    } else if (plain || static_cast<unsigned char>(c) >= 0x80) {
      out += c;
    } else {
      code(c);
    }
  }
  return out;
}

std::string without_joiners(std::string_view text) {
  std::string out(text);
  for (size_t at = out.find(kJoiner); at != std::string::npos; at = out.find(kJoiner, at)) {
    out.erase(at, kJoiner.size());
  }
  return out;
}

}  // namespace

std::string literal(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if ((text[i] == '^' || text[i] == '_') && i + 1 < text.size() && text[i + 1] == '{') {
      out += kJoiner;
    }
  }
  return out;
}

std::string power_text(double value) {
  if (value == 0.0 || !std::isfinite(value)) {
    return value == 0.0 ? "0" : "?";
  }
  const double size = std::abs(value);
  if (size >= 1e-3 && size < 9999.5) {
    return fmt::format("{}{:.4g}", value < 0 ? "−" : "", size);
  }
  int exponent = static_cast<int>(std::floor(std::log10(size)));
  double mantissa = size / std::pow(10.0, exponent);
  if (mantissa >= 9.995) {
    mantissa /= 10.0;
    ++exponent;
  }
  const std::string digits = fmt::format("{:.3g}", mantissa);
  const std::string sign = value < 0 ? "−" : "";
  const std::string power = fmt::format("10^{{{}{}}}", exponent < 0 ? "−" : "", std::abs(exponent));
  return sign + (digits == "1" ? power : digits + "×" + power);
}

std::string to_gnuplot(std::string_view markup) {
  std::string out = "\"";
  parse(markup, [&](Level level, std::string_view text) {
    const std::string escaped = gnuplot_escaped(without_joiners(text));
    switch (level) {
      case Level::kNormal:
        out += escaped;
        break;
      case Level::kRaised:
        out += "^{" + escaped + "}";
        break;
      case Level::kLowered:
        out += "_{" + escaped + "}";
        break;
    }
  });
  return out + "\"";
}

std::string to_html(std::string_view markup) {
  std::string out;
  parse(markup, [&](Level level, std::string_view text) {
    const std::string escaped = escape_html(without_joiners(text));
    switch (level) {
      case Level::kNormal:
        out += escaped;
        break;
      case Level::kRaised:
        out += "<sup>" + escaped + "</sup>";
        break;
      case Level::kLowered:
        out += "<sub>" + escaped + "</sub>";
        break;
    }
  });
  return out;
}

std::string to_plain(std::string_view markup) {
  std::string out;
  parse(markup, [&](Level level, std::string_view text) {
    if (level != Level::kNormal) {
      out += level == Level::kRaised ? '^' : '_';
    }
    for (const char c : without_joiners(text)) {
      out += is_control(c) ? ' ' : c;
    }
  });
  return out;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (!is_control(c) || c == '\n' || c == '\t') {
          out += c;
        }
    }
  }
  return out;
}

double text_width(std::string_view markup) {
  double width = 0.0;
  parse(markup, [&](Level level, std::string_view text) {
    for (const char c : without_joiners(text)) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte & 0xC0) == 0x80) {
        continue;  // continuation byte of a UTF-8 character
      }
      const bool narrow = std::string_view(" .,:;'|!iljtfI()[]").find(c) != std::string_view::npos;
      width += (narrow ? 0.36 : 0.62) * (level == Level::kNormal ? 1.0 : 0.8);
    }
  });
  return width;
}

}  // namespace ff::plot
