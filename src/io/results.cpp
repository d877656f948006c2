// SPDX-License-Identifier: MIT
#include "flops_fit/io/results.h"

#include "flops_fit/io/consistency.h"
#include "flops_fit/io/experiment_id.h"
#include "flops_fit/util/error.h"

namespace ff::io {
namespace {

constexpr const char* kRemedy = "run ff-train first, or give paths.results";

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace

Json to_json(const RunResult& r) {
  Json json = {{"experiment_id", r.experiment_id},
               {"compute_budget", r.compute_budget},
               {"model_size", r.model_size},
               {"num_tokens", r.num_tokens},
               {"final_loss", number_or_null(r.final_loss)},
               {"actual_flops", r.actual_flops},
               {"wall_time_seconds", r.wall_time_s},
               {"timestamp", r.timestamp},
               {"status", r.status},
               {"error_message", text_or_null(r.error_message)},
               {"predicted_seconds", number_or_null(r.predicted_s)},
               {"core_seconds", number_or_null(r.core_s)},
               {"loss_stderr", number_or_null(r.loss_stderr)},
               {"floor_nats", number_or_null(r.floor_nats)},
               {"train_loss", number_or_null(r.train_loss)},
               {"bits_per_byte", number_or_null(r.bits_per_byte)},
               {"tokens_per_second", number_or_null(r.tokens_per_second)},
               {"mfu", number_or_null(r.mfu)},
               {"params", r.params ? to_json(*r.params) : Json(nullptr)},
               {"architecture", r.architecture ? to_json(*r.architecture) : Json(nullptr)},
               {"seed", r.seed ? Json(*r.seed) : Json(nullptr)},
               {"learning_rate", number_or_null(r.learning_rate)},
               {"data", text_or_null(r.data)},
               {"host", text_or_null(r.host)},
               {"dtype", text_or_null(r.dtype)},
               {"device", text_or_null(r.device)},
               {"engine", text_or_null(r.engine)},
               {"config_hash", text_or_null(r.config_hash)},
               {"version", text_or_null(r.version)},
               {"git_commit", text_or_null(r.git_commit)}};
  if (r.sweep_kind != kIsoflopSweep) {
    json["sweep_kind"] = r.sweep_kind;
  }
  if (!r.diverged_learning_rates.empty()) {
    json["diverged_learning_rates"] = r.diverged_learning_rates;
  }
  return json;
}

RunResult result_from_json(const Json& value, const std::string& where) {
  const ObjectReader object(value, where);
  RunResult r;
  r.experiment_id = experiment_id_from(object);
  r.compute_budget = object.positive("compute_budget");
  static_cast<void>(object.positive("model_size"));
  r.model_size = object.integer("model_size");
  static_cast<void>(object.positive("num_tokens"));
  r.num_tokens = object.integer("num_tokens");
  r.status = object.text_or("status", "completed");
  // The Python tool writes a failed run's loss as NaN or leaves it out.
  if (r.status == kCompleted) {
    r.final_loss = object.number("final_loss");
  }
  r.actual_flops = object.number_or("actual_flops", 0.0);
  r.wall_time_s = object.number_or("wall_time_seconds", 0.0);
  r.timestamp = object.text_or("timestamp", "");
  r.error_message = object.text_or("error_message", "");
  r.predicted_s = object.maybe_number("predicted_seconds");
  r.core_s = object.maybe_number("core_seconds");
  r.loss_stderr = object.maybe_number("loss_stderr");
  r.floor_nats = object.maybe_number("floor_nats");
  r.train_loss = object.maybe_number("train_loss");
  r.bits_per_byte = object.maybe_number("bits_per_byte");
  r.tokens_per_second = object.maybe_number("tokens_per_second");
  r.mfu = object.maybe_number("mfu");
  if (object.has("params")) {
    r.params = param_counts_from_json(object.object("params"));
  }
  if (object.has("architecture")) {
    r.architecture = architecture_from_json(object.object("architecture"));
  }
  if (object.has("seed")) {
    r.seed = object.integer("seed");
  }
  r.learning_rate = object.maybe_number("learning_rate");
  r.sweep_kind = sweep_kind_from_json(object);
  if (r.sweep_kind == kLrTransferSweep) {  // is about these two
    static_cast<void>(object.positive("learning_rate"));
    static_cast<void>(object.object("architecture"));
  }
  if (object.has("diverged_learning_rates")) {
    for (const Json& rate : object.at("diverged_learning_rates")) {
      if (!rate.is_number()) {
        throw error<FileError>("{}.diverged_learning_rates: expected numbers.", where);
      }
      r.diverged_learning_rates.push_back(rate.get<double>());
    }
  }
  r.data = object.text_or("data", "");
  r.host = object.text_or("host", "");
  r.dtype = object.text_or("dtype", "");
  r.device = object.text_or("device", "");
  r.engine = object.text_or("engine", "");
  r.config_hash = object.hash_or_none("config_hash");
  r.version = object.text_or("version", "");
  r.git_commit = object.text_or("git_commit", "");
  check_consistent(r, where);
  return r;
}

std::string common_sweep_kind(std::span<const RunResult> results, const std::string& where) {
  for (size_t i = 1; i < results.size(); ++i) {
    if (results[i].sweep_kind != results[0].sweep_kind) {
      throw error<FileError>(
          "{}: [{}].sweep_kind is {} and [0].sweep_kind is {}; analyze one sweep at a time, each "
          "in an output_dir of its own.",
          where,
          i,
          results[i].sweep_kind,
          results[0].sweep_kind);
    }
  }
  return results.empty() ? kIsoflopSweep : results[0].sweep_kind;
}

std::vector<RunResult> read_results(const std::filesystem::path& path) {
  const Json json = read_json(path, kRemedy);
  if (!json.is_array()) {
    throw error<FileError>("{}: expected an array of results, found {}; {}.",
                           path.string(),
                           json.is_object() ? "an object" : json.type_name(),
                           kRemedy);
  }
  std::vector<RunResult> results;
  for (size_t i = 0; i < json.size(); ++i) {
    results.push_back(result_from_json(json[i], fmt::format("{}: [{}]", path.string(), i)));
  }
  return results;
}

void write_results(const std::filesystem::path& path, const std::vector<RunResult>& results) {
  Json json = Json::array();
  for (const RunResult& result : results) {
    json.push_back(to_json(result));
  }
  write_json(path, json);
}

}  // namespace ff::io
