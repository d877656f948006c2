// SPDX-License-Identifier: MIT
// Published runs (not part of the project; the tests are skipped where the files are absent).
// Reference optima: an independent Python implementation, tolerances of its own optimizer ~1e-5.
#include "analysis/planted.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/analysis/fits/registry.h"

using namespace ff;
using namespace ff::analysis;

TEST_CASE("every parametric fit ends at the published runs' reference optimum",
          "[analysis][published]") {
  const io::Json golden = io::read_json(test::source_dir() / "tests/golden/fits.json", "")["sets"];
  for (const auto& [set, fits] : golden.items()) {
    const std::string file = set.substr(0, set.find(':')) + ".csv";
    const std::string filter =
        set.find(':') == std::string::npos ? "" : set.substr(set.find(':') + 1);
    const auto path = test::published_table(file);
    if (!path) {
      continue;
    }
    const size_t equals = std::min(filter.find('='), filter.size());
    const auto points = test::published_points(
        *path, filter.substr(0, equals), filter.empty() ? "" : filter.substr(equals + 1));
    REQUIRE(points.size() == fits["n"].get<size_t>());
    for (const auto& [name, reference] :
         {std::pair{"huber", "huber"}, std::pair{"log_mse", "logmse"}, std::pair{"vp", "vp"}}) {
      CAPTURE(set, name);
      const io::Json& want = fits[reference];
      const Fit fit = find_estimator(name)->fit(points, {});
      REQUIRE(fit.status == "ok");
      // The noise-free curves' objective is what is left of 12 printed digits: rounding.
      const bool noise_free = want["f"].get<double>() < 1e-12;
      const double parameters = noise_free ? 1e-6 : 1e-5;
      CHECK(*fit.objective == Approx(want["f"].get<double>()).epsilon(noise_free ? 1e-5 : 1e-8));
      CHECK(fit.surface->E == Approx(want["E"].get<double>()).epsilon(parameters));
      CHECK(fit.surface->alpha == Approx(want["alpha"].get<double>()).epsilon(parameters));
      CHECK(fit.surface->beta == Approx(want["beta"].get<double>()).epsilon(parameters));
      CHECK(fit.surface->A == Approx(want["A"].get<double>()).epsilon(1e-4));
      CHECK(fit.surface->B == Approx(want["B"].get<double>()).epsilon(1e-4));
      CHECK(fit.n_law->exponent == Approx(want["a"].get<double>()).epsilon(parameters));
    }
  }
}

TEST_CASE("lad finds the Chinchilla paper's published coefficients", "[analysis][published]") {
  const auto path = test::published_table("chinchilla_epoch.csv");
  if (!path) {
    return;
  }
  const Fit fit = fit_lad(test::published_points(*path, "epoch_kept", "1"), {});
  REQUIRE(fit.status == "ok");
  CHECK(*fit.objective == Approx(1.129495).epsilon(1e-6));
  CHECK(fit.surface->E == Approx(1.816864).epsilon(1e-6));
  CHECK(fit.surface->A == Approx(482.006).epsilon(1e-6));
  CHECK(fit.surface->B == Approx(2085.436).epsilon(1e-6));
  CHECK(fit.surface->alpha == Approx(.347813).epsilon(2e-6));
  CHECK(fit.surface->beta == Approx(.365854).epsilon(2e-6));
  CHECK(fit.n_law->exponent == Approx(.51264).epsilon(1e-5));
}

TEST_CASE("the three estimators on the noise-free CS336 curves", "[analysis][published]") {
  const auto path = test::published_table("cs336_isoflops.csv");
  if (!path) {
    return;
  }
  const auto points = test::published_points(*path);
  REQUIRE(points.size() == 72);

  SECTION("argmin") {
    const Fit fit = fit_argmin(points, {});
    CHECK(fit.n_law->exponent == Approx(0.46868266774).epsilon(1e-8));
    CHECK(fit.d_law->exponent == Approx(0.53131733226).epsilon(1e-6));
    CHECK((*fit.n_law)(1e24) == Approx(206.1e9).epsilon(5e-4));
  }
  SECTION("quadratic, untrimmed and unweighted as in the reference") {
    const Fit fit = fit_quadratic(points, {.window_nats = 1e9, .weight_vertices = false});
    REQUIRE(fit.optima.size() == 9);
    CHECK(fit.optima[0].model_size == Approx(608221478.833).epsilon(1e-6));
    CHECK(fit.optima[8].model_size == Approx(14999419473.95).epsilon(1e-6));
    CHECK(fit.optima[8].num_tokens == Approx(33334623441.16).epsilon(1e-6));
    CHECK(fit.n_law->exponent == Approx(0.5145794849).epsilon(1e-7));
    CHECK((*fit.n_law)(1e24) == Approx(298.1e9).epsilon(5e-4));
  }
  SECTION("vp") {
    const Fit fit = fit_vp(points, {});
    REQUIRE(fit.status == "ok");
    CHECK(fit.surface->E == Approx(2.69).epsilon(1e-6));
    CHECK(fit.surface->A == Approx(1606.4).epsilon(1e-6));
    CHECK(fit.surface->B == Approx(3210.7).epsilon(1e-6));
    CHECK(fit.surface->alpha == Approx(0.34).epsilon(1e-6));
    CHECK(fit.surface->beta == Approx(0.36).epsilon(1e-6));
    CHECK(fit.n_law->exponent == Approx(0.5142857).epsilon(1e-6));
    CHECK((*fit.n_law)(1e24) == Approx(300.3e9).epsilon(5e-4));
  }
}

TEST_CASE("quadratic needs its window on the Porian runs", "[analysis][published]") {
  const auto path = test::published_table("porian_isoflop.csv");
  if (!path) {
    return;
  }
  const auto points =
      test::published_points(*path, "experiment", "rw-base-long-kaplan-kaplan-train");
  REQUIRE(points.size() == 107);
  const Fit windowed = fit_quadratic(points, {.weight_vertices = false});
  const Fit untrimmed = fit_quadratic(points, {.window_nats = 1e9, .weight_vertices = false});
  REQUIRE(windowed.usable());
  CHECK(windowed.optima.size() == 11);
  CHECK(windowed.n_law->exponent == Approx(0.857).margin(5e-4));
  // Without the window the far branches pull three vertices out of the sizes, and they are refused.
  CHECK(untrimmed.optima.size() == 8);
  CHECK_THAT(untrimmed.warnings.at(0), ContainsSubstring("lies outside the sizes used"));
}
