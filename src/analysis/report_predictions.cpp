// SPDX-License-Identifier: MIT
#include "report_parts.h"

#include "flops_fit/util/units.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace ff::analysis {
namespace {

std::string fixed4(double value) {
  return fmt::format("{:.4f}", value);
}

std::string ratio(double value) {
  return fmt::format("{:.{}f}x", value, value < 10 ? 1 : 0);
}

std::string wasted(double share) {
  return share < 5e-4 ? "under 0.1%" : fmt::format("{:.1f}%", 100 * share);
}

Table optima(const io::ScalingLaws& laws) {
  Table table({"target [FLOP]",
               "N",
               "range",
               "D [tokens]",
               "range",
               "D/N",
               "L [nats/token]",
               "range",
               "target / largest budget"});
  for (const io::Prediction& p : laws.predictions) {
    table.add({format_flops(p.target_compute),
               format_count(p.model_size),
               brackets(p.model_size_range, format_count),
               format_count(p.num_tokens),
               brackets(p.num_tokens_range, format_count),
               fmt::format("{:.1f}", p.tokens_per_param),
               fixed(p.loss),
               brackets(p.loss_range, fixed4),
               ratio(p.extrapolation) + (p.status == "ok" ? "" : " !")});
  }
  return table;
}

/// What the ranges are, or nothing where there are none.
std::string explained(const io::ScalingLaws& laws) {
  if (laws.predictions.empty() || !laws.predictions.front().model_size_range) {
    return "";
  }
  return fmt::format(
      "Each range holds {}every certified estimator's answer.",
      laws.predictions.front().model_size_ci
          ? fmt::format("{}'s {} bootstrap interval and ", headline_of(laws), level_of(laws))
          : std::string());
}

List remarks(const io::ScalingLaws& laws) {
  List list;
  for (const io::Prediction& p : laws.predictions) {
    std::vector<std::string> parts;
    if (p.status != "ok") {
      parts.push_back(p.status);
    }
    if (p.cheap_sizes) {
      parts.push_back(fmt::format("any N in {}-{} wastes under 1% of the compute",
                                  format_count(p.cheap_sizes->low),
                                  format_count(p.cheap_sizes->high)));
    }
    if (p.wasted_at_range) {
      parts.push_back(fmt::format("the ends of N's range waste {} and {}",
                                  wasted(p.wasted_at_range->low),
                                  wasted(p.wasted_at_range->high)));
    }
    if (p.architecture) {
      const cost::Architecture& shape = *p.architecture;
      parts.push_back(fmt::format("a shape of that size: d_model {}, {} layers, {} heads, d_ff {}",
                                  shape.d_model,
                                  shape.num_layers,
                                  shape.num_heads,
                                  shape.d_ff));
    }
    if (!parts.empty()) {
      list.items.push_back(
          fmt::format("{} FLOP: {}.", format_flops(p.target_compute), fmt::join(parts, "; ")));
    }
  }
  return list;
}

/// The headline's bootstrap alone, and N of every certified estimator.
std::pair<Table, Table> parts_of_ranges(const io::ScalingLaws& laws) {
  Table intervals({"target [FLOP]", "N", "D [tokens]", "L [nats/token]"});
  Table sizes({"target [FLOP]", "estimator", "N"});
  for (const io::Prediction& p : laws.predictions) {
    if (p.model_size_ci) {
      intervals.add({format_flops(p.target_compute),
                     brackets(p.model_size_ci, format_count),
                     brackets(p.num_tokens_ci, format_count),
                     brackets(p.loss_ci, fixed4)});
    }
    for (const auto& [name, size] : p.by_estimator) {
      sizes.add({format_flops(p.target_compute), name, format_count(size)});
    }
  }
  return {std::move(intervals), std::move(sizes)};
}

Table lifetimes(const io::ScalingLaws& laws) {
  Table table({"serving: target [FLOP]",
               "tokens served",
               "N",
               "D [tokens]",
               "training [FLOP]",
               "training and serving [FLOP]",
               "saved"});
  for (const io::Prediction& p : laws.predictions) {
    if (p.lifetime) {
      table.add({format_flops(p.target_compute),
                 format_count(p.lifetime->inference_tokens),
                 format_count(p.lifetime->model_size),
                 format_count(p.lifetime->num_tokens),
                 format_flops(p.lifetime->training_flops),
                 format_flops(p.lifetime->total_flops),
                 percent(p.lifetime->saved_share)});
    }
  }
  return table;
}

Table repetitions(const io::ScalingLaws& laws) {
  Table table({"few data: target [FLOP]",
               "different tokens",
               "N",
               "D [tokens]",
               "epochs",
               "L [nats/token]",
               "repetition"});
  for (const io::Prediction& p : laws.predictions) {
    if (p.repeated) {
      table.add({format_flops(p.target_compute),
                 format_count(p.repeated->unique_tokens),
                 format_count(p.repeated->model_size),
                 format_count(p.repeated->num_tokens),
                 fmt::format("{:.2f}", p.repeated->epochs),
                 fixed(p.repeated->loss),
                 p.repeated->basis});
    }
  }
  return table;
}

Table training_times(const io::ScalingLaws& laws) {
  Table table({"training time: target [FLOP]", "machine", "FLOP/s", "time"});
  for (const io::Prediction& p : laws.predictions) {
    for (const io::TrainingTime& time : p.times) {
      table.add({format_flops(p.target_compute),
                 time.machine,
                 format_flops(time.flops_per_s),
                 format_duration(time.seconds)});
    }
  }
  return table;
}

}  // namespace

Section prediction_section(const io::ScalingLaws& laws, Detail detail) {
  Section section{.title = fmt::format("Predicted optima ({})", headline_of(laws)), .blocks = {}};
  section.add(optima(laws));
  section.add(explained(laws));
  section.add(remarks(laws));
  if (detail == Detail::kFull) {
    auto [intervals, sizes] = parts_of_ranges(laws);
    if (!intervals.empty()) {
      section.add(fmt::format(
          "The {} bootstrap intervals of {} alone:", level_of(laws), headline_of(laws)));
    }
    section.add(std::move(intervals));
    if (!sizes.empty()) {
      section.add(std::string("Each certified estimator's own N:"));
    }
    section.add(std::move(sizes));
  }
  return section;
}

Section scenario_section(const io::ScalingLaws& laws) {
  Section section{.title = "The same targets when serving, data or time count", .blocks = {}};
  Table serving = lifetimes(laws);
  if (!serving.empty()) {
    section.add(std::string(
        "Serving: of the models with the predicted loss, the one whose training and serving (2N "
        "FLOP a token) together cost least; saved: of what the optimum above would cost in all."));
  }
  section.add(std::move(serving));
  section.add(repetitions(laws));
  section.add(training_times(laws));
  return section;
}

}  // namespace ff::analysis
