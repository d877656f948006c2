// SPDX-License-Identifier: MIT
// Recursive descent over one override; the grammar is Hydra's OverrideParser.g4 with the omissions
// that override.h lists. Characters that Hydra forbids in plain values without giving them a
// meaning
// (~ # ; < > and all of UTF-8) are taken as text.
#include "override_value.h"

#include "flops_fit/config/override.h"
#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

namespace ff::config {
namespace {

constexpr int kMaxDepth = 100;  // of nested lists and calls, and of the parts of a key

bool is_id_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { out_.text = text; }

  Override parse() {
    parse_prefix();
    parse_key();
    if (at_end()) {
      if (out_.kind != Override::Kind::kDelete) {
        fail("expected '=' and a value after the key");
      }
      return std::move(out_);
    }
    ++at_;  // '='
    skip_blanks();
    if (at_end()) {
      out_.value = Node::scalar("", true, out_.origin());
      return std::move(out_);
    }
    Value value = parse_element(0);
    skip_blanks();
    if (peek() == ',') {
      value = parse_rest_of_choice(std::move(value));
    }
    skip_blanks();
    if (!at_end()) {
      fail(fmt::format("expected the end of the value, found '{}'", peek()));
    }
    out_.is_sweep = value.is_sweep;
    if (value.is_sweep) {
      if (out_.kind == Override::Kind::kDelete) {
        fail("a deletion takes one value, not a sweep");
      }
      out_.sweep = std::move(value.sweep);
      out_.include = std::move(value.include);
      out_.exclude = std::move(value.exclude);
    } else {
      out_.value = std::move(value.node);
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    const bool in_value = text_.substr(0, at_).find('=') != std::string_view::npos;
    throw error<ConfigError>("{}, column {}: {}.{}",
                             out_.origin(),
                             at_ + 1,
                             what,
                             in_value ? " Quote or escape what is meant as text." : "");
  }
  bool at_end() const { return at_ >= text_.size(); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void skip_blanks() {
    while (!at_end() && is_blank(peek())) {
      ++at_;
    }
  }
  void expect(char c, std::string_view alternative = "") {
    skip_blanks();
    if (peek() != c) {
      const std::string found = at_end() ? "the end" : fmt::format("'{}'", peek());
      fail(fmt::format("expected {}'{}', found {}", alternative, c, found));
    }
    ++at_;
  }

  void parse_prefix() {
    if (text_.substr(0, 2) == "++") {
      out_.kind = Override::Kind::kForce;
      at_ = 2;
    } else if (peek() == '+' || peek() == '~') {
      out_.kind = peek() == '+' ? Override::Kind::kAdd : Override::Kind::kDelete;
      at_ = 1;
    }
  }

  void parse_key() {
    const size_t end = std::min(text_.find('=', at_), text_.size());
    const std::string_view key = text_.substr(at_, end - at_);
    if (key.find('@') != std::string_view::npos) {
      fail("packages (group@package) are not supported");
    }
    if (std::count(key.begin(), key.end(), '.') > kMaxDepth) {
      fail("the key has too many parts");
    }
    bool start_of_part = true;
    for (; at_ < end; ++at_) {
      const char c = text_[at_];
      const bool separator = c == '.' || c == '/';
      if (separator ? start_of_part : !is_id_char(c) && !(c == '-' && !start_of_part)) {
        fail(fmt::format("expected a key such as compute.min_flops, found '{}'", c));
      }
      start_of_part = separator;
    }
    if (start_of_part) {
      fail("expected a key such as compute.min_flops before '='");
    }
    out_.key = key;
  }

  Value single(Node node) const {
    Value value;
    value.node = std::move(node);
    return value;
  }

  Value parse_rest_of_choice(Value first) {
    Value choice;
    choice.is_sweep = true;
    try {
      append_choice(choice, std::move(first));
      while (peek() == ',') {
        ++at_;
        append_choice(choice, parse_element(0));
        skip_blanks();
      }
    } catch (const CallFault& fault) {
      fail(fault.what);
    }
    return choice;
  }

  Value parse_element(int depth) {
    if (depth > kMaxDepth) {
      fail("the value is nested too deeply");
    }
    skip_blanks();
    if (peek() == '[') {
      return single(parse_list(depth));
    }
    if (peek() == '{') {
      return single(parse_dict(depth));
    }
    if (peek() == '\'' || peek() == '"') {
      return single(parse_quoted());
    }
    if (const std::string name = function_name(); !name.empty()) {
      return parse_call(name, depth);
    }
    return single(parse_plain());
  }

  /// An element that has to be one value: inside a list or dict.
  Node parse_node(int depth) {
    Value value = parse_element(depth);
    if (value.is_sweep) {
      fail("a sweep cannot stand inside a list or dict");
    }
    return std::move(value.node);
  }

  Node parse_list(int depth) {
    Node list = Node::list(out_.origin());
    ++at_;
    skip_blanks();
    if (peek() != ']') {
      list.items.push_back(parse_node(depth + 1));
      for (skip_blanks(); peek() == ','; skip_blanks()) {
        ++at_;
        list.items.push_back(parse_node(depth + 1));
      }
    }
    expect(']', "',' or ");
    return list;
  }

  Node parse_dict(int depth) {
    Node map = Node::map(out_.origin());
    ++at_;
    skip_blanks();
    while (peek() != '}') {
      std::string key;
      for (; is_id_char(peek()) || peek() == '-' || peek() == '.'; ++at_) {
        key += peek();
      }
      if (key.empty()) {
        fail("expected a key and ':' in the dict");
      }
      if (map.find(key) != nullptr) {
        fail(fmt::format("the key {} is given twice", key));
      }
      expect(':');
      map.set(key, parse_node(depth + 1));
      skip_blanks();
      if (peek() != ',') {
        break;
      }
      ++at_;
      skip_blanks();
    }
    expect('}', "',' or ");
    return map;
  }

  /// \' is a quote; backslashes in front of a quote pair up, elsewhere they are themselves.
  Node parse_quoted() {
    const size_t start = at_;
    const char quote = peek();
    ++at_;
    std::string text;
    while (!at_end()) {
      size_t slashes = 0;
      while (peek(slashes) == '\\') {
        ++slashes;
      }
      if (slashes > 0 && peek(slashes) == quote) {
        text.append(slashes / 2, '\\');
        at_ += slashes;
        if (slashes % 2 == 1) {
          text += quote;
          ++at_;
        }
      } else if (slashes > 0) {
        text.append(slashes, '\\');
        at_ += slashes;
      } else if (peek() == quote) {
        ++at_;
        return Node::scalar(std::move(text), true, out_.origin());
      } else {
        text += peek();
        ++at_;
      }
    }
    at_ = start;
    fail("the quote is never closed");
  }

  /// The name of a call that starts here, or nothing.
  std::string function_name() const {
    size_t end = at_;
    while (end < text_.size() && is_id_char(text_[end])) {
      ++end;
    }
    size_t open = end;
    while (open < text_.size() && is_blank(text_[open])) {
      ++open;
    }
    const bool call = end > at_ && open < text_.size() && text_[open] == '(';
    return call ? std::string(text_.substr(at_, end - at_)) : "";
  }

  /// An interpolation is kept as it is, to its closing brace.
  void take_interpolation(std::string& text) {
    int open = 0;
    const size_t start = at_;
    do {
      if (at_end()) {
        at_ = start;
        fail("'${' is never closed");
      }
      open += peek() == '{' ? 1 : peek() == '}' ? -1 : 0;
      text += peek();
      ++at_;
    } while (open > 0 || text.back() == '$');
  }

  Node parse_plain() {
    static constexpr std::string_view kEscapable = "\\()[]{}:=, \t";
    // Hydra wants every '=' escaped; inside a value it can mean nothing else: input.filter=a=1. At
    // its start it is a slip: a==1.
    static constexpr std::string_view kReserved = "()[]{}'\"";
    if (peek() == '=') {
      fail("'=' has a meaning of its own here");
    }
    std::string text;
    size_t keep = 0;  // escaped blanks at the end stay
    bool escaped = false;
    while (!at_end() && peek() != ',' && peek() != ']' && peek() != '}' && peek() != ')') {
      if (peek() == '$' && peek(1) == '{') {
        take_interpolation(text);
      } else if (peek() == '\\' && peek(1) == '$' && peek(2) == '{') {
        // \${ is for the resolver, which turns it into a literal ${.
        text += "\\$";
        at_ += 2;
        take_braces(text);
      } else if (peek() == '\\' && peek(1) != '\0' &&
                 kEscapable.find(peek(1)) != std::string_view::npos) {
        text += peek(1);
        at_ += 2;
        keep = text.size();
        escaped = true;
      } else if (kReserved.find(peek()) != std::string_view::npos) {
        fail(fmt::format("'{}' has a meaning of its own here", peek()));
      } else {
        text += peek();
        ++at_;
      }
    }
    while (text.size() > keep && is_blank(text.back())) {
      text.pop_back();
    }
    if (text.empty()) {
      fail("expected a value");
    }
    if (!escaped && lower(text) == "null") {
      return Node::null(out_.origin());
    }
    return Node::scalar(std::move(text), escaped, out_.origin());
  }

  void take_braces(std::string& text) {
    int open = 0;
    do {
      open += peek() == '{' ? 1 : peek() == '}' ? -1 : 0;
      text += peek();
      ++at_;
    } while (open > 0 && !at_end());
  }

  std::vector<Argument> parse_arguments(int depth) {
    std::vector<Argument> arguments;
    expect('(');
    skip_blanks();
    while (peek() != ')') {
      Argument argument;
      size_t end = at_;
      while (end < text_.size() && is_id_char(text_[end])) {
        ++end;
      }
      if (end > at_ && end < text_.size() && text_[end] == '=') {
        argument.name = text_.substr(at_, end - at_);
        at_ = end + 1;
      } else if (!arguments.empty() && !arguments.back().name.empty()) {
        fail("a positional argument cannot follow a named one");
      }
      argument.value = parse_element(depth + 1);
      arguments.push_back(std::move(argument));
      skip_blanks();
      if (peek() != ',') {
        break;
      }
      ++at_;
      skip_blanks();
    }
    expect(')', "',' or ");
    return arguments;
  }

  Value parse_call(const std::string& name, int depth) {
    try {
      check_function(name);
      at_ += name.size();
      return call_function(name, parse_arguments(depth), out_.origin());
    } catch (const CallFault& fault) {
      fail(fault.what);
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  Override out_;
};

}  // namespace

Override parse_override(std::string_view text) {
  return Parser(text).parse();
}

std::vector<Override> parse_overrides(const std::vector<std::string>& texts) {
  std::vector<Override> out;
  out.reserve(texts.size());
  for (const std::string& text : texts) {
    out.push_back(parse_override(text));
  }
  return out;
}

}  // namespace ff::config
