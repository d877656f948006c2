// SPDX-License-Identifier: MIT
#include "flops_fit/io/laws.h"

#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/util/error.h"

#include <cmath>
#include <limits>

using namespace ff;

TEST_CASE("the Python tool's scaling_laws.json is read as it is", "[io][laws]") {
  const io::ScalingLaws laws =
      io::read_laws(test::source_dir() / "tests/golden/python_original/scaling_laws.json");
  REQUIRE(laws.n_opt_fit);
  CHECK(laws.n_opt_fit->name == "N_opt");
  CHECK(laws.n_opt_fit->coefficient_k == 169.3353589019567);
  CHECK(laws.n_opt_fit->formula == io::formula_of(*laws.n_opt_fit));
  CHECK(laws.d_opt_fit->formula == io::formula_of(*laws.d_opt_fit));
  CHECK(laws.l_opt_fit->formula == io::formula_of(*laws.l_opt_fit));
  CHECK_FALSE(laws.n_opt_fit->k_ci);
  CHECK(laws.n_opt_fit->status == "ok");
  CHECK((*laws.d_opt_fit)(1e12) ==
        Approx(0.0009842381650700003 * std::pow(1e12, 0.7198852409812769)));
  REQUIRE(laws.optimal_points.size() == 6);
  CHECK(laws.optimal_points[3].model_size == 965348);
  CHECK(*laws.optimal_ratio == 5.039783252470272);
  CHECK(laws.estimators.empty());
  CHECK_FALSE(laws.provenance);

  // What we write of it keeps the Python tool's part, number for number.
  const io::Json original =
      io::read_json(test::source_dir() / "tests/golden/python_original/scaling_laws.json", "");
  const io::Json ours = io::to_json(laws);
  for (const char* key :
       {"n_opt_fit", "d_opt_fit", "l_opt_fit", "optimal_points", "optimal_ratio"}) {
    CHECK(ours[key].dump() == original[key].dump());
  }
}

TEST_CASE("damaged laws are refused with the field's name", "[io][laws]") {
  const test::TemporaryFolder folder;
  const auto message = [&](const std::string& text) {
    test::write_text(folder / "laws.json", text);
    try {
      static_cast<void>(io::read_laws(folder / "laws.json"));
    } catch (const FileError& problem) {
      return std::string(problem.what());
    }
    return std::string("accepted");
  };
  CHECK_THAT(message("{}"), ContainsSubstring("is this a scaling_laws.json?"));
  CHECK_THAT(message("[]"), ContainsSubstring("expected an object"));
  CHECK_THAT(message(R"({"n_opt_fit": {"coefficient_k": "x"}})"),
             ContainsSubstring("n_opt_fit.coefficient_k: expected a positive number, found \"x\""));
  CHECK_THAT(message(R"({"n_opt_fit": {"coefficient_k": 1, "exponent_a": 1, "k_ci": [1]}})"),
             ContainsSubstring("k_ci: expected [low, high]"));
  CHECK_THAT(message(R"({"optimal_points": {}})"), ContainsSubstring("expected an array"));
  CHECK_THAT(message(R"({"optimal_points": [{"compute_budget": 0}]})"),
             ContainsSubstring("optimal_points[0].compute_budget"));
  CHECK_THROWS_WITH(io::read_laws(folder / "absent.json"),
                    ContainsSubstring("run ff-analyze first"));
}

TEST_CASE("numbers that do not exist become null, never NaN", "[io][laws]") {
  io::ScalingLaws laws;
  laws.n_opt_fit = io::PowerLaw();
  laws.n_opt_fit->coefficient_k = 1.0;
  laws.n_opt_fit->r_squared = std::nan("");
  io::Prediction prediction;
  prediction.target_compute = 1e15;
  prediction.loss = std::nan("");
  prediction.loss_ci = io::Interval{0.0, std::numeric_limits<double>::infinity()};
  laws.predictions = {prediction};
  const io::Json json = io::to_json(laws);
  CHECK(json["n_opt_fit"]["r_squared"].is_null());
  CHECK(json["predictions"][0]["loss"].is_null());
  CHECK(json["predictions"][0]["loss_ci"].is_null());
}
