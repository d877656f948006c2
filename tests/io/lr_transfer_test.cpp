// SPDX-License-Identifier: MIT
#include "flops_fit/io/lr_transfer.h"

#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/util/error.h"

#include <cmath>

using namespace ff;
using namespace ff::io;

namespace {

/// Every field set, none at its default.
LrTransfer full() {
  LrCurve narrow{.d_model = 32,
                 .model_size = 48'384,
                 .points = {{.learning_rate = 0.5, .loss = 0.75, .loss_stderr = 0.01, .runs = 2},
                            {.learning_rate = 1.0, .loss = 0.7, .runs = 1}},
                 .diverged = {4.0, 8.0},
                 .argmin_learning_rate = 1.0,
                 .argmin_loss = 0.7,
                 .vertex_log2 = -0.27,
                 .vertex_loss = 0.69};
  LrCurve wide{.d_model = 64,
               .model_size = 163'000,
               .edge = "highest",
               .status = "the lowest loss is at the highest learning rate",
               .regret = 0.0625};
  return {.verdict = kUndecided,
          .reasons = {"one", "two"},
          .curves = {narrow, wide},
          .argmin_spread_steps = 2,
          .argmin_spread_octaves = 1.5,
          .vertex_drift = -0.5,
          .vertex_slope = -0.25,
          .regret = 0.0625,
          .regret_note = "a note",
          .max_spread_steps = 1,
          .max_regret = 0.01,
          .warnings = {"a warning"},
          .provenance = {.program = "ff-analyze 0.1.0",
                         .created = "2026-11-21T01:30:00Z",
                         .results_path = "outputs/results.json",
                         .runs_read = 28,
                         .runs_used = 27}};
}

}  // namespace

TEST_CASE("lr_transfer.json round trips", "[io][lr_transfer]") {
  const test::TemporaryFolder folder;
  const LrTransfer written = full();
  write_lr_transfer(folder / "lr.json", written);
  const LrTransfer read = read_lr_transfer(folder / "lr.json");
  CHECK(to_json(read).dump() == to_json(written).dump());
  CHECK(read.verdict == "undecided");
  CHECK(*read.vertex_slope == -0.25);
  CHECK(read.max_regret == 0.01);
  REQUIRE(read.curves.size() == 2);
  CHECK(*read.curves[0].points[0].loss_stderr == 0.01);
  CHECK_FALSE(read.curves[0].points[1].loss_stderr);
  CHECK(read.curves[0].diverged == std::vector<double>{4.0, 8.0});
  CHECK_FALSE(read.curves[0].regret);
  CHECK(*read.curves[1].regret == 0.0625);
  CHECK(read.curves[1].edge == "highest");
  CHECK_FALSE(read.curves[1].vertex_log2);
  CHECK(read.provenance.runs_used == 27);
}

TEST_CASE("numbers of an lr_transfer.json that do not exist become null", "[io][lr_transfer]") {
  LrTransfer transfer = full();
  transfer.regret.reset();
  transfer.regret_note.clear();
  transfer.vertex_drift = std::nan("");
  const Json json = to_json(transfer);
  CHECK(json["regret_nats"].is_null());
  CHECK(json["regret_note"].is_null());
  CHECK(json["vertex_drift_octaves"].is_null());
  CHECK(json["widths"][0]["edge"].is_null());
}

TEST_CASE("a damaged lr_transfer.json is refused with the field's name", "[io][lr_transfer]") {
  const auto message = [](const Json& json) {
    try {
      static_cast<void>(lr_transfer_from_json(json, "lr.json"));
    } catch (const FileError& problem) {
      return std::string(problem.what());
    }
    return std::string("accepted");
  };
  CHECK(message(to_json(full())) == "accepted");
  CHECK_THAT(message(Json::object()), ContainsSubstring("is this an lr_transfer.json?"));
  CHECK_THAT(message(Json::array()), ContainsSubstring("expected an object"));
  Json json = to_json(full());
  json["widths"] = 3;
  CHECK_THAT(message(json), ContainsSubstring("lr.json.widths: expected an array"));
  json = to_json(full());
  json["widths"][1]["d_model"] = -4;
  CHECK_THAT(message(json), ContainsSubstring("lr.json.widths[1].d_model: expected a positive"));
  json = to_json(full());
  json["widths"][0]["points"][1]["loss"] = "low";
  CHECK_THAT(message(json), ContainsSubstring("widths[0].points[1].loss: expected a number"));
  json = to_json(full());
  json["widths"][0]["diverged"][0] = 0;
  CHECK_THAT(message(json), ContainsSubstring("diverged: expected positive numbers, found 0"));
  json = to_json(full());
  json["reasons"] = Json::array({1});
  CHECK_THAT(message(json), ContainsSubstring("lr.json.reasons: expected texts"));
  json = to_json(full());
  json["provenance"]["created"] = 3;
  CHECK_THAT(message(json), ContainsSubstring("lr.json.provenance.created: expected a string"));
  const test::TemporaryFolder folder;
  CHECK_THROWS_WITH(read_lr_transfer(folder / "absent.json"),
                    ContainsSubstring("run ff-analyze on an lr_transfer sweep"));
}
