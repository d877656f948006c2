// SPDX-License-Identifier: MIT
#include "fake_backends.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

namespace ff::test {

using io::Json;

namespace {

Reply message(int status, const std::string& text) {
  return {status, Json{{"message", text}}.dump()};
}

Reply detail(int status, const Json& what) {
  return {status, Json{{"detail", what}}.dump()};
}

template <class T>
std::optional<T> number(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stopped, failure] = std::from_chars(text.data(), end, value);
  return failure == std::errc() && stopped == end ? std::optional(value) : std::nullopt;
}

/// Keys and kinds of an object, exactly: "i" whole number, "n" number, "b" true or false, "s" text,
/// "o" object. Empty if all is well, else what is not.
std::string mismatch(const Json& object, const std::map<std::string, char>& kinds) {
  if (!object.is_object()) {
    return "not an object";
  }
  for (const auto& [key, value] : object.items()) {
    const auto known = kinds.find(key);
    if (known == kinds.end()) {
      return "extra field " + key;
    }
    const bool good = (known->second == 'i' && value.is_number_integer()) ||
                      (known->second == 'n' && value.is_number()) ||
                      (known->second == 'b' && value.is_boolean()) ||
                      (known->second == 's' && value.is_string()) ||
                      (known->second == 'o' && value.is_object());
    if (!good) {
      return "wrong type of " + key;
    }
  }
  for (const auto& [key, kind] : kinds) {
    if (!object.contains(key)) {
      return "missing field " + key;
    }
  }
  return "";
}

const std::map<std::string, char> kBody = {{"architecture_config", 'o'},
                                           {"optimizer_config", 'o'},
                                           {"train_batch_size", 'i'},
                                           {"val_batch_size", 'i'},
                                           {"n_evals", 'i'},
                                           {"total_train_tokens", 'i'},
                                           {"max_runtime_seconds", 'n'},
                                           {"model_seed", 'i'}};
const std::map<std::string, char> kArchitecture = {{"attention_bias", 'b'},
                                                   {"head_dim", 'i'},
                                                   {"hidden_size", 'i'},
                                                   {"intermediate_size", 'i'},
                                                   {"num_attention_heads", 'i'},
                                                   {"num_hidden_layers", 'i'},
                                                   {"num_key_value_heads", 'i'},
                                                   {"rms_norm_eps", 'n'},
                                                   {"rope_theta", 'n'},
                                                   {"tie_word_embeddings", 'b'},
                                                   {"dtype", 's'},
                                                   {"vocab_size", 'i'}};
const std::map<std::string, char> kOptimizer = {{"lr_scheduler", 'o'},
                                                {"weight_decay", 'n'},
                                                {"beta1", 'n'},
                                                {"beta2", 'n'},
                                                {"eps", 'n'},
                                                {"eps_root", 'n'},
                                                {"grad_clip_norm", 'n'}};
const std::map<std::string, char> kSchedule = {
    {"peak_value", 'n'}, {"final_lr_frac", 'n'}, {"warmup_frac", 'n'}, {"init_value", 'n'}};

/// What the 2026 service refuses with 422; empty if nothing.
std::string invalid(const Json& body) {
  std::string wrong = mismatch(body, kBody);
  if (!wrong.empty()) {
    return wrong;
  }
  const Json& shape = body["architecture_config"];
  const Json& optimizer = body["optimizer_config"];
  for (const auto& [object, kinds] :
       {std::pair{&shape, &kArchitecture}, std::pair{&optimizer, &kOptimizer}}) {
    wrong = mismatch(*object, *kinds);
    if (!wrong.empty()) {
      return wrong;
    }
  }
  wrong = mismatch(optimizer["lr_scheduler"], kSchedule);
  if (!wrong.empty()) {
    return wrong;
  }
  const int64_t step_tokens = 512 * body["train_batch_size"].get<int64_t>();
  const int64_t tokens = body["total_train_tokens"].get<int64_t>();
  if (step_tokens <= 0 || tokens <= 0 || tokens % step_tokens != 0) {
    return "total_train_tokens must be a multiple of 512 * train_batch_size";
  }
  const int64_t evals = body["n_evals"].get<int64_t>();
  if (evals < 1 || tokens / step_tokens % evals != 0) {
    return "the number of steps must be a multiple of n_evals";
  }
  if (shape["hidden_size"].get<int64_t>() !=
      shape["num_attention_heads"].get<int64_t>() * shape["head_dim"].get<int64_t>()) {
    return "hidden_size must be num_attention_heads * head_dim";
  }
  return shape["num_key_value_heads"] == shape["num_attention_heads"]
             ? ""
             : "num_key_value_heads must equal num_attention_heads";
}

}  // namespace

double planted_loss(double n, double d) {
  return 1.69 + 406.4 * std::pow(n, -0.34) + 410.7 * std::pow(d, -0.28);
}

Reply Service2024::serve(const Asked& asked) {
  const auto key = asked.query.find("api_key");
  if (key == asked.query.end() || key->second != key_) {
    return message(401, "invalid API key");
  }
  if (asked.method != "GET") {
    return message(405, "method not allowed");
  }
  if (asked.path == "/loss") {
    return loss(asked);
  }
  if (asked.path == "/total_flops_used") {
    return {200, Json(used_flops.load()).dump()};
  }
  if (asked.path == "/previous_runs") {
    Json list = Json::array();
    for (const auto& [name, run] : runs_) {
      list.push_back(run);
    }
    return {200, Json{{"previous_runs", list}}.dump()};
  }
  return message(404, "not found");
}

Reply Service2024::loss(const Asked& asked) {
  if (asked.query.size() != 7) {
    return message(422, "expected exactly seven parameters");
  }
  const auto whole = [&](const char* name) -> int64_t {
    const auto at = asked.query.find(name);
    return at == asked.query.end() ? -1 : number<int64_t>(at->second).value_or(-1);
  };
  const int64_t d_model = whole("d_model");
  const int64_t layers = whole("num_layers");
  const int64_t heads = whole("num_heads");
  const int64_t batch = whole("batch_size");
  const int64_t flops = whole("train_flops");  // in digits: 10000000000000, not 1e13
  const auto rate = asked.query.find("learning_rate");
  const double lr = rate == asked.query.end() ? -1.0 : number<double>(rate->second).value_or(-1.0);
  std::set<int64_t> budgets = {1'000'000'000'000'000'000};
  for (int64_t scale = 10'000'000'000'000; scale <= 100'000'000'000'000'000; scale *= 10) {
    budgets.insert({scale, 3 * scale, 6 * scale});
  }
  if (d_model < 64 || d_model > 1024) {
    return message(404, "d_model must be in range [64, 1024]");
  }
  if (layers < 2 || layers > 24) {
    return message(404, "num_layers must be in range [2, 24]");
  }
  if (heads < 2 || heads > 16) {
    return message(404, "num_heads must be in range [2, 16]");
  }
  if (batch != 128 && batch != 256) {
    return message(404, "batch_size must be one of {128, 256}");
  }
  if (!(lr >= 1e-4 && lr <= 1e-3)) {
    return message(404, "learning_rate must be in range [1e-4, 1e-3]");
  }
  if (budgets.count(flops) == 0) {
    return message(404, "train_flops must be one of the listed budgets");
  }
  const auto c = static_cast<double>(flops);
  const double n = 12.0 * static_cast<double>(layers * d_model * d_model);
  Json run = {{"d_model", d_model},
              {"num_layers", layers},
              {"num_heads", heads},
              {"batch_size", batch},
              {"learning_rate", lr},
              {"train_flops", flops}};
  const auto known = runs_.find(run.dump());
  if (known == runs_.end()) {
    if (used_flops + c > budget_flops) {
      return message(422, "this API key has no queries left");
    }
    used_flops += c;
    const std::string name = run.dump();
    run["loss"] = planted_loss(n, c / (6.0 * n));
    runs_[name] = run;
  } else {
    run = known->second;  // repeats are free
  }
  return {200, Json{{"loss", run["loss"]}, {"total_flops_used", used_flops.load()}}.dump()};
}

Reply Service2026::serve(const Asked& asked) {
  const auto key = asked.headers.find("x-api-key");
  if (key == asked.headers.end() || key->second != key_) {
    return detail(401, "invalid API key");
  }
  if (asked.method == "POST" && asked.path == "/submit") {
    return submit(asked);
  }
  if (asked.path == "/budget") {
    return {200, budget().dump()};
  }
  if (asked.path == "/experiments") {
    Json list = Json::array();
    for (size_t i = 0; i < experiments_.size(); ++i) {
      list.push_back(shown("run-" + std::to_string(i), experiments_[i]));
    }
    return {200, list.dump()};
  }
  for (size_t i = 0; i < experiments_.size(); ++i) {
    const std::string id = "run-" + std::to_string(i);
    if (asked.path == "/experiment/" + id) {
      experiments_[i].asked += hold ? 0 : 1;
      return {200, shown(id, experiments_[i]).dump()};
    }
  }
  return detail(404, "experiment not found");
}

Reply Service2026::submit(const Asked& asked) {
  Json body;
  try {
    body = Json::parse(asked.body);
  } catch (const Json::exception&) {
    return detail(422, "not JSON");
  }
  const std::string wrong = invalid(body);
  if (!wrong.empty()) {
    return detail(422, Json::array({{{"loc", {"body"}}, {"msg", wrong}, {"type", "value_error"}}}));
  }
  for (const Experiment& known : experiments_) {
    if (known.config == body) {
      return detail(409, "experiment already exists for this training config");
    }
  }
  const double cost = body["max_runtime_seconds"].get<double>();
  if (cost > remaining_s) {
    return detail(400,
                  {{"message", "insufficient budget"}, {"remaining_seconds", remaining_s.load()}});
  }
  remaining_s -= cost;
  experiments_.push_back({.config = body, .failed = !fail_with.empty()});
  return {200,
          Json{{"experiment_id", "run-" + std::to_string(experiments_.size() - 1)},
               {"budget_summary", budget()}}
              .dump()};
}

Json Service2026::budget() const {
  return {{"used_seconds", 0.0},
          {"remaining_seconds", remaining_s.load()},
          {"total_budget_seconds", remaining_s.load()}};
}

Json Service2026::shown(const std::string& id, const Experiment& experiment) const {
  Json status = {{"status_type", experiment.asked == 0 ? "queued" : "running"}};
  if (experiment.asked > polls && experiment.failed) {
    status = {{"status_type", "failed"},
              {"reason", {{"reason", fail_with}, {"partial_val_losses", Json::array()}}}};
  } else if (experiment.asked > polls) {
    const Json& shape = experiment.config["architecture_config"];
    const auto d_model = shape["hidden_size"].get<double>();
    const double n = 12.0 * shape["num_hidden_layers"].get<double>() * d_model * d_model;
    const auto tokens = experiment.config["total_train_tokens"].get<double>();
    Json losses = Json::array();
    const int64_t evals = experiment.config["n_evals"].get<int64_t>();
    for (int64_t i = 1; i <= evals; ++i) {
      losses.push_back(
          planted_loss(n, tokens * static_cast<double>(i) / static_cast<double>(evals)));
    }
    status = {{"status_type", "completed"}, {"val_losses", losses}};
  }
  return {{"experiment_id", id}, {"training_config", experiment.config}, {"status", status}};
}

}  // namespace ff::test
