// SPDX-License-Identifier: MIT
#include "report_parts.h"

#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>

namespace ff::analysis {
namespace {

std::string fixed3(double value) {
  return fmt::format("{:.3f}", value);
}
std::string fixed4(double value) {
  return fmt::format("{:.4f}", value);
}
std::string general4(double value) {
  return general(value);
}

/// "0.5446 [0.514, 0.574]".
std::string with_interval(const std::string& value,
                          const std::optional<io::Interval>& ci,
                          const std::function<std::string(double)>& show) {
  return ci ? value + " " + brackets(ci, show) : value;
}

std::string size_at(const io::Prediction& prediction, const std::string& estimator) {
  for (const auto& [name, size] : prediction.by_estimator) {
    if (name == estimator) {
      return format_count(size);
    }
  }
  return kNone;
}

Table brief_estimators(const io::ScalingLaws& laws) {
  std::vector<std::string> head = {""};
  const io::Prediction* target = laws.predictions.empty() ? nullptr : &laws.predictions.back();
  head.insert(head.end(), {"a", "E", "A", "B", "alpha", "beta", "rms", "R^2", "data"});
  if (target != nullptr) {
    head.push_back(fmt::format("N({})", format_flops(target->target_compute)));
  }
  Table table(head);
  for (const io::Estimator& e : laws.estimators) {
    if (!e.usable()) {
      continue;
    }
    table.add({e.name,
               with_interval(fixed(e.exponent_a), e.exponent_a_ci, fixed3),
               with_interval(fixed(e.E), e.E_ci, fixed3),
               general(e.A),
               general(e.B),
               with_interval(fixed(e.alpha), e.alpha_ci, fixed3),
               with_interval(fixed(e.beta), e.beta_ci, fixed3),
               percent(e.residual_rms),
               fixed(e.r_squared),
               fmt::format("{} {}", e.num_points.value_or(0), points_of(e)),
               target != nullptr ? size_at(*target, e.name) : ""});
  }
  return table;
}

/// One for the laws, one for the surfaces: all in one would be too wide to read.
std::pair<Table, Table> full_estimators(const io::ScalingLaws& laws) {
  Table lines({"", "a", "b", "k", "rms residual", "R^2", "data", "bootstrap"});
  Table surfaces({"", "E [nats/token]", "A", "B", "alpha", "beta"});
  for (const io::Estimator& e : laws.estimators) {
    if (!e.usable()) {
      continue;
    }
    lines.add({e.name,
               with_interval(fixed(e.exponent_a), e.exponent_a_ci, fixed4),
               with_interval(fixed(e.exponent_b), e.exponent_b_ci, fixed4),
               with_interval(general(e.coefficient_k), e.coefficient_k_ci, general4),
               percent(e.residual_rms),
               fixed(e.r_squared),
               fmt::format("{} {}", e.num_points.value_or(0), points_of(e)),
               fmt::format("{} of {}", e.bootstrap_usable, e.bootstrap_replicates)});
    if (e.alpha) {
      surfaces.add({e.name,
                    with_interval(fixed(e.E), e.E_ci, fixed4),
                    with_interval(general(e.A), e.A_ci, general4),
                    with_interval(general(e.B), e.B_ci, general4),
                    with_interval(fixed(e.alpha), e.alpha_ci, fixed4),
                    with_interval(fixed(e.beta), e.beta_ci, fixed4)});
    }
  }
  return {std::move(lines), std::move(surfaces)};
}

/// "kaplan: alpha_n = 0.1, ...": what a form has beyond the table's columns.
List extra_parameters(const io::ScalingLaws& laws) {
  List list;
  for (const io::Estimator& e : laws.estimators) {
    std::string text;
    for (const io::ExtraParameter& extra : e.extra) {
      text += fmt::format("{}{} = {}",
                          text.empty() ? "" : ", ",
                          extra.name,
                          with_interval(general(extra.value), extra.ci, general4));
    }
    if (e.usable() && !text.empty()) {
      list.items.push_back(fmt::format("{}: {}", e.name, text));
    }
  }
  return list;
}

/// Who has no answer and why; the same reason once.
void append_unusable(List& list, const io::ScalingLaws& laws) {
  std::vector<std::pair<std::string, std::string>> reasons;  // names, status
  for (const io::Estimator& e : laws.estimators) {
    if (e.usable()) {
      continue;
    }
    const auto same = std::find_if(reasons.begin(), reasons.end(), [&](const auto& reason) {
      return reason.second == e.status;
    });
    if (same == reasons.end()) {
      reasons.emplace_back(e.name, e.status);
    } else {
      same->first += ", " + e.name;
    }
  }
  for (const auto& [names, status] : reasons) {
    list.items.push_back(fmt::format("{}: no answer: {}", names, status));
  }
}

/// The fitted irreducible loss beside the corpus's known entropy.
std::string floor_note(const io::ScalingLaws& laws) {
  const io::Estimator* shown = nullptr;
  for (const io::Estimator& e : laws.estimators) {
    if (e.usable() && e.E && (shown == nullptr || e.name == headline_of(laws))) {
      shown = &e;
    }
  }
  if (shown == nullptr || !laws.floor_nats) {
    return "";
  }
  const double excess = *shown->E - *laws.floor_nats;
  return fmt::format(
      "Irreducible loss: E = {:.4f} ({}), the corpus's known entropy is {:.4f} nats per token "
      "({:+.4f}, {:+.1f}%). At small budgets such a difference is a misspecification of the "
      "two-term form, not a property of the corpus.",
      *shown->E,
      shown->name,
      *laws.floor_nats,
      excess,
      100 * excess / *laws.floor_nats);
}

}  // namespace

Section law_section(const io::ScalingLaws& laws) {
  Section section{.title = fmt::format("Scaling law ({})", headline_of(laws)), .blocks = {}};
  Table table({"C in FLOP, L in nats/token", "exponent", level_of(laws), "R^2", ""});
  for (const auto& law : {laws.n_opt_fit, laws.d_opt_fit, laws.l_opt_fit}) {
    if (law) {
      table.add({law->formula,
                 fixed(law->exponent_a),
                 brackets(law->a_ci, fixed4),
                 fixed(law->r_squared),
                 law->status == "ok" ? "" : law->status});
    }
  }
  if (const auto& law = laws.l_opt_irreducible) {
    table.add({law->formula, fixed(law->exponent_c)});
  }
  section.add(std::move(table));
  return section;
}

Section estimator_section(const io::ScalingLaws& laws, Detail detail) {
  Section section{
      .title = fmt::format("Estimators side by side, with {} intervals", level_of(laws)),
      .blocks = {}};
  if (laws.estimators.empty()) {
    return section;
  }
  section.add(std::string("N_opt = k C^a, D_opt ~ C^b, L = E + A/N^alpha + B/D^beta"));
  if (detail == Detail::kBrief) {
    section.add(brief_estimators(laws));
  } else {
    auto [lines, surfaces] = full_estimators(laws);
    section.add(std::move(lines));
    section.add(std::move(surfaces));
  }
  List remarks = extra_parameters(laws);
  append_unusable(remarks, laws);
  section.add(std::move(remarks));
  section.add(floor_note(laws));
  return section;
}

}  // namespace ff::analysis
