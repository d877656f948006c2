// SPDX-License-Identifier: MIT
// The kind of sweep in sweep.json and results.json, and the learning rate of a result.
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/io/results.h"
#include "flops_fit/io/sweep.h"
#include "flops_fit/util/error.h"

using namespace ff;
using namespace ff::io;

namespace {

RunResult transfer_result() {
  RunResult r;
  r.experiment_id = "exp_0000";
  r.sweep_kind = kLrTransferSweep;
  r.compute_budget = 1e12;
  r.model_size = 123;
  r.num_tokens = 456;
  r.final_loss = 0.75;
  r.status = "completed";
  r.learning_rate = 0.125;
  r.architecture = {
      .d_model = 16, .num_layers = 2, .num_heads = 2, .d_ff = 64, .vocab_size = 488, .seq_len = 64};
  return r;
}

}  // namespace

TEST_CASE("the kind of sweep and the learning rate of a result round trip", "[io]") {
  const RunResult r = transfer_result();
  const RunResult read = result_from_json(to_json(r), "x");
  CHECK(read.sweep_kind == "lr_transfer");
  CHECK(*read.learning_rate == 0.125);
  CHECK(to_json(read) == to_json(r));

  // An IsoFLOP sweep is what files without the key are.
  RunResult plain = r;
  plain.sweep_kind = kIsoflopSweep;
  plain.learning_rate.reset();
  const Json json = to_json(plain);
  CHECK_FALSE(json.contains("sweep_kind"));
  CHECK(json["learning_rate"].is_null());
  Json old = json;
  old.erase("learning_rate");
  CHECK(result_from_json(old, "x").sweep_kind == "isoflop");
  CHECK_FALSE(result_from_json(old, "x").learning_rate);
}

TEST_CASE("an unknown kind of sweep is refused by name", "[io]") {
  Json json = to_json(transfer_result());
  json["sweep_kind"] = "batch_transfer";
  CHECK_THROWS_AS(result_from_json(json, "x"), FileError);
  CHECK_THROWS_WITH(result_from_json(json, "results.json: [3]"),
                    ContainsSubstring("results.json: [3].sweep_kind: \"batch_transfer\" is not"));
  Experiment e;
  e.experiment_id = "a";
  e.compute_budget = 1e9;
  e.model_size = 10;
  e.num_tokens = 20;
  e.sweep_kind = "batch_transfer";
  CHECK_THROWS_WITH(experiment_from_json(to_json(e), "sweep.json: [0]"),
                    ContainsSubstring("sweep.json: [0].sweep_kind: \"batch_transfer\""));
}

TEST_CASE("a result of an lr_transfer sweep must say its learning rate and its width", "[io]") {
  Json json = to_json(transfer_result());
  json["learning_rate"] = nullptr;
  CHECK_THROWS_WITH(result_from_json(json, "x"), ContainsSubstring("x.learning_rate: expected a"));
  json = to_json(transfer_result());
  json["architecture"] = nullptr;
  CHECK_THROWS_WITH(result_from_json(json, "x"), ContainsSubstring("x.architecture"));
}

TEST_CASE("results of mixed kinds are refused with the first that differs", "[io]") {
  RunResult transfer = transfer_result();
  RunResult isoflop = transfer_result();
  isoflop.sweep_kind = kIsoflopSweep;
  CHECK(common_sweep_kind({}, "r.json") == kIsoflopSweep);
  CHECK(common_sweep_kind(std::vector{transfer, transfer}, "r.json") == kLrTransferSweep);
  const std::vector mixed = {isoflop, isoflop, transfer};
  CHECK_THROWS_AS(common_sweep_kind(mixed, "r.json"), FileError);
  CHECK_THROWS_WITH(common_sweep_kind(mixed, "r.json"),
                    ContainsSubstring("r.json: [2].sweep_kind is lr_transfer and [0].sweep_kind is "
                                      "isoflop; analyze one sweep at a time"));
}
