// SPDX-License-Identifier: MIT
// Plans and results whose numbers do not fit each other.
#include "flops_fit/io/consistency.h"

#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/cost/transformer.h"
#include "flops_fit/io/counting.h"
#include "flops_fit/util/error.h"

#include <cmath>

using namespace ff;
using namespace ff::io;

namespace {

/// As ff-plan writes it.
Experiment planned() {
  Experiment e;
  e.experiment_id = "exp_0000";
  e.architecture = cost::Architecture{
      .d_model = 16, .num_layers = 2, .num_heads = 2, .d_ff = 64, .vocab_size = 488, .seq_len = 64};
  e.params = cost::count_params(*e.architecture);
  e.model_size = e.params->matmul;
  e.batch_size = 8;
  e.num_steps = 36;
  e.warmup_steps = 4;
  e.num_tokens = 8 * 36 * 64;
  e.tokens_per_param = static_cast<double>(e.num_tokens) / static_cast<double>(e.model_size);
  e.flops_per_token = cost::train_flops_per_token(*e.architecture);
  e.planned_flops = e.flops_per_token * static_cast<double>(e.num_tokens);
  e.compute_budget = 2e9;
  e.learning_rate = 0.5;
  return e;
}

RunResult trained() {
  const Experiment e = planned();
  RunResult r;
  r.experiment_id = e.experiment_id;
  r.compute_budget = e.compute_budget;
  r.model_size = e.model_size;
  r.num_tokens = e.num_tokens;
  r.architecture = e.architecture;
  r.params = e.params;
  r.actual_flops = e.planned_flops;
  r.final_loss = 4.5;
  r.status = kCompleted;
  r.engine = "fused";
  r.version = "0.1.0";
  return r;
}

/// What is said of `json` with one field changed; empty if it is taken. "a.b" is a field of a.
template <class Read>
std::string refusal(Json json, const std::string& field, const Json& value, const Read& read) {
  const size_t dot = field.find('.');
  Json& object = dot == std::string::npos ? json : json[field.substr(0, dot)];
  object[field.substr(dot == std::string::npos ? 0 : dot + 1)] = value;
  try {
    static_cast<void>(read(json, "sweep.json: [3]"));
  } catch (const FileError& problem) {
    CHECK(std::string(problem.what()).find('\n') == std::string::npos);
    return problem.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a plan whose numbers contradict its architecture is refused by name", "[io]") {
  const Json json = to_json(planned());
  CHECK_NOTHROW(experiment_from_json(json, "x"));
  struct Case {
    const char* field;
    Json value;
    const char* expected;
  };
  for (const Case& c : std::vector<Case>{
           {"model_size", 16001, "model_size: expected 16000 (matmul), 23808 (total) or 8192"},
           {"architecture.d_model", 32, "params.matmul: expected"},
           {"architecture.num_layers", 3, "params.matmul: expected"},
           {"architecture.seq_len", 128, "num_tokens: expected 36864"},
           {"params.total", 1, "params.total: expected 23808"},
           {"params.head", 1, "params.head: expected 7808"},
           {"params.embedding", -1, "params.embedding: expected 7808"},
           {"num_tokens", 18433, "num_tokens: expected 18432 (batch_size x seq_len x num_steps)"},
           {"num_steps", 37, "num_tokens: expected 18944"},
           {"num_steps", 0, "num_steps: expected a count of at least 1, found 0"},
           {"batch_size", 0, "batch_size: expected a count of at least 1, found 0"},
           {"batch_size", -8, "batch_size: expected a count, found -8"},
           {"batch_size", nullptr, "batch_size: expected a count of at least 1, found 0"},
           {"warmup_steps", 37, "warmup_steps: expected at most num_steps=36, found 37"},
           {"flops_per_token", 1e5, "flops_per_token: expected 108480 (as counted"},
           {"flops_per_token", -108480, "flops_per_token: expected a number from 0 to 1e45"},
           {"planned_flops", 2.5e9, "planned_flops: expected 1999503360 (flops_per_token x"},
           {"compute_budget", 1e10, "compute_budget: expected about planned_flops"},
           {"compute_budget", 1e308, "compute_budget: expected a number from 0 to 1e45"},
           {"tokens_per_param", 2, "tokens_per_param: expected 1.152 (num_tokens / model_size)"},
           {"tokens_per_param", -1, "tokens_per_param: expected 1.152"},
           {"learning_rate", 0, "learning_rate: expected a positive number, found 0"},
           {"learning_rate", -1, "learning_rate: expected a positive number, found -1"},
           {"learning_rate", 1e308, "learning_rate: expected a number from 0 to 1e30"},
           {"seed", -1, "seed: expected a whole number from 0 on, found -1"},
           {"predicted_seconds", -1, "predicted_seconds: expected a number from 0"}}) {
    INFO(c.field << " = " << c.value);
    const std::string message = refusal(json, c.field, c.value, experiment_from_json);
    CHECK_THAT(message, ContainsSubstring(std::string("sweep.json: [3].") + c.expected));
  }
}

TEST_CASE("a plan changed by hand where that is honest is taken", "[io]") {
  const Json json = to_json(planned());
  CHECK(refusal(json, "learning_rate", 0.25, experiment_from_json).empty());
  CHECK(refusal(json, "learning_rate", nullptr, experiment_from_json).empty());  // mode=mock
  CHECK(refusal(json, "seed", 17, experiment_from_json).empty());
  CHECK(refusal(json, "warmup_steps", 0, experiment_from_json).empty());
  CHECK(refusal(json, "experiment_id", "mine", experiment_from_json).empty());
  CHECK(refusal(json, "compute_budget", 1.5e9, experiment_from_json).empty());
  Json little = json;  // by another program: the sizes alone
  CHECK(refusal(json, "tokens_per_param", 0, experiment_from_json).empty());  // left out
  for (const char* key : {"params", "flops_per_token", "planned_flops", "tokens_per_param"}) {
    little.erase(key);
  }
  CHECK_NOTHROW(experiment_from_json(little, "x"));
  const Json python = Json::parse(R"({"experiment_id": "exp_0000", "compute_budget": 1e12,
    "model_size": 499999, "num_tokens": 333334, "tokens_per_param": 0.6666693333386666})");
  CHECK_NOTHROW(experiment_from_json(python, "x"));
  CHECK_THAT(refusal(python, "tokens_per_param", 7, experiment_from_json),
             ContainsSubstring("tokens_per_param: expected 0.666"));
}

TEST_CASE("a result of ours that does not fit its architecture is refused by name", "[io]") {
  const Json json = to_json(trained());
  CHECK_NOTHROW(result_from_json(json, "x"));
  for (const auto& [field, value, expected] :
       std::vector<std::tuple<const char*, Json, const char*>>{
           {"model_size", 160000, "model_size: expected 16000 (matmul)"},
           {"architecture.d_ff", 72, "model_size: expected"},
           {"params.non_embedding", 1, "params.non_embedding: expected 8192"},
           {"params.total", 16000, "params.total: expected 23808"},
           {"params.total", 1e9, "params.total: expected 23808"},
           {"num_tokens", 9216, "actual_flops: expected 999751680"},
           {"actual_flops", 1.5e9, "actual_flops: expected 1999503360"},
           {"actual_flops", -1, "actual_flops: expected a number from 0"},
           {"compute_budget", 1e308, "compute_budget: expected a number from 0"}}) {
    INFO(field << " = " << value);
    CHECK_THAT(refusal(json, field, value, result_from_json),
               ContainsSubstring(std::string("sweep.json: [3].") + expected));
  }
  // Gains of norms, which the plan does not count.
  CHECK(refusal(json, "params.total", 23808 + 5 * 16, result_from_json).empty());
  // A run that diverged spent less; a service counts its own FLOPs.
  CHECK(refusal(json, "status", "diverged", result_from_json).empty());
  Json of_service = json;
  of_service["engine"] = nullptr;
  CHECK(refusal(of_service, "actual_flops", 1.5e9, result_from_json).empty());
  // What others call so is not ours to count.
  Json foreign = json;
  foreign.erase("version");
  CHECK(refusal(foreign, "model_size", 160000, result_from_json).empty());
}

TEST_CASE("a budget is compared with what the tokens cost, whatever the plan leaves out", "[io]") {
  const Json whole = to_json(planned());
  const auto with = [&](std::initializer_list<std::pair<const char*, Json>> changes) {
    Json json = whole;
    for (const auto& [field, value] : changes) {
      json[field] = value;
    }
    return json;
  };
  const auto said = [](const Json& json) {
    return refusal(json, "experiment_id", "exp_0000", experiment_from_json);
  };
  // One of the three thousandfold, or all that are there.
  CHECK_THAT(said(with({{"flops_per_token", nullptr},
                        {"planned_flops", 1.99950336e12},
                        {"compute_budget", 2e12}})),
             ContainsSubstring("planned_flops: expected 1999503360 (as counted from the "
                               "architecture) or 1769472000 (6 model_size num_tokens), found"));
  CHECK_THAT(said(with({{"planned_flops", nullptr}, {"compute_budget", 2e12}})),
             ContainsSubstring("compute_budget: expected about what num_tokens cost, 1999503360"));
  for (const Json& nothing : {Json(nullptr), Json(0)}) {
    CHECK_THAT(
        said(with(
            {{"flops_per_token", nothing}, {"planned_flops", nothing}, {"compute_budget", 2e12}})),
        ContainsSubstring("compute_budget: expected about what num_tokens cost, 1999503360"));
    CHECK_THAT(
        said(with(
            {{"flops_per_token", nothing}, {"planned_flops", nothing}, {"compute_budget", 2e6}})),
        ContainsSubstring("compute_budget: expected about what num_tokens cost, 1769472000"));
  }
  // By either formula and any count, within compute.tolerance of at most 0.5.
  for (const double budget : {1e9, 2e9, 3.9e9}) {
    CHECK(said(with({{"flops_per_token", nullptr},
                     {"planned_flops", nullptr},
                     {"compute_budget", budget}}))
              .empty());
  }
  const double blocks = 6.0 * 8192 * 18432;
  for (const Json& cost : {Json(nullptr), Json(6 * 8192)}) {
    CHECK(said(with({{"model_size", 8192},
                     {"tokens_per_param", 2.25},
                     {"flops_per_token", cost},
                     {"planned_flops", blocks},
                     {"compute_budget", blocks}}))
              .empty());
  }
  CHECK(said(with({{"sweep_kind", kLrTransferSweep}, {"compute_budget", 1999503360}})).empty());
  // An abstract size is compared with what it says, and with nothing if it says nothing.
  Json abstract = {{"experiment_id", "a"},
                   {"compute_budget", 1e12},
                   {"model_size", 1000},
                   {"num_tokens", 20000}};
  CHECK(said(abstract).empty());
  abstract["flops_per_token"] = 6000;
  CHECK_THAT(said(abstract), ContainsSubstring("compute_budget: expected about"));
}

TEST_CASE("a plan that counts in two ways is refused at the first that departs", "[io]") {
  const ff::test::TemporaryFolder folder;
  const auto said = [&](const std::vector<Experiment>& plan) {
    std::vector<Experiment> named = plan;
    for (size_t i = 0; i < named.size(); ++i) {
      named[i].experiment_id = "e" + std::to_string(i);
    }
    write_sweep(folder / "sweep.json", named);
    try {
      const size_t taken = read_sweep(folder / "sweep.json").size();
      CHECK(taken == plan.size());
    } catch (const FileError& problem) {
      return std::string(problem.what());
    }
    return std::string();
  };
  const Experiment matmul = planned();
  Experiment total = planned();
  total.model_size = total.params->total;
  total.tokens_per_param = 0;
  Experiment six_n = planned();
  six_n.flops_per_token = 6.0 * 16000;
  six_n.planned_flops = 6.0 * 16000 * 18432;
  Experiment silent = planned();  // of its FLOPs
  silent.flops_per_token = silent.planned_flops = 0;
  Experiment abstract;
  abstract.compute_budget = 1.2e9;
  abstract.model_size = 10'000;
  abstract.num_tokens = 20'000;

  CHECK(said({matmul, silent, abstract, matmul}).empty());
  CHECK(said({silent, six_n, abstract, silent, six_n}).empty());
  CHECK(said({abstract, total, abstract, total}).empty());
  CHECK_THAT(said({matmul, abstract, matmul, total, total}),
             ContainsSubstring("sweep.json: [3].model_size is counted as total, and before it as "
                               "matmul; no law holds for a mixture, so plan all with one "
                               "model.count."));
  CHECK_THAT(said({total, matmul}), ContainsSubstring("[1].model_size is counted as matmul"));
  CHECK_THAT(said({silent, matmul, six_n}),
             ContainsSubstring("[2].flops_per_token is counted as 6nd, and before it as exact; no "
                               "law holds for a mixture, so plan all with one "
                               "compute.flops_formula."));
}

TEST_CASE("a result's budget is compared with what its tokens cost", "[io]") {
  const Json json = to_json(trained());
  const std::string expected = "compute_budget: expected about what num_tokens cost, 1999503360";
  const auto said = [](const Json& result, double budget) {
    return refusal(result, "compute_budget", budget, result_from_json);
  };
  CHECK_THAT(said(json, 2e12), ContainsSubstring(expected));
  // A batch beyond the whole plan (trainer.batch_size) is one step, however much that is.
  CHECK(said(json, 1e8).empty());
  CHECK(said(json, 6e9).empty());
  for (const char* status : {"completed", "failed", "diverged"}) {
    Json planned_only = json;  // of a service, of mode=mock, and of what failed
    planned_only["engine"] = nullptr;
    planned_only["status"] = status;
    CHECK_THAT(said(planned_only, 2e12), ContainsSubstring(expected));
    CHECK_FALSE(said(planned_only, 1e8).empty());
    CHECK(said(planned_only, 1e9).empty());
    CHECK(said(planned_only, 3.9e9).empty());
  }
  Json foreign = json;
  foreign.erase("version");
  CHECK(said(foreign, 2e12).empty());
}

TEST_CASE("a result says by which count its size and FLOPs are", "[io]") {
  RunResult r = trained();
  CHECK(size_counted_as(r) == "matmul");
  CHECK(flops_counted_as(r) == "exact");
  r.actual_flops = 6.0 * 16000 * 18432;
  CHECK(flops_counted_as(r) == "6nd");
  r.model_size = r.params->non_embedding;
  CHECK(size_counted_as(r) == "non_embedding");
  CHECK(flops_counted_as(r).empty());  // by some other count
  r.architecture.reset();
  CHECK(size_counted_as(r) == "non_embedding");
  r.params.reset();
  CHECK(size_counted_as(r).empty());
}
