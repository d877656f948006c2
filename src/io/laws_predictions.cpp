// SPDX-License-Identifier: MIT
#include "laws_parts.h"

#include "flops_fit/io/sweep.h"

#include <array>
#include <cmath>
#include <utility>

namespace ff::io {
namespace {

// One list for reading and writing.
constexpr std::array<std::pair<const char*, std::optional<Interval> Prediction::*>, 8>
    kPredictionIntervals = {{{"model_size_ci", &Prediction::model_size_ci},
                             {"num_tokens_ci", &Prediction::num_tokens_ci},
                             {"loss_ci", &Prediction::loss_ci},
                             {"model_size_range", &Prediction::model_size_range},
                             {"num_tokens_range", &Prediction::num_tokens_range},
                             {"loss_range", &Prediction::loss_range},
                             {"cheap_sizes", &Prediction::cheap_sizes},
                             {"wasted_at_range", &Prediction::wasted_at_range}}};
constexpr std::array<std::pair<const char*, double LifetimePrediction::*>, 6> kLifetime = {
    {{"inference_tokens", &LifetimePrediction::inference_tokens},
     {"model_size", &LifetimePrediction::model_size},
     {"num_tokens", &LifetimePrediction::num_tokens},
     {"training_flops", &LifetimePrediction::training_flops},
     {"total_flops", &LifetimePrediction::total_flops},
     {"saved_share", &LifetimePrediction::saved_share}}};
constexpr std::array<std::pair<const char*, double RepeatedPrediction::*>, 5> kRepeated = {
    {{"unique_tokens", &RepeatedPrediction::unique_tokens},
     {"model_size", &RepeatedPrediction::model_size},
     {"num_tokens", &RepeatedPrediction::num_tokens},
     {"epochs", &RepeatedPrediction::epochs},
     {"loss", &RepeatedPrediction::loss}}};

template <class Value, class Fields>
Json write_fields(const Value& value, const Fields& fields) {
  Json json = Json::object();
  for (const auto& [key, field] : fields) {
    json[key] = number_or_null(value.*field);
  }
  return json;
}

template <class Value, class Fields>
Value read_fields(const ObjectReader& object, const Fields& fields) {
  Value value;
  for (const auto& [key, field] : fields) {
    value.*field = object.number(key);
  }
  return value;
}

}  // namespace

Json interval_json(const std::optional<Interval>& ci) {
  if (!ci || !std::isfinite(ci->low) || !std::isfinite(ci->high)) {
    return nullptr;
  }
  return Json::array({ci->low, ci->high});
}

std::optional<Interval> read_interval(const ObjectReader& object, std::string_view key) {
  if (!object.has(key)) {
    return std::nullopt;
  }
  const Json& value = object.at(key);
  if (!value.is_array() || value.size() != 2 || !value[0].is_number() || !value[1].is_number()) {
    throw error<FileError>("{}.{}: expected [low, high], found {}; {}.",
                           object.where(),
                           key,
                           json_text(value),
                           kLawsRemedy);
  }
  return Interval{value[0].get<double>(), value[1].get<double>()};
}

Json to_json(const Prediction& prediction) {
  Json json = {{"target_compute", prediction.target_compute},
               {"model_size", number_or_null(prediction.model_size)},
               {"num_tokens", number_or_null(prediction.num_tokens)},
               {"loss", number_or_null(prediction.loss)},
               {"tokens_per_param", number_or_null(prediction.tokens_per_param)}};
  for (const auto& [key, field] : kPredictionIntervals) {
    json[key] = interval_json(prediction.*field);
  }
  json["extrapolation"] = prediction.extrapolation;
  json["status"] = prediction.status;
  json["by_estimator"] = Json::object();
  for (const auto& [name, size] : prediction.by_estimator) {
    json["by_estimator"][name] = number_or_null(size);
  }
  json["architecture"] =
      prediction.architecture ? to_json(*prediction.architecture) : Json(nullptr);
  json["training_time"] = Json::array();
  for (const TrainingTime& time : prediction.times) {
    json["training_time"].push_back({{"machine", time.machine},
                                     {"flops_per_second", number_or_null(time.flops_per_s)},
                                     {"seconds", number_or_null(time.seconds)}});
  }
  if (prediction.lifetime) {
    json["inference_aware"] = write_fields(*prediction.lifetime, kLifetime);
  }
  if (prediction.repeated) {
    json["data_constrained"] = write_fields(*prediction.repeated, kRepeated);
    json["data_constrained"]["basis"] = prediction.repeated->basis;
  }
  return json;
}

Prediction read_prediction(const ObjectReader& object) {
  Prediction prediction;
  prediction.target_compute = object.positive("target_compute");
  prediction.model_size = object.positive("model_size");
  prediction.num_tokens = object.positive("num_tokens");
  prediction.loss = object.maybe_number("loss");
  prediction.tokens_per_param =
      object.number_or("tokens_per_param", prediction.num_tokens / prediction.model_size);
  for (const auto& [key, field] : kPredictionIntervals) {
    prediction.*field = read_interval(object, key);
  }
  prediction.extrapolation = object.number_or("extrapolation", 0.0);
  prediction.status = object.text_or("status", "ok");
  if (object.has("by_estimator")) {
    const ObjectReader sizes = object.object("by_estimator");
    for (const auto& [name, size] : object.at("by_estimator").items()) {
      prediction.by_estimator.emplace_back(name, sizes.positive(name));
    }
  }
  if (object.has("architecture")) {
    prediction.architecture = architecture_from_json(object.object("architecture"));
  }
  prediction.times = read_list(object, "training_time", [](const ObjectReader& time) {
    return TrainingTime{.machine = time.text("machine"),
                        .flops_per_s = time.positive("flops_per_second"),
                        .seconds = time.positive("seconds")};
  });
  if (object.has("inference_aware")) {
    prediction.lifetime =
        read_fields<LifetimePrediction>(object.object("inference_aware"), kLifetime);
  }
  if (object.has("data_constrained")) {
    const ObjectReader repeated = object.object("data_constrained");
    prediction.repeated = read_fields<RepeatedPrediction>(repeated, kRepeated);
    prediction.repeated->basis = repeated.text_or("basis", "");
  }
  return prediction;
}

}  // namespace ff::io
