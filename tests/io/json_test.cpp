// SPDX-License-Identifier: MIT
#include "flops_fit/io/json.h"

#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/io/results.h"
#include "flops_fit/io/sweep.h"
#include "flops_fit/util/error.h"

#include <cmath>

using namespace ff::io;
using ff::FileError;
using ff::test::TemporaryFolder;
using ff::test::write_text;

TEST_CASE("a damaged JSON file is refused with its line and a remedy", "[io]") {
  const TemporaryFolder folder;
  const auto file = folder / "a.json";
  const auto message = [&](const std::string& text) {
    write_text(file, text);
    try {
      static_cast<void>(read_json(file, "run ff-plan first"));
    } catch (const FileError& problem) {
      return std::string(problem.what());
    }
    return std::string("no error");
  };
  CHECK_THAT(message(""), ContainsSubstring("the file is empty; run ff-plan first."));
  CHECK_THAT(message(" \n "), ContainsSubstring("the file is empty"));
  CHECK_THAT(message("[1,\n2,\n"), ContainsSubstring("a.json:3: the JSON ends too early"));
  CHECK_THAT(message("[1,\n2,\nx]"), ContainsSubstring("a.json:3: not valid JSON"));
  CHECK_THROWS_WITH(read_json(folder / "none.json", "run ff-plan first"),
                    ContainsSubstring("no such file; run ff-plan first."));
  CHECK_THROWS_AS(read_json(folder.path(), "x"), FileError);
}

TEST_CASE("NaN as Python writes it is read as null, but not inside strings", "[io]") {
  const TemporaryFolder folder;
  write_text(folder / "a.json", R"([NaN, -Infinity, {"x NaN \" Infinity": Infinity}, 1])");
  const Json json = read_json(folder / "a.json", "");
  CHECK(json[0].is_null());
  CHECK(json[1].is_null());
  CHECK(json[2].begin().key() == "x NaN \" Infinity");
  CHECK(json[3] == 1);
}

TEST_CASE("fields report where they stand, what is expected and what was found", "[io]") {
  const Json json = Json::parse(R"({"a": "text", "b": -1, "c": 1.5, "d": 1e6, "e": null})");
  const ObjectReader object(json, "f.json: [3]");
  CHECK_THROWS_WITH(object.number("a"), "f.json: [3].a: expected a number, found \"text\".");
  CHECK_THROWS_WITH(object.number("z"), "f.json: [3].z: expected a number, found nothing.");
  CHECK_THROWS_WITH(object.positive("b"), "f.json: [3].b: expected a positive number, found -1.");
  CHECK_THROWS_WITH(object.integer("c"), "f.json: [3].c: expected a whole number, found 1.5.");
  CHECK_THROWS_WITH(object.object("b"), ContainsSubstring("expected an object"));
  CHECK(object.integer("d") == 1'000'000);
  CHECK_FALSE(object.maybe_number("e"));
  CHECK(object.text_or("e", "x") == "x");
}

TEST_CASE("results round trip, and NaN never reaches a file", "[io]") {
  const TemporaryFolder folder;
  RunResult r;
  r.experiment_id = "exp_0000";
  r.compute_budget = 1e12;
  r.model_size = 123;
  r.num_tokens = 456;
  r.final_loss = 0.75;
  r.status = "completed";
  r.loss_stderr = NAN;
  r.architecture = {
      .d_model = 16, .num_layers = 2, .num_heads = 2, .d_ff = 64, .vocab_size = 488, .seq_len = 64};
  r.params = ff::cost::count_params(*r.architecture);
  r.seed = 3;
  write_results(folder / "results.json", {r});
  const auto read = read_results(folder / "results.json");
  REQUIRE(read.size() == 1);
  CHECK_FALSE(read[0].loss_stderr);
  CHECK_FALSE(read[0].predicted_s);
  CHECK(read[0].architecture == r.architecture);
  r.loss_stderr.reset();
  CHECK(to_json(read[0]) == to_json(r));
  // Files from before there was a prediction.
  auto old = to_json(r);
  old.erase("predicted_seconds");
  CHECK_FALSE(ff::io::result_from_json(old, "old").predicted_s);
  r.predicted_s = 12.5;
  CHECK(ff::io::result_from_json(to_json(r), "new").predicted_s == 12.5);
}

TEST_CASE("counts beyond 2^53 and FLOPs beyond 2^63 survive", "[io]") {
  Experiment e;
  e.experiment_id = "x";
  e.compute_budget = 1e26;
  e.model_size = 9007199254740993;
  e.num_tokens = 9223372036854775807;
  const Json json = Json::parse(to_json(e).dump());
  const Experiment read = experiment_from_json(json, "x");
  CHECK(read.model_size == e.model_size);
  CHECK(read.num_tokens == e.num_tokens);
  CHECK(read.compute_budget == 1e26);
}

TEST_CASE("a sweep with the same id twice, or an id that is no folder name, is refused", "[io]") {
  const TemporaryFolder folder;
  const std::string one =
      R"({"experiment_id": "a", "compute_budget": 1e9, "model_size": 10, "num_tokens": 20})";
  write_text(folder / "sweep.json", "[" + one + "," + one + "]");
  CHECK_THROWS_WITH(read_sweep(folder / "sweep.json"), ContainsSubstring("[1].experiment_id"));
  for (const std::string id : {"", "..", "a/b", ".hidden"}) {
    write_text(folder / "sweep.json",
               R"([{"experiment_id": ")" + id +
                   R"(", "compute_budget": 1e9, "model_size": 10, "num_tokens": 20}])");
    CHECK_THROWS_AS(read_sweep(folder / "sweep.json"), FileError);
  }
}
