// SPDX-License-Identifier: MIT
// table and analyze: operators with their FLOPs and bytes.
#include "parts.h"

#include "flops_fit/roofline/compat.h"
#include "flops_fit/roofline/table.h"

namespace ff::roofline {
namespace {

using cost::Num;
using io::Json;

/// What the keys of the exact profile mean nothing to.
constexpr const char* kNotInCompat = "has no meaning with --profile compat";

Report compat_table_report(const RooflineConfig& config, const Call& call) {
  refuse_given(
      call, {"mask", "logits", "w_bit", "a_bit", "kv_bit", "modules", "mask_tile"}, kNotInCompat);
  const Model model = load_config(only_operand(call, "a config.json"));
  const std::vector<cost::Query> queries = queries_of(config);
  const CompatTable counted = compat_table(model.file, model.spec->model_type, model.path, queries);
  Report out{.text = operator_table(counted.rows, counted.total, counted.storage)};
  const auto counts = [](const OperatorRow& row, const char* flops) {
    return Json{{flops, count_json(row.flops)},
                {"weight_bytes", count_json(row.weight_bytes)},
                {"input_bytes", count_json(row.input_bytes)},
                {"output_bytes", count_json(row.output_bytes)},
                {"operational_intensity", operational_intensity(row)}};
  };
  out.json = {{"profile", "compat"},
              {"config", model.path},
              {"model", model.spec->name},
              {"model_type", model.spec->model_type}};
  add_queries(out.json, queries);
  out.json.update(counts(counted.total, "total_flops"));
  for (const StoragePart& part : counted.storage) {
    out.json["storage_bytes"][part.name] = count_json(part.bytes);
  }
  for (size_t i = 0; i < counted.rows.size(); ++i) {
    Json row = {{"node", counted.rows[i].node},
                {"blocks", counted.row_blocks[i]},
                {"num_blocks", counted.num_blocks}};
    row.update(counts(counted.rows[i], "flops"));
    out.json["operators"].push_back(std::move(row));
  }
  return out;
}

/// The exact counts of a model, for `table` and `analyze` alike.
struct Exact {
  Model model;
  cost::Workload workload;
  std::vector<cost::OpCost> ops;
  cost::Cost sum;
  std::vector<StoragePart> storage;  ///< of a config.json; a tree does not say
  Json json;
};

Exact count_exactly(const RooflineConfig& config, const Call& call) {
  Exact out{.model = load(only_operand(call, "a config.json, or a populated tree"), false)};
  out.workload = workload_of(config, out.model);
  out.ops = cost::evaluate(out.model.graph, modules_of(config, call, false), out.workload);
  out.sum = cost::total(out.ops);
  out.json = workload_json(config, out.model, out.workload, false);
  if (out.model.spec) {
    const Num parameters = out.sum.parameters;
    const Num cache = cost::kv_cache_bytes(*out.model.spec, out.workload);
    out.json["params_total"] = count_json(parameters);
    out.json["params_active"] = count_json(out.sum.active_parameters);
    out.storage = {{"Weights", parameters * out.workload.w_bytes}, {"KV-cache", cache}};
    out.json["kv_cache_bytes"] = count_json(cache);
    out.json["storage_bytes"] = {{"weights", count_json(out.storage[0].bytes)},
                                 {"kv_cache", count_json(cache)}};
  }
  out.json.update(cost_json(out.sum));
  out.json["assumptions"] = assumptions_of(out.model, out.workload, out.ops);
  out.json["unvalidated"] = unvalidated_of(out.ops).json;
  for (const cost::OpCost& op : out.ops) {
    Json row = {{"path", op.path}, {"class", op.cls}, {"repeat", count_json(op.repeat)}};
    row.update(cost_json(op.each));
    row["parameters"] = parameters_json(op);
    out.json["operators"].push_back(std::move(row));
  }
  return out;
}

std::string footnotes(const Exact& exact) {
  std::string out;
  for (const std::string& assumption : assumptions_of(exact.model, exact.workload, exact.ops)) {
    out += fmt::format("Assumed: {}.\n", assumption);
  }
  return out + unvalidated_of(exact.ops).text;
}

Report exact_table_report(const RooflineConfig& config, const Call& call) {
  Exact exact = count_exactly(config, call);
  const auto row = [](std::string node, std::string blocks, const cost::Cost& cost) {
    return OperatorRow{
        std::move(node), std::move(blocks), cost.flops(), cost.weight, cost.read, cost.write};
  };
  std::vector<OperatorRow> rows;
  for (const cost::OpCost& op : exact.ops) {
    rows.push_back(row(op.path, op.repeat.to_string(), op.each));
  }
  Report out{.text = operator_table(rows, row("Total", "N/A", exact.sum), exact.storage),
             .json = std::move(exact.json)};
  out.text += "\n" + footnotes(exact);
  return out;
}

Report exact_analysis(const RooflineConfig& config, const Call& call) {
  Exact exact = count_exactly(config, call);
  const std::array columns = {Column{"Layer", Align::kLeft},
                              Column{"Count"},
                              Column{"Matmul"},
                              Column{"Elementwise"},
                              Column{"Weights"},
                              Column{"Read"},
                              Column{"Written"},
                              Column{"Intensity"}};
  const auto cells = [](const std::string& name, const std::string& count, const cost::Cost& c) {
    const double bytes = c.bytes().to_double();
    return std::vector<std::string>{
        name,
        count,
        with_si_prefix(c.matmul.to_double(), "FLOPs"),
        with_si_prefix(c.elementwise.to_double(), "FLOPs"),
        with_iec_prefix(c.weight.to_double()),
        with_iec_prefix(c.read.to_double()),
        with_iec_prefix(c.write.to_double()),
        bytes > 0 ? with_si_prefix(c.flops().to_double() / bytes, "FLOPs/B") : ""};
  };
  std::vector<std::vector<std::string>> rows;
  for (const cost::OpCost& op : exact.ops) {
    rows.push_back(cells(op.path, op.repeat.to_string(), op.each));
  }
  rows.emplace_back();
  rows.push_back(cells("Total", "", exact.sum));
  Report out{.text = pipe_table(columns, rows) + "\n", .json = std::move(exact.json)};
  if (exact.model.spec) {
    out.text += fmt::format(
        "Parameters: {} in all, {} used by a token. Memory: {} weights, {} "
        "KV-cache.\n",
        exact.sum.parameters.to_string(),
        exact.sum.active_parameters.to_string(),
        with_iec_prefix(exact.storage[0].bytes.to_double()),
        with_iec_prefix(exact.storage[1].bytes.to_double()));
  }
  out.text += footnotes(exact);
  return out;
}

/// LM-Predictor's analysis, by its formulas and its field names.
Report lm_predictor_analysis(const RooflineConfig& config, const Call& call) {
  refuse_given(call, {"mask", "logits", "kv_bit", "cached_tokens", "mask_tile"}, kNotInCompat);
  const Model model = load(only_operand(call, "a config.json, or a populated tree"), true);
  const cost::Workload workload = workload_of(config, model);
  const std::vector<cost::OpCost> ops =
      cost::evaluate(model.graph, modules_of(config, call, true), workload);
  const auto counts = [](const cost::Cost& c) {
    return Json{{"flops", count_json(c.flops())},
                {"memory_reads", count_json(c.weight + c.read)},
                {"memory_writes", count_json(c.write)},
                {"memory_intermediates", count_json(c.saved)}};
  };
  const cost::Cost sum = cost::total(ops);
  Report out{.json = workload_json(config, model, workload, true)};
  out.json["seq_len"] = workload.queries.front().new_tokens;
  out.json["totals"] = counts(sum);
  out.json["unvalidated"] = unvalidated_of(ops).json;
  std::vector<std::vector<std::string>> rows;
  const auto add_row = [&](const std::string& name, const std::string& count, const cost::Cost& c) {
    rows.push_back({name,
                    count,
                    c.flops().to_string(),
                    (c.weight + c.read).to_string(),
                    c.write.to_string(),
                    c.saved.to_string()});
  };
  for (const cost::OpCost& op : ops) {
    const cost::Cost all = op.total();
    Json row = {{"layer_path", op.path},
                {"layer_name", op.name},
                {"class", op.cls},
                {"repeat_count", count_json(op.repeat)}};
    row.update(counts(all));
    row["parameters"] = parameters_json(op);
    out.json["basic_layer_analyses"].push_back(std::move(row));
    add_row(op.path, op.repeat.to_string(), all);
  }
  rows.emplace_back();
  add_row("Total", "", sum);
  const std::array columns = {Column{"Layer", Align::kLeft},
                              Column{"Count"},
                              Column{"FLOPs"},
                              Column{"Reads [B]"},
                              Column{"Writes [B]"},
                              Column{"Intermediates [B]"}};
  out.text = pipe_table(columns, rows) +
             "\nLM-Predictor's counts: attention, residual sums and gating are in none of its "
             "layers. --profile exact has them.\n";
  return out;
}

}  // namespace

Report table(const RooflineConfig& config, const Call& call) {
  return is_compat(config, "compat") ? compat_table_report(config, call)
                                     : exact_table_report(config, call);
}

Report analyze(const RooflineConfig& config, const Call& call) {
  return is_compat(config, "exact") ? lm_predictor_analysis(config, call)
                                    : exact_analysis(config, call);
}

}  // namespace ff::roofline
