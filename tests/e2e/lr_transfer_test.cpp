// SPDX-License-Identifier: MIT
// S3 of umup.md: the learning rate found at one width serves the others, and sp's does not. Real
// training through all programs; the long one trains widths 32 to 256.
#include "flops_fit/io/lr_transfer.h"

#include "support/catch.h"
#include "support/process.h"

#include "flops_fit/io/results.h"

#include <cmath>

using ff::io::LrTransfer;
using ff::test::run;
using ff::test::TemporaryFolder;

namespace {

/// Plans, trains, analyzes and draws; every program must be content.
LrTransfer sweep(const TemporaryFolder& folder,
                 const std::string& plan,
                 const std::string& trainer) {
  const auto step = [&](const std::string& command) {
    const auto outcome = run(command, folder.path());
    INFO(command << "\n" << outcome.out << outcome.err);
    // 4: some of the highest learning rates may diverge; that is a finding, too.
    REQUIRE((outcome.exit_code == 0 || outcome.exit_code == 4));
  };
  step("ff-plan -q sweep.kind=lr_transfer " + plan);
  step("ff-train -q " + trainer);
  step("ff-analyze -q");
  step("ff-visualize -q");
  CHECK(std::filesystem::exists(folder / "outputs/plots/lr_transfer.png"));
  return ff::io::read_lr_transfer(folder / "outputs/analysis/lr_transfer.json");
}

double log2_argmin(const ff::io::LrCurve& curve) {
  return std::log2(curve.argmin_learning_rate.value());
}

}  // namespace

TEST_CASE("a small lr_transfer sweep goes through all programs", "[e2e]") {
  const TemporaryFolder folder;
  const LrTransfer found = sweep(folder,
                                 "sweep.widths=[8,16] sweep.log2_learning_rates=[-3,0,3] "
                                 "sweep.num_tokens=3e4",
                                 "evaluation.tokens=4000");
  REQUIRE(found.curves.size() == 2);
  for (const auto& curve : found.curves) {
    CHECK(curve.points.size() == 3);
    CHECK(log2_argmin(curve) == 0.0);  // 2^-3 learns too slowly, 2^3 not at all
  }
  for (const auto& result : ff::io::read_results(folder / "outputs/results.json")) {
    CHECK(result.learning_rate.has_value());
  }
  CHECK_THAT(ff::test::read_text(folder / "outputs/report.html"), ContainsSubstring("transfer"));
  const auto fixed = run("ff-train -q trainer.learning_rate=1", folder.path());
  CHECK(fixed.exit_code == 2);
  CHECK_THAT(fixed.err, ContainsSubstring("sets each run's"));
}

TEST_CASE("u-mup's learning rate transfers from width 32 to 256", "[e2e][slow]") {
  const TemporaryFolder folder;
  const LrTransfer found = sweep(folder, "", "");
  CHECK(found.verdict == ff::io::kTransfers);
  CHECK(found.argmin_spread_steps <= 1);
  REQUIRE(found.regret.has_value());
  CHECK(*found.regret <= 0.01);
  REQUIRE(found.vertex_regret.has_value());
  CHECK(*found.vertex_regret <= 0.01);
  for (const auto& curve : found.curves) {
    CHECK(curve.edge.empty());
  }
  CHECK_THAT(ff::test::read_text(folder / "outputs/report.html"), ContainsSubstring("transfers"));
}

TEST_CASE("sp's learning rate does not transfer from width 32 to 256", "[e2e][slow]") {
  const TemporaryFolder folder;
  const LrTransfer found =
      sweep(folder,
            "sweep.num_tokens=1e5 sweep.log2_learning_rates=[-11,-10,-9,-8,-7,-6,-5,-4,-3]",
            "model.parametrization=sp");
  CHECK(found.verdict == ff::io::kDoesNotTransfer);
  CHECK(log2_argmin(found.curves.back()) <= log2_argmin(found.curves.front()) - 2.0);
  CHECK_THAT(ff::test::read_text(folder / "outputs/report.html"),
             ContainsSubstring("does not transfer"));
}
