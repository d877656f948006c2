// SPDX-License-Identifier: MIT
// Reference: the table of fitting theory in closed form, five budgets 1e17 .. 1e21 with 15 sizes
// each, log-spaced within a factor of the optimum; errors of D_opt(1e24) in percent.
#include "flops_fit/analysis/parabola_bias.h"

#include "analysis/planted.h"
#include "support/catch.h"

#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/analysis/parabola.h"

using namespace ff;
using namespace ff::analysis;

namespace {

constexpr Surface kAsymmetric{1.69, 406.4, 410.7, 0.465, 0.155};
const std::vector<double> kBudgets = {1e17, 1e18, 1e19, 1e20, 1e21};

/// Exact runs; the centre of the sizes is the optimum over `first` at the lowest budget and over
/// `last` at the highest, geometrically between.
std::vector<Point> grid(const Surface& surface, double reach, double first, double last) {
  std::vector<Point> points;
  for (size_t b = 0; b < kBudgets.size(); ++b) {
    const double c = kBudgets[b];
    const double part = static_cast<double>(b) / static_cast<double>(kBudgets.size() - 1);
    const double off = first * std::pow(last / first, part);
    const double centre = std::exp(surface.log_k_n(6) + surface.exponent_a() * std::log(c)) / off;
    for (int i = 0; i < 15; ++i) {
      const double n = centre * std::pow(reach, 2.0 * i / 14 - 1);
      points.push_back({.budget = c, .n = n, .d = c / 6 / n, .loss = surface(n, c / 6 / n)});
    }
  }
  return points;
}

/// To 4 significant digits of a number printed with 4 decimals.
void check_percent(double value, double printed) {
  CHECK(value == Approx(printed).margin(std::max(5.1e-5, 5.1e-5 * std::abs(printed))));
}

const FitOptions kPlain{.window_nats = 1e9, .weight_vertices = false};

}  // namespace

TEST_CASE("parabolas miss the optimum by what theory says", "[analysis][bias]") {
  struct Row {
    Surface surface;
    double first, last;
    std::array<double, 4> percent;
  };
  const std::array<Row, 5> table = {
      Row{test::kChinchilla, 1, 1, {-.3269, -1.3011, -2.9029, -5.1002}},
      Row{test::kChinchilla, 3, 3, {7.1101, 5.6909, 3.3761, .2379}},
      Row{test::kChinchilla, 1, 3, {11.6143, 9.8316, 6.9391, 3.0476}},
      Row{kAsymmetric, 1, 1, {-1.6747, -6.4978, -13.9104, -23.1163}},
      Row{kAsymmetric, 1, 3, {34.5746, 30.0384, 22.9687, 13.9970}}};
  for (const Row& row : table) {
    const double truth =
        std::exp(row.surface.log_k_d(6) + row.surface.exponent_b() * std::log(1e24));
    for (size_t k = 0; k < 4; ++k) {
      const double reach = std::pow(2.0, static_cast<double>(k) + 1);
      CAPTURE(row.surface.alpha, row.first, row.last, reach);
      const auto points = grid(row.surface, reach, row.first, row.last);
      std::vector<double> budgets, optima, corrected;
      bool inside = true;
      for (const std::span<const Point> group : by_budget(points)) {
        const Parabola parabola = fit_parabola(group, 1e9);
        inside = inside && parabola.status == "ok";
        const double budget = group.front().budget;
        budgets.push_back(budget);
        optima.push_back(budget / 6 / parabola.vertex_n);
        corrected.push_back(optima.back() * vertex_correction(row.surface, group, 1e9).d);
      }
      check_percent(100 * ((*fit_power_law(budgets, optima))(1e24) / truth - 1), row.percent[k]);
      CHECK((*fit_power_law(budgets, corrected))(1e24) == Approx(truth).epsilon(1e-9));

      // The estimator says the same, and what ff-analyze prints for the user's own grid; but it
      // leaves out vertices outside of the sizes.
      const Fit fit = fit_quadratic(points, kPlain);
      CHECK((fit.optima.size() == 5) == inside);
      if (inside) {
        check_percent(100 * ((*fit.d_law)(1e24) / truth - 1), row.percent[k]);
        const std::vector<double> target = {1e24};
        const auto bias = parabola_bias(row.surface, points, kPlain, target);
        REQUIRE(bias);
        check_percent(100 * (1 / bias->n_factors[0] - 1), row.percent[k]);
        FitOptions subtracted = kPlain;
        subtracted.bias_surface = row.surface;
        CHECK((*fit_quadratic(points, subtracted).d_law)(1e24) == Approx(truth).epsilon(1e-9));
      }
    }
  }
}

TEST_CASE("the vertex shift of centred grids agrees with its closed form", "[analysis][bias]") {
  const std::array<double, 4> expected = {.001422, .005688, .012794, .022735};
  for (size_t k = 0; k < 4; ++k) {
    const double reach = (static_cast<double>(k) + 1) * std::log10(2.0);
    std::vector<double> w;
    for (int i = 0; i < 15; ++i) {
      w.push_back(reach * (2.0 * i / 14 - 1));
    }
    // The closed form for symmetric positions, written out.
    double s2 = 0, s4 = 0, sum = 0, first = 0, second = 0;
    for (const double x : w) {
      const double loss = .28 / .34 * std::pow(10, -.34 * x) + std::pow(10, .28 * x);
      s2 += x * x;
      s4 += x * x * x * x;
      sum += loss;
      first += x * loss;
      second += x * x * loss;
    }
    const double a1 = first / s2, a2 = (15 * second - s2 * sum) / (15 * s4 - s2 * s2);
    const auto shift = vertex_shift(.34, .28, w);
    REQUIRE(shift);
    CHECK(*shift == Approx(-a1 / (2 * a2)).epsilon(1e-9));
    CHECK(std::abs(*shift) == Approx(expected[k]).margin(6e-7));
  }
}

TEST_CASE("vp and huber recover the drifting asymmetric case that misleads parabolas",
          "[analysis][bias]") {
  for (const double reach : {2.0, 16.0}) {
    const auto points = grid(kAsymmetric, reach, 1, 3);
    for (const char* name : {"vp", "huber", "log_mse"}) {
      CAPTURE(reach, name);
      const Fit fit = find_estimator(name)->fit(points, {});
      REQUIRE(fit.status == "ok");
      test::check_surface(*fit.surface, kAsymmetric, 1e-9);
      CHECK((*fit.d_law)(1e24) == Approx(4.510334355952566e16).epsilon(1e-8));
    }
  }
}
