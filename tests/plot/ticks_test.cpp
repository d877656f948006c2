// SPDX-License-Identifier: MIT
#include "flops_fit/plot/ticks.h"

#include "support/catch.h"

#include <algorithm>

using namespace ff::plot;

namespace {

std::vector<std::string> labels(const std::vector<Tick>& list) {
  std::vector<std::string> out;
  for (const Tick& tick : list) {
    if (!tick.label.empty()) {
      out.push_back(tick.label);
    }
  }
  return out;
}

using Labels = std::vector<std::string>;

}  // namespace

TEST_CASE("tics suit the span of their axis", "[plot]") {
  CHECK(labels(ticks({"C", true, Numbers::kPowers}, {7e10, 1.4e14}, 6)) ==
        Labels{"10^{11}", "10^{12}", "10^{13}", "10^{14}"});
  CHECK(labels(ticks({"C", true, Numbers::kPowers}, {1e11, 3e12}, 6)) ==
        Labels{"10^{11}", "3×10^{11}", "10^{12}", "3×10^{12}"});
  CHECK(labels(ticks({"N", true, Numbers::kCount}, {9e3, 2.1e5}, 6)) ==
        Labels{"10k", "20k", "30k", "50k", "100k", "200k"});
  CHECK(labels(ticks({"L", true, Numbers::kPlain}, {0.61, 0.66}, 6)) ==
        Labels{"0.61", "0.62", "0.63", "0.64", "0.65", "0.66"});
  CHECK(labels(ticks({"L", false, Numbers::kPlain}, {-0.1, 1.0}, 6)) ==
        Labels{"0", "0.2", "0.4", "0.6", "0.8", "1"});
}

TEST_CASE("every axis gets at least two labels inside its range", "[plot]") {
  for (const bool log : {false, true}) {
    for (const Numbers numbers : {Numbers::kPlain, Numbers::kCount, Numbers::kPowers}) {
      for (double span = 1.001; span < 1e20; span *= 1.7) {
        const Range range{0.0123, 0.0123 * span};
        const auto list = ticks({"", log, numbers}, range, 5);
        INFO("log " << log << " span " << span);
        CHECK(labels(list).size() >= 2);
        CHECK(labels(list).size() <= 8);
        const double slack = 1e-6 * (log ? range.low : range.high - range.low);
        CHECK(std::all_of(list.begin(), list.end(), [&](const Tick& t) {
          return t.value >= range.low - slack && t.value <= range.high * (1 + 1e-6) + slack;
        }));
      }
    }
  }
}
