// SPDX-License-Identifier: MIT
#include "flops_fit/io/run_times.h"

#include "support/catch.h"

#include "flops_fit/cost/run_time.h"

#include <vector>

using ff::io::Experiment;
using ff::io::RunResult;

namespace {

RunResult trained(const std::string& id, double wall_s) {
  RunResult r;
  r.experiment_id = id;
  r.compute_budget = 1e11;
  r.model_size = 1000;
  r.num_tokens = 1000;
  r.final_loss = 1.0;
  r.status = "completed";
  r.device = "cpu";
  r.wall_time_s = wall_s;
  return r;
}

Experiment planned(const std::string& id, double predicted_s) {
  Experiment e;
  e.experiment_id = id;
  e.predicted_seconds = predicted_s;
  return e;
}

}  // namespace

TEST_CASE("runs that were predicted and completed are compared", "[io]") {
  const double start = ff::cost::kRunStartSeconds;
  std::vector<RunResult> results = {
      trained("a", 12.0), trained("b", 5.0), trained("c", 7.0), trained("d", 1.0), trained("e", 1)};
  results[1].predicted_s = start + 4.0;  // goes before the plan's
  results[2].status = "failed";
  results[3].device = "mock";
  const std::vector<Experiment> sweep = {planned("a", start + 10.0),
                                         planned("b", start + 99.0),
                                         planned("c", start + 1.0),
                                         planned("d", start + 1.0),
                                         planned("e", 0.0)};
  const auto times = ff::io::run_times(results, sweep);
  REQUIRE(times.size() == 2);
  CHECK(times[0].experiment_id == "a");
  CHECK(times[0].predicted_s == Approx(10.0));
  CHECK(times[0].actual_s == 12.0);
  CHECK(times[1].predicted_s == Approx(4.0));
  const auto total = ff::io::total_time(times);
  CHECK(total.predicted_s == Approx(14.0));
  CHECK(total.actual_s == Approx(17.0));
  CHECK(ff::io::run_times(results, {}).size() == 1);  // no plan: the result's own prediction
  CHECK(ff::io::run_times({}, sweep).empty());
  // Of two experiments with one id the first counts.
  const auto twice = ff::io::run_times(std::vector{trained("a", 12.0)},
                                       std::vector{sweep[0], planned("a", start + 20.0)});
  REQUIRE(twice.size() == 1);
  CHECK(twice[0].predicted_s == Approx(10.0));
}

TEST_CASE("a result's predicted time is optional, and round trips", "[io]") {
  RunResult r = trained("a", 1.0);
  CHECK(ff::io::to_json(r)["predicted_seconds"].is_null());
  CHECK_FALSE(ff::io::result_from_json(ff::io::to_json(r), "x").predicted_s);
  r.predicted_s = 4.5;
  CHECK(ff::io::result_from_json(ff::io::to_json(r), "x").predicted_s == 4.5);
  auto old = ff::io::to_json(r);
  old.erase("predicted_seconds");
  CHECK_FALSE(ff::io::result_from_json(old, "x").predicted_s);
}
