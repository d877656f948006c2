// SPDX-License-Identifier: MIT
#include "flops_fit/api/secret.h"

#include "flops_fit/util/terminal.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <utility>

namespace ff::api {
namespace {

constexpr size_t kLongestLine = 200;
/// Of a line that is looked through: so much that no cut shows, however long its keys are.
constexpr size_t kLongestSeen = size_t{1} << 20;
/// How often one encoding may stand inside another: %2526 and &amp;#38; are two.
constexpr int kLayers = 3;
/// Shorter stretches of base64 would be found in any text.
constexpr size_t kShortestInner = 8;
constexpr size_t kNone = std::string_view::npos;

// What servers echo is encoded in many ways, in part or twice, so texts are not searched for a list
// of forms. Each character of the key may stand there as it is or as one of these units.

/// What stands at one place of a text, decoded.
struct Unit {
  std::string bytes;
  size_t length = 0;  ///< of the encoded text
};

constexpr std::array<std::pair<std::string_view, char>, 36> kEntities = {
    {{"amp", '&'},    {"lt", '<'},     {"gt", '>'},     {"quot", '"'},   {"apos", '\''},
     {"sol", '/'},    {"plus", '+'},   {"equals", '='}, {"num", '#'},    {"percnt", '%'},
     {"excl", '!'},   {"dollar", '$'}, {"commat", '@'}, {"colon", ':'},  {"semi", ';'},
     {"quest", '?'},  {"lpar", '('},   {"rpar", ')'},   {"lsqb", '['},   {"lbrack", '['},
     {"rsqb", ']'},   {"rbrack", ']'}, {"lcub", '{'},   {"lbrace", '{'}, {"rcub", '}'},
     {"rbrace", '}'}, {"verbar", '|'}, {"bsol", '\\'},  {"grave", '`'},  {"ast", '*'},
     {"comma", ','},  {"period", '.'}, {"lowbar", '_'}, {"Hat", '^'},    {"AMP", '&'},
     {"QUOT", '"'}}};

std::string utf8(uint32_t code) {
  std::string out;
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | ((code >> 18) & 0x07));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
  return out;
}

/// All of `digits` as a number.
std::optional<uint32_t> number_in(std::string_view digits, int base) {
  uint32_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stopped, problem] = std::from_chars(digits.data(), end, value, base);
  return problem == std::errc() && stopped == end ? std::optional(value) : std::nullopt;
}

/// Behind a backslash: of JSON, JavaScript and shells.
std::optional<Unit> unescaped(std::string_view text) {
  if (text.size() < 2) {
    return std::nullopt;
  }
  const char kind = text[1];
  if (kind == 'u' && text.size() >= 6) {
    auto code = number_in(text.substr(2, 4), 16);
    if (code && *code >= 0xd800 && *code < 0xdc00 && text.substr(6, 2) == "\\u") {
      if (const auto low = number_in(text.substr(8, 4), 16); low && *low >= 0xdc00) {
        return Unit{utf8(0x10000 + ((*code - 0xd800) << 10) + (*low - 0xdc00)), 12};
      }
    }
    return code ? std::optional(Unit{utf8(*code), 6}) : std::nullopt;
  }
  if (kind == 'x' && text.size() >= 4) {
    const auto code = number_in(text.substr(2, 2), 16);
    return code ? std::optional(Unit{std::string(1, static_cast<char>(*code)), 4}) : std::nullopt;
  }
  const bool letter_or_digit =
      (kind >= '0' && kind <= '9') || ((kind | 0x20) >= 'a' && (kind | 0x20) <= 'z');
  return letter_or_digit ? std::nullopt : std::optional(Unit{std::string(1, kind), 2});
}

/// Of HTML and XML.
std::optional<Unit> entity(std::string_view text) {
  constexpr size_t kLongest = 12;
  const size_t end = text.substr(0, kLongest).find(';');
  if (end == kNone || end < 2) {
    return std::nullopt;
  }
  const std::string_view name = text.substr(1, end - 1);
  if (name[0] == '#') {
    const bool hex = name.size() > 1 && (name[1] | 0x20) == 'x';
    const auto code = number_in(name.substr(hex ? 2 : 1), hex ? 16 : 10);
    return code ? std::optional(Unit{utf8(*code), end + 1}) : std::nullopt;
  }
  for (const auto& [known, character] : kEntities) {
    if (name == known) {
      return Unit{std::string(1, character), end + 1};
    }
  }
  return std::nullopt;
}

std::optional<Unit> unit_at(std::string_view text) {
  switch (text[0]) {
    case '%': {
      const auto code = text.size() < 3 ? std::nullopt : number_in(text.substr(1, 2), 16);
      return code ? std::optional(Unit{std::string(1, static_cast<char>(*code)), 3}) : std::nullopt;
    }
    case '+':
      return Unit{" ", 1};
    case '\\':
      return unescaped(text);
    case '&':
      return entity(text);
    default:
      return std::nullopt;
  }
}

/// Where the key, from which `key` is left, ends in `text`; kNone if it does not stand there.
size_t end_of_match(std::string_view text, size_t at, std::string_view key) {
  while (!key.empty()) {
    if (at >= text.size()) {
      return kNone;
    }
    const bool plain = text[at] == key[0];
    auto unit = unit_at(text.substr(at));
    if (unit && !key.starts_with(unit->bytes)) {
      unit.reset();
    }
    if (!plain && !unit) {
      return kNone;
    }
    if (plain && unit) {  // the key itself looks encoded
      if (const size_t end = end_of_match(text, at + 1, key.substr(1)); end != kNone) {
        return end;
      }
    }
    key.remove_prefix(unit ? unit->bytes.size() : 1);
    at += unit ? unit->length : 1;
  }
  return at;
}

/// A text with one layer of encoding removed, and where its characters stood in the first one.
struct Layer {
  std::string text;
  std::vector<size_t> begin;  ///< of every character, and the end
};

Layer decoded(const Layer& outer) {
  Layer inner;
  for (size_t at = 0; at < outer.text.size();) {
    auto unit = unit_at(std::string_view(outer.text).substr(at));
    if (outer.text[at] == '+') {
      unit.reset();  // it stands for a blank in queries only: left to the comparison
    }
    const std::string bytes = unit ? unit->bytes : std::string(1, outer.text[at]);
    for (const char c : bytes) {
      inner.text += c;
      inner.begin.push_back(outer.begin[at]);
    }
    at += unit ? unit->length : 1;
  }
  inner.begin.push_back(outer.begin.back());
  return inner;
}

using Range = std::pair<size_t, size_t>;

/// The stretches of `text` that are one of the forms, in any encoding; they may overlap.
std::vector<Range> ranges_of(std::string_view text, const std::vector<std::string>& forms) {
  Layer layer{.text = std::string(text)};
  for (size_t i = 0; i <= text.size(); ++i) {
    layer.begin.push_back(i);
  }
  std::vector<Range> ranges;
  for (int depth = 0; depth < kLayers; ++depth) {
    for (size_t at = 0; at < layer.text.size(); ++at) {
      for (const std::string& form : forms) {
        if (const size_t end = end_of_match(layer.text, at, form); end != kNone) {
          ranges.emplace_back(layer.begin[at], layer.begin[end]);
          break;  // the longest
        }
      }
    }
    if (layer.text.find_first_of("%&\\") == std::string::npos) {
      break;
    }
    layer = decoded(layer);
  }
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

/// Base64 of any text that holds `key`, as far as its neighbours do not change it: one stretch for
/// each of three positions.
std::vector<std::string> base64_of(const std::string& key) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::string> stretches;
  for (size_t shift = 0; shift < 3; ++shift) {
    const std::string bytes = std::string(shift, '\0') + key;
    std::string digits;
    for (size_t bit = 0; bit + 6 <= 8 * bytes.size(); bit += 6) {
      const auto byte = static_cast<unsigned char>(bytes[bit / 8]);
      const auto next = bit / 8 + 1 < bytes.size() ? static_cast<unsigned char>(bytes[bit / 8 + 1])
                                                   : static_cast<unsigned char>(0);
      const unsigned both = (static_cast<unsigned>(byte) << 8) | next;
      digits += kDigits[(both >> (10 - bit % 8)) & 63U];
    }
    digits.erase(0, (8 * shift + 5) / 6);
    if (digits.size() >= kShortestInner) {
      stretches.push_back(digits);
      std::replace(digits.begin(), digits.end(), '+', '-');
      std::replace(digits.begin(), digits.end(), '/', '_');
      stretches.push_back(digits);
    }
  }
  return stretches;
}

std::string hex_of(const std::string& key, bool upper) {
  std::string out;
  for (const char c : key) {
    const auto byte = static_cast<unsigned>(static_cast<unsigned char>(c));
    out += upper ? fmt::format("{:02X}", byte) : fmt::format("{:02x}", byte);
  }
  return out;
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
  forms_ = base64_of(value_);
  forms_.push_back(value_);
  if (value_.size() >= kShortestInner) {
    forms_.push_back(hex_of(value_, false));
    forms_.push_back(hex_of(value_, true));
  }
  std::sort(forms_.begin(), forms_.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  forms_.erase(std::unique(forms_.begin(), forms_.end()), forms_.end());
}

bool Secret::occurs_in(std::string_view text) const {
  return !forms_.empty() && !ranges_of(text, forms_).empty();
}

std::string Secret::redacted(std::string text) const {
  if (forms_.empty()) {
    return text;
  }
  std::string out;
  size_t done = 0;  // up to here `text` is in `out`, or hidden
  for (const auto& [begin, end] : ranges_of(text, forms_)) {
    if (begin >= done) {
      out += text.substr(done, begin - done) + "***";
    }
    done = std::max(done, end);
  }
  return out + text.substr(done);
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
    if (line.size() == kLongestSeen) {
      break;
    }
  }
  // The key goes before the line is cut, which could leave a part of it that is no longer
  // recognised, and after control characters went, which could have stood inside it.
  line = printable_text(key.redacted(std::move(line)));
  if (line.size() > kLongestLine) {
    line.resize(kLongestLine - 3);
    line += "...";
  }
  return printable_text(line);  // the cut may have left half a character
}

}  // namespace ff::api
