// SPDX-License-Identifier: MIT
#include "flops_fit/config/scalar.h"

#include "support/catch.h"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

using namespace ff::config;

TEST_CASE("whole numbers may be grouped and have an exponent", "[config]") {
  const std::vector<std::pair<std::string, int64_t>> good = {
      {"0", 0},
      {"-20", -20},
      {"+7", 7},
      {"500_000", 500000},
      {"5e5", 500000},
      {"1.5e3", 1500},
      {"1_0e3", 10000},
      {"10.0", 10},
      {"9223372036854775807", std::numeric_limits<int64_t>::max()},
      {"1e18", 1000000000000000000}};
  for (const auto& [text, value] : good) {
    INFO(text);
    REQUIRE(parse_int(text).has_value());
    CHECK(*parse_int(text) == value);
  }
  for (const std::string text : {"",
                                 "-",
                                 "+",
                                 "abc",
                                 "010",
                                 "1__0",
                                 "_1",
                                 "1_",
                                 "1.5",
                                 "1e-3",
                                 "9223372036854775808",
                                 "1e19",
                                 "inf",
                                 "nan",
                                 "0x10",
                                 "12 ",
                                 "+-1",
                                 "1e5_",
                                 "5e"}) {
    INFO(text);
    CHECK_FALSE(parse_int(text).has_value());
  }
}

TEST_CASE("real numbers read with underscores, signs and names", "[config]") {
  CHECK(parse_real("1e12") == 1e12);
  CHECK(parse_real("+3.14") == 3.14);
  CHECK(parse_real("-10_000.5") == -10000.5);
  CHECK(parse_real("1.").has_value());
  CHECK(std::isinf(*parse_real("-Inf")));
  CHECK(*parse_real("-inf") < 0);
  CHECK(std::isnan(*parse_real(".nan")));
  for (const std::string text :
       {"", ".", "1e", "infinity", "nan(1)", "01.5", "1 e5", "--1", "e5"}) {
    INFO(text);
    CHECK_FALSE(parse_real(text).has_value());
  }
}

TEST_CASE("booleans are true and false in any case, and nothing else", "[config]") {
  CHECK(parse_bool("TrUe") == true);
  CHECK(parse_bool("FALSE") == false);
  CHECK_FALSE(parse_bool("yes").has_value());
  CHECK_FALSE(parse_bool("1").has_value());
}
