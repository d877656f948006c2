// SPDX-License-Identifier: MIT
#include "flops_fit/cost/expr.h"

#include <algorithm>
#include <cctype>

namespace ff::cost {
namespace {

// Far beyond any formula; the parser recurses once per bracket.
constexpr size_t kMaxLength = 10'000;
constexpr int kMaxDepth = 100;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

size_t index_in(std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  const auto index = static_cast<size_t>(found - names.begin());
  if (found == names.end()) {
    names.push_back(name);
  }
  return index;
}

}  // namespace

/// Recursive descent; writes the steps as it goes.
class FormulaParser {
 public:
  explicit FormulaParser(std::string_view text) : text_(text) {
    if (text.size() > kMaxLength) {
      throw FormulaError(
          fmt::format("is {} characters long; {} are the most", text.size(), kMaxLength));
    }
    out_.text_ = text;
    out_.steps_.clear();
  }

  Expr run() {
    sum();
    if (skip_blanks(); at_ < text_.size()) {
      fail(fmt::format("unexpected \"{}\"", text_[at_]));
    }
    return std::move(out_);
  }

 private:
  using Op = Expr::Op;

  [[noreturn]] void fail(const std::string& what) const {
    throw FormulaError(fmt::format("column {}: {}", at_ + 1, what));
  }

  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
      ++at_;
    }
  }

  bool accept(std::string_view token) {
    skip_blanks();
    if (text_.substr(at_).starts_with(token)) {
      at_ += token.size();
      return true;
    }
    return false;
  }

  void expect(std::string_view token) {
    if (!accept(token)) {
      fail(fmt::format("expected \"{}\"", token));
    }
  }

  void emit(Op op, size_t index = 0, size_t count = 0) {
    out_.steps_.push_back({.op = op, .index = index, .count = count});
  }

  void sum() {
    if (++depth_ > kMaxDepth) {
      fail("nested too deeply");
    }
    product();
    while (true) {
      if (accept("+")) {
        product();
        emit(Op::kAdd);
      } else if (accept("-")) {
        product();
        emit(Op::kSubtract);
      } else {
        break;
      }
    }
    --depth_;
  }

  void product() {
    factor();
    while (true) {
      if (accept("//")) {
        factor();
        emit(Op::kFloorDivide);
      } else if (accept("/")) {
        factor();
        emit(Op::kDivide);
      } else if (accept("*")) {
        factor();
        emit(Op::kMultiply);
      } else if (accept("%")) {
        factor();
        emit(Op::kRest);
      } else {
        break;
      }
    }
  }

  void factor() {
    bool negative = false;
    while (accept("-")) {
      negative = !negative;
    }
    primary();
    if (negative) {
      emit(Op::kNegate);
    }
  }

  void primary() {
    skip_blanks();
    if (at_ >= text_.size()) {
      fail("the formula ends where a number, {name} or ( should be");
    }
    if (accept("(")) {
      sum();
      expect(")");
    } else if (accept("${")) {
      const size_t module = index_in(out_.modules_, until_brace());
      expect("(");
      emit(Op::kModule, module, arguments());
    } else if (accept("{")) {
      emit(Op::kName, index_in(out_.names_, until_brace()));
    } else if (is_digit(text_[at_]) || text_[at_] == '.') {
      number();
    } else {
      function();
    }
  }

  std::string until_brace() {
    const size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) {
      fail("\"{\" without \"}\"");
    }
    const std::string_view name = text_.substr(at_, end - at_);
    const bool fine = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
    });
    if (!fine) {
      fail(fmt::format("\"{}\" is no name (letters, digits, _ and . make one)", name));
    }
    at_ = end + 1;
    return std::string(name);
  }

  /// What stands between brackets; returns how many.
  size_t arguments() {
    size_t count = 0;
    if (accept(")")) {
      return count;
    }
    do {
      sum();
      ++count;
    } while (accept(","));
    expect(")");
    return count;
  }

  void number() {
    const size_t begin = at_;
    while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) {
      ++at_;
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      at_ += at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-') ? 1 : 0;
      while (at_ < text_.size() && is_digit(text_[at_])) {
        ++at_;
      }
    }
    try {
      emit(Op::kNumber);
      out_.steps_.back().number = parse_num(text_.substr(begin, at_ - begin));
    } catch (const CountError& problem) {
      at_ = begin;
      fail(problem.what());
    }
  }

  void function() {
    const size_t begin = at_;
    for (const auto& [name, op] :
         {std::pair("min", Op::kMin), std::pair("max", Op::kMax), std::pair("ceil", Op::kCeil)}) {
      if (!accept(name)) {
        continue;
      }
      expect("(");
      const size_t count = arguments();
      if (count == 0 || (op == Op::kCeil && count != 1)) {
        at_ = begin;
        fail(fmt::format("{} has {} arguments", name, count));
      }
      emit(op, 0, count);
      return;
    }
    fail(
        fmt::format("unexpected \"{}\"; there are numbers, {{name}}, ${{Class}}(...), min, max, "
                    "ceil and + - * / // %",
                    text_[at_]));
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  Expr out_;
};

Expr::Expr(const Num& constant) {
  steps_.push_back({.op = Op::kNumber, .number = constant});
}

Expr Expr::parse(std::string_view text) {
  return FormulaParser(text).run();
}

bool Expr::is_constant() const {
  return steps_.size() == 1 && steps_.front().op == Op::kNumber;
}

Num Expr::eval(const Scope& scope) const {
  std::vector<Num> stack;
  stack.reserve(8);
  const auto pop = [&] {
    const Num top = stack.back();
    stack.pop_back();
    return top;
  };
  for (const Step& step : steps_) {
    switch (step.op) {
      case Op::kNumber:
        stack.push_back(step.number);
        break;
      case Op::kName:
        stack.push_back(scope.value(names_[step.index]));
        break;
      case Op::kNegate:
        stack.back() = stack.back() * Num(-1);
        break;
      case Op::kCeil:
        stack.back() = stack.back().ceil();
        break;
      case Op::kMin:
      case Op::kMax: {
        const auto first = stack.end() - static_cast<std::ptrdiff_t>(step.count);
        const Num best = step.op == Op::kMin ? *std::min_element(first, stack.end())
                                             : *std::max_element(first, stack.end());
        stack.erase(first, stack.end());
        stack.push_back(best);
        break;
      }
      case Op::kModule: {
        const auto first = stack.end() - static_cast<std::ptrdiff_t>(step.count);
        const Num result = scope.module(modules_[step.index], {first, stack.end()});
        stack.erase(first, stack.end());
        stack.push_back(result);
        break;
      }
      default: {
        const Num b = pop();
        const Num a = pop();
        switch (step.op) {
          case Op::kAdd:
            stack.push_back(a + b);
            break;
          case Op::kSubtract:
            stack.push_back(a - b);
            break;
          case Op::kMultiply:
            stack.push_back(a * b);
            break;
          case Op::kDivide:
            stack.push_back(a / b);
            break;
          case Op::kFloorDivide:
            stack.push_back((a / b).floor());
            break;
          default:
            stack.push_back(a - b * (a / b).floor());
        }
      }
    }
  }
  return stack.back();
}

}  // namespace ff::cost
