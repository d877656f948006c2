// SPDX-License-Identifier: MIT
#include "parts.h"

#include "flops_fit/roofline/arch_file.h"
#include "flops_fit/roofline/module_file.h"
#include "flops_fit/roofline/table.h"
#include "flops_fit/util/paths.h"
#include "flops_fit/util/terminal.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace ff::roofline {
namespace {

using cost::Num;
using io::Json;

/// Bits as given, in bytes: exact to 1/1024 of a bit.
Num bytes_of(double bits) {
  constexpr int64_t kUnits = 1024;
  return Num::ratio(std::llround(bits * static_cast<double>(kUnits)), 8 * kUnits);
}

/// Bits per number as JSON: 16, or 4.5.
Json bits_json(const Num& bytes) {
  const Num bits = bytes * 8;
  return bits.is_whole() ? Json(bits.rounded()) : Json(bits.to_double());
}

}  // namespace

bool is_compat(const RooflineConfig& config, const char* by_default) {
  return config.profile.value_or(by_default) == "compat";
}

const std::string& only_operand(const Call& call, const char* what) {
  if (call.operands.size() != 1) {
    throw error<ConfigError>(
        "{}: expected {}, found {}. ff-roofline --help has the commands.",
        call.command,
        what,
        call.operands.empty() ? "nothing" : fmt::format("{}", fmt::join(call.operands, " ")));
  }
  return call.operands.front();
}

Model load(const std::string& path, bool compat) {
  Model out{.path = path, .file = cost::read_model_config(path)};
  if (is_arch(out.file)) {
    out.graph = parse_arch(out.file, path);
    return out;
  }
  out.spec = cost::parse_model(out.file, path);
  out.graph = compat ? cost::build_lm_predictor_graph(*out.spec) : cost::build_graph(*out.spec);
  return out;
}

Model load_config(const std::string& path) {
  Model out{.path = path, .file = cost::read_model_config(path)};
  if (is_arch(out.file)) {
    throw error<ConfigError>("{}: is a tree; this command needs a model's config.json.", path);
  }
  out.spec = cost::parse_model(out.file, path);
  out.graph = cost::build_graph(*out.spec);
  return out;
}

cost::ModuleDb modules_of(const RooflineConfig& config, const Call& call, bool compat) {
  const std::string action = call.command == "modules" ? call.operands.front() : "";
  if (call.given.contains("modules") && action != "stub" && action != "add" &&
      is_missing(config.modules)) {
    throw error<FileError>("{}: no such file; `ff-roofline modules stub CLASS` begins one.",
                           config.modules);
  }
  cost::ModuleDb db = compat ? cost::ModuleDb::lm_predictor() : cost::ModuleDb::builtin();
  db.put_all(read_user_modules(config.modules));
  return db;
}

std::vector<cost::Query> queries_of(const RooflineConfig& config) {
  const size_t length = config.input_tokens.size();
  if (length == 0 || config.cached_tokens.empty()) {
    throw ConfigError("input_tokens, cached_tokens: expected at least one number each.");
  }
  const size_t queries = std::max(length, config.cached_tokens.size());
  const auto fits = [&](const std::vector<int64_t>& list) { return list.size() == queries; };
  if (!fits(config.input_tokens) || !fits(config.cached_tokens)) {
    throw error<ConfigError>(
        "cached_tokens has {} numbers, input_tokens {}: expected one of each for every query.",
        config.cached_tokens.size(),
        length);
  }
  const auto batch = static_cast<size_t>(config.batch_size.value_or(static_cast<int64_t>(queries)));
  if (batch % queries != 0) {
    throw error<ConfigError>(
        "batch_size: {} is no multiple of the {} queries that the lists have.", batch, queries);
  }
  std::vector<cost::Query> out;
  for (size_t i = 0; i < batch; ++i) {
    out.push_back({config.cached_tokens[i % queries], config.input_tokens[i % queries]});
  }
  return out;
}

cost::Workload workload_of(const RooflineConfig& config, const Model& model) {
  const auto width = [&](const std::optional<double>& bits, const char* key) {
    if (bits) {
      return bytes_of(*bits);
    }
    const int64_t own = model.spec ? cost::dtype_bits(model.spec->dtype) : 0;
    if (own == 0) {
      throw error<ConfigError>("{}: {} does not say how wide its numbers are ({}); give {}.",
                               key,
                               model.path,
                               model.spec ? "no torch_dtype" : "a tree has no type",
                               key);
    }
    return Num::ratio(own, 8);
  };
  cost::Workload out{.queries = queries_of(config),
                     .causal = config.mask == "causal",
                     .all_logits = config.logits == "all",
                     .mask_tile = config.mask_tile};
  out.w_bytes = width(config.w_bit, "w_bit");
  out.a_bytes = width(config.a_bit, "a_bit");
  out.kv_bytes = config.kv_bit ? bytes_of(*config.kv_bit) : out.a_bytes;
  return out;
}

void refuse_given(const Call& call,
                  std::initializer_list<const char*> keys,
                  const std::string& why) {
  for (const char* key : keys) {
    if (call.given.contains(key)) {
      throw error<ConfigError>("{}: {}.", key, why);
    }
  }
}

Json count_json(const Num& count) {
  const double value = count.to_double();
  if (std::abs(value) < 9.2e18) {
    return count.rounded();
  }
  if (count.is_whole() && value > 0 && value < 1.8446744073709e19) {
    return static_cast<uint64_t>((count - Num(INT64_MAX)).rounded()) +
           static_cast<uint64_t>(INT64_MAX);
  }
  return value;
}

void add_queries(Json& json, std::span<const cost::Query> queries) {
  json["batch_size"] = queries.size();
  json["cached"] = Json::array();
  json["input"] = Json::array();
  for (const cost::Query& query : queries) {
    json["cached"].push_back(query.cached_tokens);
    json["input"].push_back(query.new_tokens);
  }
}

Json parameters_json(const cost::OpCost& op) {
  Json out = Json::object();
  for (const auto& [name, value] : op.parameters) {
    out[name] = value.is_whole() ? count_json(value) : Json(value.to_double());
  }
  return out;
}

Json workload_json(const RooflineConfig& config,
                   const Model& model,
                   const cost::Workload& workload,
                   bool compat) {
  Json out = {{"profile", compat ? "compat" : "exact"},
              {"config", model.path},
              {"model", model.spec ? model.spec->name : model.graph.model_id}};
  if (model.spec) {
    out["model_type"] = model.spec->model_type;
  }
  add_queries(out, workload.queries);
  if (!compat) {
    out["mask"] = config.mask;
    out["logits"] = config.logits;
    out["kv_bit"] = bits_json(workload.kv_bytes);
  }
  out["w_bit"] = bits_json(workload.w_bytes);
  out["a_bit"] = bits_json(workload.a_bytes);
  return out;
}

Json cost_json(const cost::Cost& cost) {
  const Num bytes = cost.bytes();
  return {{"matmul", count_json(cost.matmul)},
          {"elementwise", count_json(cost.elementwise)},
          {"flops", count_json(cost.flops())},
          {"weight_bytes", count_json(cost.weight)},
          {"read_bytes", count_json(cost.read)},
          {"write_bytes", count_json(cost.write)},
          {"saved_bytes", count_json(cost.saved)},
          {"operational_intensity",
           bytes == Num(0) ? Json() : Json(cost.flops().to_double() / bytes.to_double())}};
}

Unvalidated unvalidated_of(std::span<const cost::OpCost> ops) {
  const double all = cost::total(ops).flops().to_double();
  std::map<std::string, std::pair<double, std::string>> shares;
  double sum = 0.0;
  for (const cost::OpCost& op : ops) {
    if (!op.human_validated) {
      const double share = all > 0 ? op.total().flops().to_double() / all : 0.0;
      shares[op.cls].first += share;
      shares[op.cls].second = op.origin;
      sum += share;
    }
  }
  Unvalidated out{.json = {{"flops_share", sum}, {"modules", Json::array()}}};
  std::vector<std::string> names;
  for (const auto& [cls, entry] : shares) {
    names.push_back(
        fmt::format("{} ({}, {:.1f}%)", cls, printable_text(entry.second), 100 * entry.first));
    out.json["modules"].push_back(
        {{"class", cls}, {"origin", entry.second}, {"flops_share", entry.first}});
  }
  out.text = names.empty() ? "Every FLOP rests on a module entry that a human has validated.\n"
                           : fmt::format(
                                 "{:.1f}% of the FLOPs rest on module entries that no human has "
                                 "validated: {}.\n",
                                 100 * sum,
                                 fmt::join(names, ", "));
  return out;
}

std::vector<std::string> assumptions_of(const Model& model,
                                        const cost::Workload& workload,
                                        std::span<const cost::OpCost> ops) {
  std::vector<std::string> out = {
      "every operator reads its inputs from memory and writes its output there; attention's scores "
      "stay on the chip"};
  const auto parameter = [](const cost::OpCost& op,
                            std::string_view name) -> std::optional<double> {
    for (const auto& [known, value] : op.parameters) {
      if (known == name) {
        return value.to_double();
      }
    }
    return std::nullopt;
  };
  for (const cost::OpCost& op : ops) {
    if (const auto touched = parameter(op, "touched_experts")) {
      out.push_back(
          fmt::format("tokens choose experts uniformly, so that {:.4g} of {} are read in each such "
                      "layer",
                      *touched,
                      parameter(op, "num_experts").value_or(0)));
      break;
    }
  }
  if (std::any_of(ops.begin(), ops.end(), [&](const cost::OpCost& op) {
        return parameter(op, "chunk") || parameter(op, "window");
      })) {
    out.emplace_back(workload.causal
                         ? "the cache keeps all tokens, also where attention sees a chunk or window"
                         : "mask=full ignores attention's chunks and windows");
  }
  if (model.spec && model.spec->model_type == "llama4") {
    out.emplace_back("the text model alone; the vision tower is not counted");
  }
  return out;
}

}  // namespace ff::roofline
