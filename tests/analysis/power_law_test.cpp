// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/power_law.h"

#include "support/catch.h"

#include <cmath>

using namespace ff::analysis;

namespace {

const std::vector<double> kX = {1e12, 3e12, 1e13, 3e13, 1e14, 3e14, 1e15};

std::vector<double> law(double k, double exponent) {
  std::vector<double> y;
  for (const double x : kX) {
    y.push_back(k * std::pow(x, exponent));
  }
  return y;
}

}  // namespace

TEST_CASE("a power law is recovered exactly", "[analysis][power_law]") {
  for (const bool robust : {false, true}) {
    const auto fit = fit_power_law(kX, law(0.02, 0.47), {}, {.robust = robust});
    REQUIRE(fit);
    CHECK(fit->exponent == Approx(0.47).epsilon(1e-10));
    CHECK(std::exp(fit->log_k) == Approx(0.02).epsilon(1e-9));
    CHECK(*fit->r_squared == Approx(1.0));
    CHECK((*fit)(1e18) == Approx(0.02 * std::pow(1e18, 0.47)));
  }
}

TEST_CASE("the robust line ignores most of an outlier", "[analysis][power_law]") {
  std::vector<double> y = law(1.0, 0.5);
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] *= i % 2 == 0 ? 1.01 : 0.99;
  }
  y.back() *= 3;
  const double ols = fit_power_law(kX, y)->exponent;
  const double robust = fit_power_law(kX, y, {}, {.robust = true})->exponent;
  CHECK(std::abs(ols - 0.5) > 0.05);
  CHECK(std::abs(robust - 0.5) < 0.02);
}

TEST_CASE("weights decide between two lines", "[analysis][power_law]") {
  std::vector<double> y = law(1.0, 0.5);
  y.back() *= 2;
  std::vector<double> weights(kX.size(), 1.0);
  weights.back() = 1e-12;
  CHECK(fit_power_law(kX, y, weights)->exponent == Approx(0.5).epsilon(1e-9));
}

TEST_CASE("there is no line through too few or impossible points", "[analysis][power_law]") {
  using Values = std::vector<double>;
  CHECK_FALSE(fit_power_law(Values{1e12}, Values{1.0}));
  CHECK_FALSE(fit_power_law(Values{1e12, 1e12}, Values{1.0, 2.0}));
  CHECK_FALSE(fit_power_law(Values{1e12, 1e13}, Values{1.0, -2.0}));
  CHECK_FALSE(fit_power_law(Values{1e12, 1e13}, Values{1.0, 2.0})->r_squared);
}

TEST_CASE("monotone pools exactly the violators", "[analysis][power_law]") {
  using Values = std::vector<double>;
  CHECK(monotone(Values{1, 2, 3}, {}) == Values{1, 2, 3});
  CHECK(monotone(Values{1, 3, 2, 4}, {}) == Values{1, 2.5, 2.5, 4});
  CHECK(monotone(Values{3, 2, 1}, {}) == Values{2, 2, 2});
  CHECK(monotone(Values{2, 1}, Values{3, 1}) == Values{1.75, 1.75});
}
