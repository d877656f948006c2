// SPDX-License-Identifier: MIT
// Laws of other forms, and what follows from a law: planted truths and published numbers.
#include "analysis/planted.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/analysis/allocation.h"
#include "flops_fit/analysis/bootstrap.h"
#include "flops_fit/analysis/input.h"
#include "flops_fit/analysis/repeated_data.h"
#include "flops_fit/analysis/validation.h"

using namespace ff;
using namespace ff::analysis;

namespace {

double extra(const Fit& fit, const std::string& name) {
  for (const auto& [key, value] : fit.extra) {
    if (key == name) {
      return value;
    }
  }
  FAIL("no " << name);
  return 0;
}

}  // namespace

TEST_CASE("the inference-aware optimum of the Chinchilla surface", "[analysis][allocation]") {
  // The training-optimal model of 13e9 parameters, and reference optima for two amounts of serving.
  const Surface& s = test::kChinchilla;
  const double compute = 6 * std::pow(13e9 / std::exp(s.log_g()), 1 / s.exponent_a());
  struct Case {
    double served, n, d, saved;
  };
  for (const Case& c :
       {Case{1e12, 9.4057e9, 1.4210e12, .0421}, Case{1e13, 5.2267e9, 3.5282e12, .3622}}) {
    const LifetimeOptimum best = lifetime_optimum(s, compute, c.served, 6);
    CHECK(best.n == Approx(c.n).epsilon(1e-4));
    CHECK(best.d == Approx(c.d).epsilon(1e-4));
    CHECK(best.saved_share == Approx(c.saved).margin(6e-5));
    CHECK(s(best.n, best.d) ==
          Approx(s.E + s.k_l(6) * std::pow(compute, s.exponent_c())).epsilon(1e-12));
    CHECK(best.total_flops == Approx(6 * best.n * best.d + 2 * best.n * c.served));
  }
}

TEST_CASE("a wrong size wastes what the loss could have been had for", "[analysis][allocation]") {
  const Surface& s = test::kChinchilla;
  const double compute = 1e21;
  const double n = std::exp(s.log_k_n(6) + s.exponent_a() * std::log(compute));
  CHECK(wasted_share(s, compute, n, 6) == Approx(0).margin(1e-12));
  const double share = wasted_share(s, compute, 2 * n, 6);
  // The optimum of the compute that is left reaches the same loss.
  const double left = compute * (1 - share);
  CHECK(s.E + s.k_l(6) * std::pow(left, s.exponent_c()) ==
        Approx(s(2 * n, compute / 12 / n)).epsilon(1e-12));
  const io::Interval cheap = sizes_within(s, compute, 0.01, 6);
  CHECK(cheap.low < n);
  CHECK(n < cheap.high);
  CHECK(wasted_share(s, compute, cheap.low, 6) == Approx(0.01).epsilon(1e-6));
  CHECK(wasted_share(s, compute, cheap.high, 6) == Approx(0.01).epsilon(1e-6));
  CHECK(std::isinf(equivalent_compute(s, s.E, 6)));
}

TEST_CASE("repeated data are worth less and less", "[analysis][repeated]") {
  RepeatedData law = published_repeated_data();
  const double n = 1e9, unique = 1e10;
  CHECK(law(n, unique, unique) == Approx(law(n, unique, 1e12)));  // nothing is repeated
  CHECK(law(n, 4 * unique, unique) > law(n, 4 * unique, 4 * unique));
  CHECK(law(n, 4 * unique, unique) < law(n, unique, unique));
  CHECK(law(n, 1e6 * unique, unique) > law(n, 40 * unique, 40 * unique));
  const RepeatedOptimum enough = repeated_optimum(law, 1e21, 1e15, 6);
  CHECK(enough.n == Approx(std::exp(law.surface.log_k_n(6) + 0.5 * std::log(1e21))).epsilon(1e-4));
  const RepeatedOptimum scarce = repeated_optimum(law, 1e21, 1e9, 6);
  CHECK(scarce.loss > enough.loss);
  CHECK(scarce.epochs > 1);
  CHECK(law(1.05 * scarce.n, scarce.d / 1.05, 1e9) > scarce.loss);
  CHECK(law(scarce.n / 1.05, scarce.d * 1.05, 1e9) > scarce.loss);
}

TEST_CASE("the published data-constrained fit is a local optimum, and R_D is not identified",
          "[analysis][published]") {
  const auto path = test::published_table("datablations_fit182.csv");
  if (!path) {
    return;
  }
  AnalyzerConfig config;
  config.paths.results = *path;
  const Dataset data = prepare_runs(read_input(config).runs, config.input);
  REQUIRE(data.points.size() == 182);
  const Fit fit = fit_data_constrained(data.points, {});
  CHECK(*fit.objective == Approx(.0158046625).epsilon(1e-8));
  CHECK(extra(fit, "r_d_star") == Approx(95.4).epsilon(1e-3));
  CHECK(extra(fit, "r_n_star") == Approx(1.71).epsilon(5e-3));
  CHECK_THAT(fit.status, ContainsSubstring("not identified") && ContainsSubstring("R_D"));
  CHECK_FALSE(fit.n_law);
  double published = 0;
  const RepeatedData law = published_repeated_data();
  for (const Point& point : data.points) {
    const double r = std::log(law(point.n, point.d, point.unique_tokens) / point.loss);
    const double size = std::abs(r), inner = std::min(size, 1e-3);
    published += inner * (size - 0.5 * inner);
  }
  CHECK(published == Approx(.0158259).epsilon(1e-5));
}

TEST_CASE("data_constrained recovers planted repetition constants", "[analysis][repeated]") {
  RepeatedData truth = published_repeated_data();
  truth.surface = {.E = 0.9, .A = 406.4, .B = 410.7, .alpha = 0.34, .beta = 0.28};
  truth.r_d = 12;
  truth.r_n = 4;
  std::vector<Point> points;
  for (const double n : {1e8, 3e8, 1e9, 3e9}) {
    for (const double unique : {1e9, 4e9, 2e10}) {
      for (const double epochs : {1.0, 3.0, 10.0, 40.0, 100.0}) {
        const double d = unique * epochs;
        points.push_back({.budget = 6 * n * d,
                          .n = n,
                          .d = d,
                          .loss = truth(n, d, unique),
                          .unique_tokens = unique});
      }
    }
  }
  std::stable_sort(points.begin(), points.end(), [](const Point& left, const Point& right) {
    return left.budget < right.budget;
  });
  const Fit fit = fit_data_constrained(points, {.published_repeat_base = false});
  REQUIRE(fit.status == "ok");
  CHECK(extra(fit, "r_d_star") == Approx(12).epsilon(1e-4));
  CHECK(extra(fit, "r_n_star") == Approx(4).epsilon(1e-4));
  CHECK(fit.surface->alpha == Approx(.34).epsilon(1e-5));
  // The published surface is of another corpus than these losses.
  CHECK_THAT(fit_data_constrained(points, {}).status,
             ContainsSubstring("fitting.repeat_base=fitted"));
}

TEST_CASE("loss_compute recovers a floor and kaplan its exponents", "[analysis][forms]") {
  std::vector<Point> points;
  for (double c = 1e17; c < 2e21; c *= 10) {
    points.push_back({.budget = c, .n = 1e8, .d = c / 6e8, .loss = 1.8 + 900 * std::pow(c, -0.15)});
  }
  const Fit fit = fit_loss_compute(points, {});
  REQUIRE(fit.status == "ok");
  CHECK(extra(fit, "irreducible") == Approx(1.8).epsilon(1e-6));
  CHECK(extra(fit, "loss_coefficient") == Approx(900).epsilon(1e-5));
  CHECK(extra(fit, "loss_exponent") == Approx(-0.15).epsilon(1e-6));
  CHECK_FALSE(fit.n_law);  // it says nothing of N

  std::vector<Point> kaplan;
  for (const double n : {1e6, 1e7, 1e8, 1e9}) {
    for (const double d : {1e8, 1e9, 1e10, 1e11}) {
      const double loss = std::pow(std::pow(6.4e13 / n, .076 / .103) + 1.8e13 / d, .103);
      kaplan.push_back({.budget = 6 * n * d, .n = n, .d = d, .loss = loss});
    }
  }
  std::stable_sort(kaplan.begin(), kaplan.end(), [](const Point& left, const Point& right) {
    return left.budget < right.budget;
  });
  const Fit form = fit_kaplan(kaplan, {});
  REQUIRE(form.status == "ok");
  CHECK(extra(form, "alpha_n") == Approx(.076).epsilon(1e-5));
  CHECK(extra(form, "alpha_d") == Approx(.103).epsilon(1e-5));
  CHECK(extra(form, "n_c") == Approx(6.4e13).epsilon(1e-3));
  CHECK(form.n_law->exponent == Approx(1 / (1 + .076 / .103)).epsilon(1e-5));
}

TEST_CASE("the envelope of published training curves has the published slope",
          "[analysis][published]") {
  const auto path = test::published_table("misfitting_trajectories.csv");
  if (!path) {
    return;
  }
  AnalyzerConfig config;
  config.paths.results = *path;
  const InputData input = read_input(config);
  Dataset data = prepare_runs(input.runs, config.input);
  attach_curves(data, input);
  const Fit fit = fit_envelope(data.points, {});
  REQUIRE(fit.status == "ok");
  CHECK(fit.n_law->exponent == Approx(.451).margin(5e-4));
  CHECK(fit.d_law->exponent == Approx(.549).margin(5e-4));
}

TEST_CASE("bootstrap, jackknife and rollout of huber on the Chinchilla runs",
          "[analysis][published]") {
  const auto path = test::published_table("chinchilla_epoch.csv");
  if (!path) {
    return;
  }
  const auto points = test::published_points(*path, "epoch_kept", "1");
  const EstimatorEntry& huber = *find_estimator("huber");
  const Fit fit = huber.fit(points, {});
  const std::vector<double> none;
  const Bootstrap boot = bootstrap(huber, points, fit, {}, none, {.replicates = 4000});
  // Ends of percentile intervals move by a few percent of their width from seed to seed.
  const auto near = [&](size_t quantity, double low, double high) {
    const auto interval = boot.intervals[quantity];
    REQUIRE(interval);
    CHECK(interval->low == Approx(low).margin(0.08 * (high - low)));
    CHECK(interval->high == Approx(high).margin(0.08 * (high - low)));
  };
  near(kE, 1.772, 1.870);
  near(kA, 295, 722);
  near(kB, 1014, 5984);
  near(kAlpha, .319, .372);
  near(kBeta, .331, .417);
  near(kNExponent, .481, .555);
  for (const auto& [quantity, error] : {std::pair{size_t{kE}, .0249},
                                        std::pair{size_t{kA}, 117.0},
                                        std::pair{size_t{kB}, 1278.0},
                                        std::pair{size_t{kAlpha}, .0146},
                                        std::pair{size_t{kBeta}, .0204},
                                        std::pair{size_t{kNExponent}, .0193}}) {
    REQUIRE(boot.standard_errors[quantity]);
    CHECK(*boot.standard_errors[quantity] == Approx(error).epsilon(0.12));
  }

  std::vector<std::string> ids;
  for (size_t i = 0; i < points.size(); ++i) {
    ids.push_back(std::to_string(i));
  }
  const io::Json knife = jackknife(huber, points, ids, fit, {}, 5.76e23);
  CHECK(knife["stderr_exponent_a"].get<double>() == Approx(.0247).margin(5e-5));

  const std::vector<double> cuts = {1e20, 3e20, 1e21};
  const io::Json rows = rollout(huber, points, fit, {}, cuts);
  struct Row {
    int train, test;
    double a, error;
  };
  const std::array<Row, 3> expected = {
      Row{136, 104, .60197, .00890}, Row{177, 63, .57829, .01002}, Row{217, 23, .54767, .01051}};
  for (size_t i = 0; i < 3; ++i) {
    CHECK(rows[i]["train_runs"] == expected[i].train);
    CHECK(rows[i]["test_runs"] == expected[i].test);
    CHECK(rows[i]["exponent_a"].get<double>() == Approx(expected[i].a).margin(6e-6));
    CHECK(rows[i]["mean_relative_error"].get<double>() == Approx(expected[i].error).margin(6e-6));
  }
  std::vector<Point> below(points.begin(), points.begin() + 217);
  CHECK(*huber.fit(below, {}).objective == Approx(8.14072667e-4).epsilon(1e-8));
}

TEST_CASE("huber predicts the held-out Farseer runs as the reference does",
          "[analysis][published]") {
  const auto path = test::published_table("farseer.csv");
  if (!path) {
    return;
  }
  const Fit fit = fit_huber(test::published_points(*path, "source", "farseer_train"), {});
  double sum = 0;
  int count = 0;
  for (auto& row : test::read_csv(*path)) {
    if (row["source"] != "farseer_train") {
      sum += (*fit.surface)(std::stod(row["params"]), std::stod(row["tokens"])) /
                 std::stod(row["loss"]) -
             1;
      ++count;
    }
  }
  REQUIRE(count == 7);
  CHECK(100 * sum / count == Approx(2.99).margin(0.006));
}
