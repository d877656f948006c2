// SPDX-License-Identifier: MIT
#include "flops_fit/io/laws.h"

#include "laws_parts.h"

#include "flops_fit/util/error.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

namespace ff::io {
namespace {

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
constexpr std::array<std::pair<const char*, std::optional<PowerLaw> ScalingLaws::*>, 3> kLaws = {
    {{"n_opt_fit", &ScalingLaws::n_opt_fit},
     {"d_opt_fit", &ScalingLaws::d_opt_fit},
     {"l_opt_fit", &ScalingLaws::l_opt_fit}}};

/// A count as the Python tool writes it (499999), anything else as it is.
Json count_or_number(double value) {
  const bool whole = value == std::floor(value) && std::abs(value) < 9.0e15;
  return whole ? Json(static_cast<int64_t>(value)) : number_or_null(value);
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
  json["stderr"] = Json::object();
  for (const auto& [name, value] : estimator.standard_errors) {
    json["stderr"][name] = number_or_null(value);
  }
  for (const ExtraParameter& extra : estimator.extra) {
    json["extra"][extra.name] = number_or_null(extra.value);
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
  if (object.has("stderr")) {
    const ObjectReader errors = object.object("stderr");
    for (const auto& [key, value] : object.at("stderr").items()) {
      estimator.standard_errors.emplace_back(key, errors.number(key));
    }
  }
  if (object.has("extra")) {
    const ObjectReader extras = object.object("extra");
    for (const auto& [key, value] : object.at("extra").items()) {
      if (value.is_number()) {
        estimator.extra.push_back(
            {.name = key,
             .value = extras.number(key),
             .ci = object.has("ci") ? read_interval(object.object("ci"), key) : std::nullopt});
      }
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

BudgetVertex read_vertex(const ObjectReader& object) {
  return {.compute_budget = object.positive("compute_budget"),
          .n_opt = object.maybe_number("n_opt"),
          .d_opt = object.maybe_number("d_opt"),
          .loss = object.maybe_number("loss"),
          .curvature = object.maybe_number("curvature"),
          .points = object.integer_or("points", 0),
          .used = object.at("used") == true,
          .reason = object.text_or("reason", "")};
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
          {"confidence", provenance.confidence},
          {"made_by", provenance.made_by}};
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
          .confidence = object.number_or("confidence", 0.95),
          .made_by = object.has("made_by") ? object.at("made_by") : Json(nullptr)};
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
        kLawsRemedy);
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
  if (object.has("quadratic")) {
    laws.quadratic = read_list(object.object("quadratic"), "per_budget", read_vertex);
  }
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
      laws.warnings.push_back(warning.is_string() ? warning.get<std::string>()
                                                  : json_text(warning));
    }
  }
  if (object.has("provenance")) {
    laws.provenance = read_provenance(object.object("provenance"));
  }
  return laws;
}

ScalingLaws read_laws(const std::filesystem::path& path) {
  return laws_from_json(read_json(path, kLawsRemedy), path.string());
}

void write_laws(const std::filesystem::path& path, const ScalingLaws& laws) {
  write_json(path, to_json(laws));
}

}  // namespace ff::io
