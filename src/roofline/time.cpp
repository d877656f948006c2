// SPDX-License-Identifier: MIT
// time (its --output is read by io/roofline.h for the picture): how long a workload takes on a
// machine, operator by operator, and what bounds it.
#include "parts.h"

#include "flops_fit/roofline/table.h"
#include "flops_fit/util/terminal.h"
#include "flops_fit/util/units.h"

#include <algorithm>

namespace ff::roofline {
namespace {

using cost::Num;
using io::Json;

std::string seconds_text(double seconds) {
  return with_si_prefix(seconds, "s");
}

/// What is timed, and on what.
struct Timing {
  const Model* model;
  cost::ModuleDb db;
  cost::Roofline roofline;

  [[nodiscard]] double seconds(const cost::Workload& workload) const {
    return cost::seconds_of(cost::evaluate(model->graph, db, workload), roofline);
  }
};

/// One more token for each query, when the workload's own are in the cache.
cost::Workload next_token(cost::Workload workload) {
  for (cost::Query& query : workload.queries) {
    query = {query.cached_tokens + query.new_tokens, 1};
  }
  return workload;
}

}  // namespace

Report time(const RooflineConfig& config, const Call& call) {
  const Model model = load(only_operand(call, "a config.json, or a populated tree"), false);
  const cost::Workload workload = workload_of(config, model);
  const cost::Hardware hardware = hardware_of(config, call);
  const Peak peak = peak_for(config, hardware, model, workload);
  const Timing timing{.model = &model,
                      .db = modules_of(config, call, false),
                      .roofline = cost::roofline_of(hardware, peak.flops_per_s)};
  const cost::Roofline& roofline = timing.roofline;
  const std::vector<cost::OpCost> ops = cost::evaluate(model.graph, timing.db, workload);
  const double seconds = cost::seconds_of(ops, roofline);
  const cost::Cost sum = cost::total(ops);
  const double new_tokens = cost::tokens_of(workload).to_double();
  const double queries = static_cast<double>(workload.queries.size());

  Report out;
  out.json = workload_json(config, model, workload, false);
  out.json["hardware"] = hardware.name;
  out.json["precision"] = peak.precision;
  out.json["peak_flops"] = peak.flops_per_s;
  out.json["bandwidth"] = hardware.memory_bandwidth;
  out.json["efficiency"] = {{"compute", hardware.efficiency.compute},
                            {"memory", hardware.efficiency.memory}};
  out.json["op_overhead_s"] = hardware.op_overhead_s;
  out.json["ridge_point"] = roofline.ridge();
  out.json["seconds"] = seconds;
  out.json["flops"] = count_json(sum.flops());
  out.json["bytes"] = count_json(sum.bytes());

  const std::array columns = {Column{"Operator", Align::kLeft},
                              Column{"Count"},
                              Column{"FLOPs"},
                              Column{"Bytes"},
                              Column{"FLOPs/B"},
                              Column{"Time"},
                              Column{"Share"},
                              Column{"Bound"}};
  std::vector<std::vector<std::string>> rows;
  double compute_bound_s = 0.0;
  for (const cost::OpCost& op : ops) {
    const cost::OpTime spent = cost::time_of(op, roofline);
    compute_bound_s += spent.compute_bound ? spent.seconds : 0.0;
    const cost::Cost all = op.total();
    const double bytes = all.bytes().to_double();
    const double intensity = bytes > 0 ? all.flops().to_double() / bytes : 0.0;
    const char* bound = spent.compute_bound ? "compute" : "memory";
    rows.push_back({op.path,
                    op.repeat.to_string(),
                    with_si_prefix(all.flops().to_double(), "FLOPs"),
                    with_iec_prefix(bytes),
                    fmt::format("{:.3g}", intensity),
                    seconds_text(spent.seconds),
                    fmt::format("{:.1f}%", 100 * spent.seconds / seconds),
                    bound});
    out.json["operators"].push_back({{"path", op.path},
                                     {"class", op.cls},
                                     {"repeat", count_json(op.repeat)},
                                     {"flops", count_json(all.flops())},
                                     {"bytes", count_json(all.bytes())},
                                     {"operational_intensity", intensity},
                                     {"seconds", spent.seconds},
                                     {"bound", bound}});
  }
  out.json["compute_bound_share"] = compute_bound_s / seconds;
  rows.emplace_back();
  rows.push_back({"Total",
                  "",
                  with_si_prefix(sum.flops().to_double(), "FLOPs"),
                  with_iec_prefix(sum.bytes().to_double()),
                  fmt::format("{:.3g}", sum.flops().to_double() / sum.bytes().to_double()),
                  seconds_text(seconds),
                  "100%",
                  ""});
  out.text = pipe_table(columns, rows);
  out.text += fmt::format(
      "\n{}{}: {} FLOP/s, {}/s; they meet at {:.4g} FLOPs per byte\n"
      "{} for {} new tokens (queries: {}), {} tokens/s; {:.0f}% of it is bound by compute\n",
      printable_text(hardware.name),
      peak.precision.empty() ? "" : ", " + peak.precision,
      format_flops(roofline.flops_per_s),
      with_si_prefix(roofline.bytes_per_s, "B"),
      roofline.ridge(),
      seconds_text(seconds),
      static_cast<int64_t>(new_tokens),
      workload.queries.size(),
      format_count(new_tokens / seconds),
      100 * compute_bound_s / seconds);

  const double decode_s = timing.seconds(next_token(workload));
  out.json["decode"] = {{"seconds", decode_s}, {"tokens_per_s", queries / decode_s}};
  out.text += fmt::format("then {} for each further token of every query ({} tokens/s)\n",
                          seconds_text(decode_s),
                          format_count(queries / decode_s));
  if (model.spec) {
    const Num weights = sum.parameters * workload.w_bytes;
    const Num cache = cost::kv_cache_bytes(*model.spec, workload);
    const double needed = (weights + cache).to_double();
    out.json["memory"] = {{"weights", count_json(weights)}, {"kv_cache", count_json(cache)}};
    out.text += fmt::format("memory: {} weights + {} KV-cache",
                            with_iec_prefix(weights.to_double()),
                            with_iec_prefix(cache.to_double()));
    if (hardware.memory_capacity > 0) {
      const bool fits = needed <= hardware.memory_capacity;
      out.json["memory"]["capacity"] = hardware.memory_capacity;
      out.json["memory"]["fits"] = fits;
      out.text += fmt::format(" of {}{}",
                              with_iec_prefix(hardware.memory_capacity),
                              fits ? ""
                                   : ": it does not fit; the times are of a machine that it "
                                     "would fit on");
    }
    out.text += "\n";
  }
  if (hardware.efficiency.compute == 1.0 && hardware.efficiency.memory == 1.0) {
    out.text +=
        "A bound: real kernels reach a part of both peaks (efficiency, in the machine's "
        "file).\n";
  }
  const Unvalidated doubts = unvalidated_of(ops);
  out.json["unvalidated"] = doubts.json;
  out.text += doubts.text;
  return out;
}

}  // namespace ff::roofline
