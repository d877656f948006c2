// SPDX-License-Identifier: MIT
#include "flops_fit/cost/expr.h"

#include "support/catch.h"

#include <map>

using namespace ff::cost;

namespace {

std::string value_of(const std::string& formula) {
  const std::map<std::string, Num> values = {{"n", 7}, {"zero", 0}, {"half", Num::ratio(1, 2)}};
  return Expr::parse(formula)
      .eval({.value = [&](const std::string& name) { return values.at(name); },
             .module =
                 [](const std::string& cls, std::span<const Num> arguments) {
                   Num sum = static_cast<int64_t>(cls.size());
                   for (const Num& argument : arguments) {
                     sum += argument;
                   }
                   return sum;
                 }})
      .to_string();
}

std::string problem_of(const std::string& formula) {
  try {
    static_cast<void>(Expr::parse(formula));
    return "none";
  } catch (const FormulaError& problem) {
    return problem.what();
  }
}

}  // namespace

TEST_CASE("formulas are evaluated exactly", "[cost]") {
  CHECK(value_of("1 + 2 * 3 - 4") == "3");
  CHECK(value_of("(1 + 2) * -3") == "-9");
  CHECK(value_of("7 / 2 + 7 / 2") == "7");
  CHECK(value_of("1 / 3 + 1 / 6") == "1/2");
  CHECK(value_of("4.5 * {n}") == "63/2");
  CHECK(value_of("2e3 - 1e-3 * 1000") == "1999");
  CHECK(value_of("{n} // 2 * 10 + {n} % 2") == "31");
  CHECK(value_of("-7 // 2") == "-4");
  CHECK(value_of("-7 % 2") == "1");
  CHECK(value_of("8 - 3 - 2") == "3");
  CHECK(value_of("24 / 4 / 3") == "2");
  CHECK(value_of("min(3, {n}, 5) + max(3, {n}) * ceil({half})") == "10");
  CHECK(value_of("${a.B}({n}, {n} + 1) * 2") == "36");
  CHECK(value_of("${Cls}()") == "3");
  // Beyond what a double holds.
  CHECK(value_of("9007199254740993 * 9007199254740993") == "81129638414606699710187514626049");
}

TEST_CASE("what leaves 128 bits, or divides by zero, is an error", "[cost]") {
  CHECK_THROWS_AS(value_of("1e38 * 10"), CountError);
  CHECK_THROWS_AS(value_of("1e20 * 1e20"), CountError);
  CHECK_THROWS_AS(value_of("{n} / {zero}"), CountError);
  CHECK_THROWS_AS(value_of("{n} % {zero}"), CountError);
}

TEST_CASE("what is no formula is refused with its column", "[cost]") {
  CHECK_THAT(problem_of(""), ContainsSubstring("column 1"));
  CHECK_THAT(problem_of("1 +"), ContainsSubstring("ends where"));
  CHECK_THAT(problem_of("(1"), ContainsSubstring("expected \")\""));
  CHECK_THAT(problem_of("1 2"), ContainsSubstring("column 3: unexpected \"2\""));
  CHECK_THAT(problem_of("n * 2"), ContainsSubstring("column 1: unexpected \"n\""));
  CHECK_THAT(problem_of("{n"), ContainsSubstring("without \"}\""));
  CHECK_THAT(problem_of("{a b}"), ContainsSubstring("is no name"));
  CHECK_THAT(problem_of("__import__('os')"), ContainsSubstring("column 1"));
  CHECK_THAT(problem_of("2 ** 3"), ContainsSubstring("unexpected \"*\""));
  CHECK_THAT(problem_of("ceil(1, 2)"), ContainsSubstring("2 arguments"));
  CHECK_THAT(problem_of("min()"), ContainsSubstring("0 arguments"));
  CHECK_THAT(problem_of("1e999999"), ContainsSubstring("128 bits"));
  CHECK_THAT(problem_of("1..2"), ContainsSubstring("not a number"));
  CHECK_THAT(problem_of(std::string(200, '(')), ContainsSubstring("nested too deeply"));
  CHECK_THAT(problem_of(std::string(20000, '1')), ContainsSubstring("characters long"));
}
