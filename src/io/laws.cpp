// SPDX-License-Identifier: MIT
#include "flops_fit/io/laws.h"

#include "flops_fit/io/sweep.h"

#include "flops_fit/util/error.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

namespace ff::io {
namespace {

constexpr const char* kRemedy = "run ff-analyze first, or give paths.analysis";

// One list per group of optional fields, so that reading and writing cannot drift apart.
constexpr std::array<std::pair<const char*, std::optional<double> Estimator::*>, 11>
    kEstimatorNumbers = {{{"objective", &Estimator::objective},
                          {"E", &Estimator::E},
                          {"A", &Estimator::A},
                          {"B", &Estimator::B},
                          {"alpha", &Estimator::alpha},
                          {"beta", &Estimator::beta},
                          {"exponent_a", &Estimator::exponent_a},
                          {"exponent_b", &Estimator::exponent_b},
                          {"coefficient_k", &Estimator::coefficient_k},
                          {"residual_rms", &Estimator::residual_rms},
                          {"r_squared", &Estimator::r_squared}}};
constexpr std::array<std::pair<const char*, std::optional<Interval> Estimator::*>, 8>
    kEstimatorIntervals = {{{"E", &Estimator::E_ci},
                            {"A", &Estimator::A_ci},
                            {"B", &Estimator::B_ci},
                            {"alpha", &Estimator::alpha_ci},
                            {"beta", &Estimator::beta_ci},
                            {"exponent_a", &Estimator::exponent_a_ci},
                            {"exponent_b", &Estimator::exponent_b_ci},
                            {"coefficient_k", &Estimator::coefficient_k_ci}}};
constexpr std::array<std::pair<const char*, std::optional<double> Isoflop::*>, 8> kIsoflopNumbers =
    {{{"c0", &Isoflop::c0},
      {"c1", &Isoflop::c1},
      {"c2", &Isoflop::c2},
      {"vertex_size", &Isoflop::vertex_size},
      {"vertex_tokens", &Isoflop::vertex_tokens},
      {"vertex_loss", &Isoflop::vertex_loss},
      {"vertex_log_stderr", &Isoflop::vertex_log_stderr},
      {"residual_rms", &Isoflop::residual_rms}}};
constexpr std::array<std::pair<const char*, std::optional<Interval> Prediction::*>, 8>
    kPredictionIntervals = {{{"model_size_ci", &Prediction::model_size_ci},
                             {"num_tokens_ci", &Prediction::num_tokens_ci},
                             {"loss_ci", &Prediction::loss_ci},
                             {"model_size_range", &Prediction::model_size_range},
                             {"num_tokens_range", &Prediction::num_tokens_range},
                             {"loss_range", &Prediction::loss_range},
                             {"cheap_sizes", &Prediction::cheap_sizes},
                             {"wasted_at_range", &Prediction::wasted_at_range}}};
constexpr std::array<std::pair<const char*, std::optional<PowerLaw> ScalingLaws::*>, 3> kLaws = {
    {{"n_opt_fit", &ScalingLaws::n_opt_fit},
     {"d_opt_fit", &ScalingLaws::d_opt_fit},
     {"l_opt_fit", &ScalingLaws::l_opt_fit}}};

/// A count as the Python tool writes it (499999), anything else as it is.
Json count_or_number(double value) {
  const bool whole = value == std::floor(value) && std::abs(value) < 9.0e15;
  return whole ? Json(static_cast<int64_t>(value)) : number_or_null(value);
}

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
    throw error<FileError>(
        "{}.{}: expected [low, high], found {}; {}.", object.where(), key, value.dump(), kRemedy);
  }
  return Interval{value[0].get<double>(), value[1].get<double>()};
}

/// The elements of an array field (none where the field is absent), each read by `read`.
template <class Read>
auto read_list(const ObjectReader& object, std::string_view key, Read read) {
  std::vector<decltype(read(std::declval<const ObjectReader&>()))> list;
  if (!object.has(key)) {
    return list;
  }
  const Json& value = object.at(key);
  if (!value.is_array()) {
    throw error<FileError>(
        "{}.{}: expected an array, found {}; {}.", object.where(), key, value.type_name(), kRemedy);
  }
  for (size_t i = 0; i < value.size(); ++i) {
    list.push_back(read(ObjectReader(value[i], fmt::format("{}.{}[{}]", object.where(), key, i))));
  }
  return list;
}

Json to_json(const PowerLaw& law) {
  Json json = {{"name", law.name},
               {"coefficient_k", law.coefficient_k},
               {"exponent_a", law.exponent_a},
               {"r_squared", number_or_null(law.r_squared)},
               {"k_ci", interval_json(law.k_ci)},
               {"a_ci", interval_json(law.a_ci)},
               {"formula", law.formula}};
  if (law.status != "ok") {
    json["status"] = law.status;
  }
  return json;
}

PowerLaw read_power_law(const ObjectReader& object) {
  PowerLaw law;
  law.name = object.text_or("name", "");
  law.coefficient_k = object.positive("coefficient_k");
  law.exponent_a = object.number("exponent_a");
  law.r_squared = object.maybe_number("r_squared");
  law.k_ci = read_interval(object, "k_ci");
  law.a_ci = read_interval(object, "a_ci");
  law.formula = object.text_or("formula", formula_of(law));
  law.status = object.text_or("status", "ok");
  return law;
}

Json to_json(const IrreducibleLaw& law) {
  return {{"irreducible", law.irreducible},
          {"coefficient_k", law.coefficient_k},
          {"exponent_c", law.exponent_c},
          {"formula", law.formula}};
}

Json to_json(const OptimalPoint& point) {
  return {{"compute_budget", point.compute_budget},
          {"model_size", count_or_number(point.model_size)},
          {"num_tokens", count_or_number(point.num_tokens)},
          {"final_loss", number_or_null(point.final_loss)}};
}

OptimalPoint read_optimal_point(const ObjectReader& object) {
  return {.compute_budget = object.positive("compute_budget"),
          .model_size = object.positive("model_size"),
          .num_tokens = object.positive("num_tokens"),
          .final_loss = object.number("final_loss")};
}

Isoflop read_isoflop(const ObjectReader& object) {
  Isoflop isoflop;
  isoflop.compute_budget = object.positive("compute_budget");
  isoflop.status = object.text("status");
  for (const auto& [key, field] : kIsoflopNumbers) {
    isoflop.*field = object.maybe_number(key);
  }
  isoflop.points = read_list(object, "points", [](const ObjectReader& point) {
    return IsoflopPoint{.experiment_id = point.text_or("experiment_id", ""),
                        .model_size = point.positive("model_size"),
                        .num_tokens = point.positive("num_tokens"),
                        .loss = point.number("loss")};
  });
  return isoflop;
}

Json to_json(const Estimator& estimator) {
  Json json = {{"status", estimator.status}};
  for (const auto& [key, field] : kEstimatorNumbers) {
    json[key] = number_or_null(estimator.*field);
  }
  json["num_points"] = estimator.num_points ? Json(*estimator.num_points) : Json(nullptr);
  json["ci"] = Json::object();
  for (const auto& [key, field] : kEstimatorIntervals) {
    if (estimator.*field) {
      json["ci"][key] = interval_json(estimator.*field);
    }
  }
  for (const ExtraParameter& extra : estimator.extra) {
    json[extra.name] = number_or_null(extra.value);
    if (extra.ci) {
      json["ci"][extra.name] = interval_json(extra.ci);
    }
  }
  json["bootstrap_replicates"] = estimator.bootstrap_replicates;
  json["bootstrap_usable"] = estimator.bootstrap_usable;
  json["certificate"] = estimator.certificate;
  return json;
}

Estimator read_estimator(const std::string& name, const ObjectReader& object) {
  Estimator estimator;
  estimator.name = name;
  estimator.status = object.text("status");
  for (const auto& [key, field] : kEstimatorNumbers) {
    estimator.*field = object.maybe_number(key);
  }
  if (object.has("ci")) {
    const ObjectReader intervals = object.object("ci");
    for (const auto& [key, field] : kEstimatorIntervals) {
      estimator.*field = read_interval(intervals, key);
    }
  }
  if (object.has("num_points")) {
    estimator.num_points = object.integer("num_points");
  }
  estimator.bootstrap_replicates = object.integer_or("bootstrap_replicates", 0);
  estimator.bootstrap_usable = object.integer_or("bootstrap_usable", 0);
  if (object.has("certificate")) {
    estimator.certificate = object.at("certificate");
  }
  return estimator;
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
      prediction.architecture ? ff::io::to_json(*prediction.architecture) : Json(nullptr);
  json["training_time"] = Json::array();
  for (const TrainingTime& time : prediction.times) {
    json["training_time"].push_back({{"machine", time.machine},
                                     {"flops_per_second", number_or_null(time.flops_per_s)},
                                     {"seconds", number_or_null(time.seconds)}});
  }
  if (prediction.lifetime) {
    const LifetimePrediction& life = *prediction.lifetime;
    json["inference_aware"] = {{"inference_tokens", life.inference_tokens},
                               {"model_size", number_or_null(life.model_size)},
                               {"num_tokens", number_or_null(life.num_tokens)},
                               {"training_flops", number_or_null(life.training_flops)},
                               {"total_flops", number_or_null(life.total_flops)},
                               {"saved_share", number_or_null(life.saved_share)}};
  }
  if (prediction.repeated) {
    const RepeatedPrediction& repeated = *prediction.repeated;
    json["data_constrained"] = {{"unique_tokens", repeated.unique_tokens},
                                {"model_size", number_or_null(repeated.model_size)},
                                {"num_tokens", number_or_null(repeated.num_tokens)},
                                {"epochs", number_or_null(repeated.epochs)},
                                {"loss", number_or_null(repeated.loss)},
                                {"basis", repeated.basis}};
  }
  return json;
}

Json to_json(const BudgetVertex& vertex) {
  return {{"compute_budget", vertex.compute_budget},
          {"n_opt", number_or_null(vertex.n_opt)},
          {"d_opt", number_or_null(vertex.d_opt)},
          {"loss", number_or_null(vertex.loss)},
          {"curvature", number_or_null(vertex.curvature)},
          {"points", vertex.points},
          {"used", vertex.used},
          {"reason", vertex.used ? Json(nullptr) : Json(vertex.reason)}};
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
  return prediction;
}

Json to_json(const Provenance& provenance) {
  return {{"program", provenance.program},
          {"created", provenance.created},
          {"results_path", provenance.results_path},
          {"runs_read", provenance.runs_read},
          {"runs_used", provenance.runs_used},
          {"requested", provenance.requested},
          {"headline", provenance.headline},
          {"flops_per_nd", provenance.flops_per_nd},
          {"confidence", provenance.confidence}};
}

Provenance read_provenance(const ObjectReader& object) {
  return {.program = object.text_or("program", ""),
          .created = object.text_or("created", ""),
          .results_path = object.text_or("results_path", ""),
          .runs_read = object.integer_or("runs_read", 0),
          .runs_used = object.integer_or("runs_used", 0),
          .requested = object.text_or("requested", ""),
          .headline = object.text_or("headline", ""),
          .flops_per_nd = object.number_or("flops_per_nd", 6.0),
          .confidence = object.number_or("confidence", 0.95)};
}

}  // namespace

double PowerLaw::operator()(double compute_flops) const {
  return coefficient_k * std::pow(compute_flops, exponent_a);
}

double IrreducibleLaw::operator()(double compute_flops) const {
  return irreducible + coefficient_k * std::pow(compute_flops, exponent_c);
}

std::string formula_of(const PowerLaw& law) {
  return fmt::format("{} = {:.4e} * C^{:.4f}", law.name, law.coefficient_k, law.exponent_a);
}

Json to_json(const Isoflop& isoflop) {
  Json points = Json::array();
  for (const IsoflopPoint& point : isoflop.points) {
    points.push_back({{"experiment_id", point.experiment_id},
                      {"model_size", count_or_number(point.model_size)},
                      {"num_tokens", count_or_number(point.num_tokens)},
                      {"loss", number_or_null(point.loss)}});
  }
  Json json = {{"compute_budget", isoflop.compute_budget}, {"status", isoflop.status}};
  for (const auto& [key, field] : kIsoflopNumbers) {
    json[key] = number_or_null(isoflop.*field);
  }
  json["points"] = std::move(points);
  return json;
}

Json to_json(const ScalingLaws& laws) {
  Json json = Json::object();
  for (const auto& [key, field] : kLaws) {
    json[key] = laws.*field ? to_json(*(laws.*field)) : Json(nullptr);
  }
  const auto list = [&json](const char* key, const auto& values) {
    json[key] = Json::array();
    for (const auto& value : values) {
      json[key].push_back(to_json(value));
    }
  };
  list("optimal_points", laws.optimal_points);
  json["optimal_ratio"] = number_or_null(laws.optimal_ratio);
  json["l_opt_irreducible"] =
      laws.l_opt_irreducible ? to_json(*laws.l_opt_irreducible) : Json(nullptr);
  list("isoflop", laws.isoflop);
  json["quadratic"]["per_budget"] = Json::array();
  for (const BudgetVertex& vertex : laws.quadratic) {
    json["quadratic"]["per_budget"].push_back(to_json(vertex));
  }
  json["parametric"] = nullptr;
  json["estimators"] = Json::object();
  for (const Estimator& estimator : laws.estimators) {
    json["estimators"][estimator.name] = to_json(estimator);
    // A reference by name: the numbers stand once, under estimators.
    if (estimator.usable() && estimator.alpha && json["parametric"].is_null()) {
      json["parametric"] = {{"estimator", estimator.name}};
    }
  }
  json["floor_nats"] = number_or_null(laws.floor_nats);
  json["validation"] = laws.validation;
  json["parabola_bias"] = laws.parabola_bias;
  json["conventions"] = laws.conventions;
  list("predictions", laws.predictions);
  json["warnings"] = laws.warnings;
  json["provenance"] = laws.provenance ? to_json(*laws.provenance) : Json(nullptr);
  return json;
}

ScalingLaws laws_from_json(const Json& value, const std::string& where) {
  const ObjectReader object(value, where);
  if (!object.has("n_opt_fit") && !object.has("optimal_points")) {
    throw error<FileError>(
        "{}: neither n_opt_fit nor optimal_points; is this a scaling_laws.json? {}.",
        where,
        kRemedy);
  }
  ScalingLaws laws;
  for (const auto& [key, field] : kLaws) {
    if (object.has(key)) {
      laws.*field = read_power_law(object.object(key));
    }
  }
  laws.optimal_points = read_list(object, "optimal_points", read_optimal_point);
  laws.optimal_ratio = object.maybe_number("optimal_ratio");
  if (object.has("l_opt_irreducible")) {
    const ObjectReader law = object.object("l_opt_irreducible");
    laws.l_opt_irreducible = IrreducibleLaw{.irreducible = law.number("irreducible"),
                                            .coefficient_k = law.number("coefficient_k"),
                                            .exponent_c = law.number("exponent_c"),
                                            .formula = law.text_or("formula", "")};
  }
  laws.isoflop = read_list(object, "isoflop", read_isoflop);
  if (object.has("estimators")) {
    const ObjectReader estimators = object.object("estimators");
    for (const auto& [name, estimator] : object.at("estimators").items()) {
      laws.estimators.push_back(read_estimator(name, estimators.object(name)));
    }
  }
  laws.floor_nats = object.maybe_number("floor_nats");
  if (object.has("validation")) {
    laws.validation = object.at("validation");
  }
  if (object.has("parabola_bias")) {
    laws.parabola_bias = object.at("parabola_bias");
  }
  if (object.has("conventions")) {
    laws.conventions = object.at("conventions");
  }
  laws.predictions = read_list(object, "predictions", read_prediction);
  if (object.has("warnings")) {
    const Json& warnings = object.at("warnings");
    for (const Json& warning : warnings.is_array() ? warnings : Json::array()) {
      laws.warnings.push_back(warning.is_string() ? warning.get<std::string>() : warning.dump());
    }
  }
  if (object.has("provenance")) {
    laws.provenance = read_provenance(object.object("provenance"));
  }
  return laws;
}

ScalingLaws read_laws(const std::filesystem::path& path) {
  return laws_from_json(read_json(path, kRemedy), path.string());
}

void write_laws(const std::filesystem::path& path, const ScalingLaws& laws) {
  write_json(path, to_json(laws));
}

}  // namespace ff::io
