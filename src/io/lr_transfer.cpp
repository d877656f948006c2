// SPDX-License-Identifier: MIT
#include "flops_fit/io/lr_transfer.h"

#include "flops_fit/util/error.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace ff::io {
namespace {

constexpr const char* kRemedy = "run ff-analyze on an lr_transfer sweep, or give paths.lr_transfer";

// One list per group of optional fields, so that reading and writing cannot drift apart.
constexpr std::array<std::pair<const char*, std::optional<double> LrCurve::*>, 6> kCurveNumbers = {
    {{"argmin_learning_rate", &LrCurve::argmin_learning_rate},
     {"argmin_loss", &LrCurve::argmin_loss},
     {"vertex_log2_learning_rate", &LrCurve::vertex_log2},
     {"vertex_loss", &LrCurve::vertex_loss},
     {"regret_nats", &LrCurve::regret},
     {"vertex_regret_nats", &LrCurve::vertex_regret}}};
constexpr std::array<std::pair<const char*, std::optional<double> LrTransfer::*>, 4> kDriftNumbers =
    {{{"vertex_drift_octaves", &LrTransfer::vertex_drift},
      {"vertex_octaves_per_doubling", &LrTransfer::vertex_slope},
      {"regret_nats", &LrTransfer::regret},
      {"vertex_regret_nats", &LrTransfer::vertex_regret}}};

/// An array field; throws FileError if it is something else.
const Json& array_of(const ObjectReader& object, std::string_view key) {
  const Json& value = object.at(key);
  if (!value.is_array()) {
    throw error<FileError>(
        "{}.{}: expected an array, found {}; {}.", object.where(), key, value.type_name(), kRemedy);
  }
  return value;
}

std::vector<std::string> read_texts(const ObjectReader& object, std::string_view key) {
  std::vector<std::string> texts;
  for (const Json& text : array_of(object, key)) {
    if (!text.is_string()) {
      throw error<FileError>(
          "{}.{}: expected texts, found {}; {}.", object.where(), key, text.type_name(), kRemedy);
    }
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json to_json(const LrCurve& curve) {
  Json points = Json::array();
  for (const LrPoint& point : curve.points) {
    points.push_back({{"learning_rate", point.learning_rate},
                      {"loss", number_or_null(point.loss)},
                      {"loss_stderr", number_or_null(point.loss_stderr)},
                      {"runs", point.runs}});
  }
  Json json = {{"d_model", curve.d_model},
               {"model_size", curve.model_size},
               {"status", curve.status},
               {"edge", text_or_null(curve.edge)}};
  for (const auto& [key, field] : kCurveNumbers) {
    json[key] = number_or_null(curve.*field);
  }
  json["points"] = std::move(points);
  json["diverged"] = curve.diverged;
  return json;
}

LrCurve read_curve(const ObjectReader& object) {
  LrCurve curve;
  static_cast<void>(object.positive("d_model"));
  curve.d_model = object.integer("d_model");
  curve.model_size = object.integer_or("model_size", 0);
  curve.status = object.text("status");
  curve.edge = object.text_or("edge", "");
  for (const auto& [key, field] : kCurveNumbers) {
    curve.*field = object.maybe_number(key);
  }
  const Json& points = array_of(object, "points");
  for (size_t i = 0; i < points.size(); ++i) {
    const ObjectReader point(points[i], fmt::format("{}.points[{}]", object.where(), i));
    curve.points.push_back({.learning_rate = point.positive("learning_rate"),
                            .loss = point.number("loss"),
                            .loss_stderr = point.maybe_number("loss_stderr"),
                            .runs = point.integer_or("runs", 1)});
  }
  for (const Json& rate : array_of(object, "diverged")) {
    if (!rate.is_number() || !(rate.get<double>() > 0)) {
      throw error<FileError>("{}.diverged: expected positive numbers, found {}; {}.",
                             object.where(),
                             json_text(rate),
                             kRemedy);
    }
    curve.diverged.push_back(rate.get<double>());
  }
  return curve;
}

}  // namespace

Json to_json(const LrTransfer& transfer) {
  Json json = {
      {"verdict", transfer.verdict},
      {"reasons", transfer.reasons},
      {"limits",
       {{"argmin_spread_steps", transfer.max_spread_steps}, {"regret_nats", transfer.max_regret}}},
      {"argmin_spread_steps", transfer.argmin_spread_steps},
      {"argmin_spread_octaves", transfer.argmin_spread_octaves}};
  for (const auto& [key, field] : kDriftNumbers) {
    json[key] = number_or_null(transfer.*field);
  }
  json["regret_note"] = text_or_null(transfer.regret_note);
  json["widths"] = Json::array();
  for (const LrCurve& curve : transfer.curves) {
    json["widths"].push_back(to_json(curve));
  }
  json["warnings"] = transfer.warnings;
  json["provenance"] = {{"program", transfer.provenance.program},
                        {"created", transfer.provenance.created},
                        {"results_path", transfer.provenance.results_path},
                        {"runs_read", transfer.provenance.runs_read},
                        {"runs_used", transfer.provenance.runs_used},
                        {"made_by", transfer.provenance.made_by}};
  return json;
}

LrTransfer lr_transfer_from_json(const Json& value, const std::string& where) {
  const ObjectReader object(value, where);
  if (!object.has("verdict") || !object.has("widths")) {
    throw error<FileError>(
        "{}: no verdict or no widths; is this an lr_transfer.json? {}.", where, kRemedy);
  }
  LrTransfer transfer;
  transfer.verdict = object.text("verdict");
  transfer.reasons = read_texts(object, "reasons");
  const ObjectReader limits = object.object("limits");
  transfer.max_spread_steps = limits.integer("argmin_spread_steps");
  transfer.max_regret = limits.number("regret_nats");
  transfer.argmin_spread_steps = object.integer("argmin_spread_steps");
  transfer.argmin_spread_octaves = object.number("argmin_spread_octaves");
  for (const auto& [key, field] : kDriftNumbers) {
    transfer.*field = object.maybe_number(key);
  }
  transfer.regret_note = object.text_or("regret_note", "");
  const Json& widths = array_of(object, "widths");
  for (size_t i = 0; i < widths.size(); ++i) {
    transfer.curves.push_back(
        read_curve(ObjectReader(widths[i], fmt::format("{}.widths[{}]", where, i))));
  }
  transfer.warnings = read_texts(object, "warnings");
  const ObjectReader provenance = object.object("provenance");
  transfer.provenance = {.program = provenance.text_or("program", ""),
                         .created = provenance.text_or("created", ""),
                         .results_path = provenance.text_or("results_path", ""),
                         .runs_read = provenance.integer_or("runs_read", 0),
                         .runs_used = provenance.integer_or("runs_used", 0)};
  if (provenance.has("made_by")) {
    transfer.provenance.made_by = provenance.at("made_by");
  }
  return transfer;
}

LrTransfer read_lr_transfer(const std::filesystem::path& path) {
  return lr_transfer_from_json(read_json(path, kRemedy), path.string());
}

void write_lr_transfer(const std::filesystem::path& path, const LrTransfer& transfer) {
  write_json(path, to_json(transfer));
}

}  // namespace ff::io
