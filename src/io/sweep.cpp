// SPDX-License-Identifier: MIT
#include "flops_fit/io/sweep.h"

#include "flops_fit/io/consistency.h"
#include "flops_fit/io/counting.h"
#include "flops_fit/io/experiment_id.h"
#include "flops_fit/util/error.h"

#include <set>
#include <utility>

namespace ff::io {
namespace {

constexpr int64_t kMaxBatchRows = 1'000'000'000'000;
constexpr const char* kRemedy = "run ff-plan first, or give paths.sweep";

}  // namespace

Json to_json(const cost::Architecture& arch) {
  return {{"d_model", arch.d_model},
          {"num_layers", arch.num_layers},
          {"num_heads", arch.num_heads},
          {"d_ff", arch.d_ff},
          {"vocab_size", arch.vocab_size},
          {"seq_len", arch.seq_len}};
}

cost::Architecture architecture_from_json(const ObjectReader& object) {
  cost::Architecture arch{
      .d_model = object.integer("d_model"),
      .num_layers = object.integer("num_layers"),
      .num_heads = object.integer("num_heads"),
      .d_ff = object.integer("d_ff"),
      .vocab_size = object.integer("vocab_size"),
      .seq_len = object.integer("seq_len"),
  };
  for (const auto& [key, most] : {std::pair{"d_model", cost::kMaxWidth},
                                  {"num_layers", cost::kMaxLayers},
                                  {"num_heads", cost::kMaxWidth},
                                  {"d_ff", cost::kMaxHidden},
                                  {"vocab_size", cost::kMaxVocab},
                                  {"seq_len", cost::kMaxSeqLen}}) {
    if (object.integer(key) < 1 || object.integer(key) > most) {
      throw error<FileError>("{}.{}: expected a whole number from 1 to {}, found {}.",
                             object.where(),
                             key,
                             most,
                             object.integer(key));
    }
  }
  if (arch.d_model % arch.num_heads != 0) {
    throw error<FileError>("{}: d_model {} is not a multiple of num_heads {}.",
                           object.where(),
                           arch.d_model,
                           arch.num_heads);
  }
  return arch;
}

Json to_json(const cost::ParamCounts& counts) {
  return {{"total", counts.total},
          {"matmul", counts.matmul},
          {"non_embedding", counts.non_embedding},
          {"embedding", counts.embedding},
          {"head", counts.head}};
}

cost::ParamCounts param_counts_from_json(const ObjectReader& object) {
  return {.total = object.integer("total"),
          .matmul = object.integer("matmul"),
          .non_embedding = object.integer("non_embedding"),
          .embedding = object.integer("embedding"),
          .head = object.integer("head")};
}

std::string sweep_kind_from_json(const ObjectReader& object) {
  const std::string kind = object.text_or("sweep_kind", kIsoflopSweep);
  if (kind != kIsoflopSweep && kind != kLrTransferSweep) {
    throw error<FileError>(
        "{}.sweep_kind: {} is not a kind of sweep that this version knows ({}, {}).",
        object.where(),
        shown(kind),
        kIsoflopSweep,
        kLrTransferSweep);
  }
  return kind;
}

Json to_json(const Experiment& e) {
  Json json = {{"experiment_id", e.experiment_id},
               {"compute_budget", e.compute_budget},
               {"model_size", e.model_size},
               {"num_tokens", e.num_tokens},
               {"tokens_per_param", e.tokens_per_param}};
  if (e.sweep_kind != kIsoflopSweep) {
    json["sweep_kind"] = e.sweep_kind;
  }
  if (e.architecture) {
    json["architecture"] = to_json(*e.architecture);
  }
  if (e.params) {
    json["params"] = to_json(*e.params);
  }
  if (e.planned_flops > 0) {
    json["flops_per_token"] = e.flops_per_token;
    json["planned_flops"] = e.planned_flops;
  }
  if (e.num_steps > 0) {
    json["batch_size"] = e.batch_size;
    json["num_steps"] = e.num_steps;
    json["warmup_steps"] = e.warmup_steps;
  }
  json["learning_rate"] = e.learning_rate > 0 ? Json(e.learning_rate) : Json(nullptr);
  json["seed"] = e.seed;
  if (e.predicted_seconds > 0) {
    json["predicted_seconds"] = e.predicted_seconds;
  }
  return json;
}

Experiment experiment_from_json(const Json& value, const std::string& where) {
  const ObjectReader object(value, where);
  Experiment e;
  e.experiment_id = experiment_id_from(object);
  e.sweep_kind = sweep_kind_from_json(object);
  e.compute_budget = object.positive("compute_budget");
  static_cast<void>(object.positive("model_size"));
  e.model_size = object.integer("model_size");
  static_cast<void>(object.positive("num_tokens"));
  e.num_tokens = object.integer("num_tokens");
  e.tokens_per_param = object.number_or(
      "tokens_per_param", static_cast<double>(e.num_tokens) / static_cast<double>(e.model_size));
  if (object.has("architecture")) {
    e.architecture = architecture_from_json(object.object("architecture"));
  }
  if (object.has("params")) {
    e.params = param_counts_from_json(object.object("params"));
  }
  e.flops_per_token = object.number_or("flops_per_token", 0.0);
  e.planned_flops = object.number_or("planned_flops", 0.0);
  for (auto [key, field] : {std::pair{"batch_size", &e.batch_size},
                            {"num_steps", &e.num_steps},
                            {"warmup_steps", &e.warmup_steps}}) {
    *field = object.integer_or(key, 0);
    if (*field < 0) {
      throw error<FileError>("{}.{}: expected a count, found {}.", where, key, *field);
    }
  }
  if (e.batch_size > kMaxBatchRows) {
    throw error<FileError>(
        "{}.batch_size: expected at most {} rows, found {}.", where, kMaxBatchRows, e.batch_size);
  }
  const double seq_len = e.architecture ? static_cast<double>(e.architecture->seq_len) : 1.0;
  const double trained =
      static_cast<double>(e.batch_size) * static_cast<double>(e.num_steps) * seq_len;
  if (trained > 9e18) {
    throw error<FileError>(
        "{}: batch_size x num_steps x seq_len are {:.2e} tokens, more than a run can count.",
        where,
        trained);
  }
  // Without one, null or absent, ff-train needs trainer.learning_rate or a mode that has no use for
  // it.
  e.learning_rate = object.has("learning_rate") ? object.positive("learning_rate") : 0.0;
  e.seed = object.integer_or("seed", 0);
  e.predicted_seconds = object.number_or("predicted_seconds", 0.0);
  check_consistent(e, where);
  return e;
}

std::vector<Experiment> read_sweep(const std::filesystem::path& path) {
  const Json json = read_json(path, kRemedy);
  if (!json.is_array()) {
    throw error<FileError>("{}: expected an array of experiments, found {}; {}.",
                           path.string(),
                           json.is_object() ? "an object" : json.type_name(),
                           kRemedy);
  }
  if (json.empty()) {
    throw error<FileError>("{}: the plan has no experiments; {}.", path.string(), kRemedy);
  }
  std::vector<Experiment> sweep;
  std::set<std::string> ids;
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string where = fmt::format("{}: [{}]", path.string(), i);
    sweep.push_back(experiment_from_json(json[i], where));
    if (!ids.insert(sweep.back().experiment_id).second) {
      throw error<FileError>(
          "{}.experiment_id: \"{}\" stands twice in the file.", where, sweep.back().experiment_id);
    }
  }
  check_one_way_of_counting(sweep, path.string());
  return sweep;
}

void write_sweep(const std::filesystem::path& path, const std::vector<Experiment>& sweep) {
  Json json = Json::array();
  for (const Experiment& experiment : sweep) {
    json.push_back(to_json(experiment));
  }
  write_json(path, json);
}

}  // namespace ff::io
