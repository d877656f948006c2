// SPDX-License-Identifier: MIT
#pragma once
// The formulas of the module database, parsed and evaluated exactly. Nothing else is in the
// language, so that a formula from a stranger's file can do nothing but arithmetic:
//
//   numbers            12, 4.5, 2e3
//   {name}             a parameter of the module
//   + - * / ( )        exact, so 7 / 2 is three and a half
//   a // b, a % b      division rounded down, and its rest
//   min(a, b, ...), max(a, b, ...), ceil(a)
//   ${a.dotted.Class}(x, y, ...)   the same quantity of another module, its parameters in their
//   order
#include "flops_fit/cost/num.h"

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ff::cost {

/// Why a text is no formula: a phrase that names the column, for a sentence that says where.
class FormulaError : public FileError {
 public:
  using FileError::FileError;
};

/// What the names in a formula mean. Both throw for a name that they do not know.
struct Scope {
  std::function<Num(const std::string& name)> value;
  std::function<Num(const std::string& cls, std::span<const Num> arguments)> module;
};

class Expr {
 public:
  Expr() : Expr(Num(0)) {}
  explicit Expr(const Num& constant);
  /// Throws FormulaError.
  [[nodiscard]] static Expr parse(std::string_view text);

  [[nodiscard]] Num eval(const Scope& scope) const;
  [[nodiscard]] std::string text() const {
    return text_.empty() ? steps_[0].number.to_string() : text_;
  }
  /// The names that it uses, each once, in order of appearance.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  /// The modules that it calls.
  [[nodiscard]] const std::vector<std::string>& modules() const { return modules_; }
  /// Whether it is a number and nothing else.
  [[nodiscard]] bool is_constant() const;

  enum class Op {
    kNumber,
    kName,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kFloorDivide,
    kRest,
    kNegate,
    kMin,
    kMax,
    kCeil,
    kModule
  };
  struct Step {
    Op op;
    size_t index = 0;  ///< of the name or module
    size_t count = 0;  ///< arguments of min, max and modules
    Num number = 0;
  };

 private:
  friend class FormulaParser;
  std::string text_;         ///< as parsed; empty for a number that was none
  std::vector<Step> steps_;  ///< in postfix order
  std::vector<std::string> names_;
  std::vector<std::string> modules_;
};

}  // namespace ff::cost
