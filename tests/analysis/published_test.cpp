// SPDX-License-Identifier: MIT
// Published runs (not part of the project; the tests are skipped where the files are absent).
// Reference optima: an independent Python implementation, tolerances of its own optimizer ~1e-5.
#include "analysis/planted.h"
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/analysis/fits/registry.h"

using namespace ff;
using namespace ff::analysis;

namespace {

std::optional<std::filesystem::path> data_or_warn(const std::string& name) {
  const auto path = test::shared_data(name);
  if (!path) {
    WARN("skipped: " << name << " is absent (set FLOPS_FIT_DATA)");
  }
  return path;
}

}  // namespace

TEST_CASE("vp finds the optimum of the Chinchilla points", "[analysis][published]") {
  const auto path = data_or_warn("chinchilla_epoch.csv");
  if (!path) {
    return;
  }
  const auto points = test::published_points(*path, "epoch_kept", "1");
  REQUIRE(points.size() == 240);
  const Fit fit = fit_vp(points, {});
  REQUIRE(fit.status == "ok");
  CHECK(fit.certificate["objective"].get<double>() == Approx(0.08320380768987726).epsilon(1e-9));
  CHECK(fit.surface->E == Approx(1.8828136206).epsilon(1e-5));
  CHECK(fit.surface->A == Approx(567.8053912).epsilon(1e-4));
  CHECK(fit.surface->B == Approx(7581.854467).epsilon(1e-4));
  CHECK(fit.surface->alpha == Approx(0.3576150845).epsilon(1e-5));
  CHECK(fit.surface->beta == Approx(0.427620635).epsilon(1e-5));
  CHECK(fit.surface->exponent_a() == Approx(0.5445761373).epsilon(1e-5));
}

TEST_CASE("vp finds the optima of the Gemstones and Farseer runs", "[analysis][published]") {
  struct Case {
    const char* file;
    const char* column;
    const char* value;
    double objective, E, alpha, beta;
  };
  for (const Case& c : {Case{"gemstones_hot.csv",
                             "",
                             "",
                             0.47523086074758486,
                             2.056190227742722,
                             0.2639689821106386,
                             0.591438038790433},
                        Case{"farseer.csv",
                             "source",
                             "farseer_train",
                             0.009112356732675955,
                             0.3735993134219796,
                             0.2892328616602423,
                             0.31704368883855355}}) {
    const auto path = data_or_warn(c.file);
    if (!path) {
      continue;
    }
    INFO(c.file);
    const Fit fit = fit_vp(test::published_points(*path, c.column, c.value), {});
    REQUIRE(fit.status == "ok");
    CHECK(fit.certificate["objective"].get<double>() == Approx(c.objective).epsilon(1e-8));
    CHECK(fit.surface->E == Approx(c.E).epsilon(1e-4));
    CHECK(fit.surface->alpha == Approx(c.alpha).epsilon(1e-4));
    CHECK(fit.surface->beta == Approx(c.beta).epsilon(1e-4));
  }
}

TEST_CASE("the three estimators on the noise-free CS336 curves", "[analysis][published]") {
  const auto path = data_or_warn("cs336_isoflops.csv");
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
  const auto path = data_or_warn("porian_isoflop.csv");
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
