// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/report.h"

#include "text_table.h"

#include "flops_fit/util/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace ff::analysis {
namespace {

std::string number(const std::optional<double>& value, int digits = 4) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

/// "4.90e4": wide-ranging numbers, as coefficients.
std::string significant(const std::optional<double>& value) {
  return value ? fmt::format("{:.4g}", *value) : "-";
}

std::string count(const std::optional<double>& value) {
  return value ? format_count(*value) : "-";
}

std::string interval(const std::optional<io::Interval>& ci,
                     const std::function<std::string(double)>& show) {
  return ci ? fmt::format("[{}, {}]", show(ci->low), show(ci->high)) : "";
}

std::string plain(double value) {
  return fmt::format("{:.4f}", value);
}
std::string short_form(double value) {
  return fmt::format("{:.4g}", value);
}

double level(const io::ScalingLaws& laws) {
  return 100 * (laws.provenance ? laws.provenance->confidence : 0.95);
}

std::string optima_table(const io::ScalingLaws& laws) {
  Table table({"budget",
               "runs",
               "argmin N",
               "vertex N",
               "s.e. ln N",
               "N_opt",
               "D_opt",
               "D/N",
               "L_opt",
               "parabola"});
  size_t next = 0;
  for (const io::Isoflop& isoflop : laws.isoflop) {
    const auto lowest =
        std::min_element(isoflop.points.begin(),
                         isoflop.points.end(),
                         [](const io::IsoflopPoint& left, const io::IsoflopPoint& right) {
                           return left.loss < right.loss;
                         });
    std::vector<std::string> row = {format_flops(isoflop.compute_budget),
                                    std::to_string(isoflop.points.size()),
                                    format_count(lowest->model_size),
                                    count(isoflop.vertex_size),
                                    number(isoflop.vertex_log_stderr, 3)};
    // The headline may have left this budget out.
    if (next < laws.optimal_points.size() &&
        laws.optimal_points[next].compute_budget == isoflop.compute_budget) {
      const io::OptimalPoint& point = laws.optimal_points[next++];
      for (std::string cell : {format_count(point.model_size),
                               format_count(point.num_tokens),
                               fmt::format("{:.1f}", point.num_tokens / point.model_size),
                               plain(point.final_loss)}) {
        row.push_back(std::move(cell));
      }
    } else {
      row.insert(row.end(), 4, "-");
    }
    row.push_back(isoflop.status == "ok" ? "ok" : "none");
    table.add(std::move(row));
  }
  return table.text();
}

std::string estimator_table(const io::ScalingLaws& laws) {
  Table table({"", "a", "b", "k", "E", "A", "B", "alpha", "beta", "rms", "R^2", "of"});
  for (const io::Estimator& e : laws.estimators) {
    if (!e.usable()) {
      continue;
    }
    table.add({e.name,
               number(e.exponent_a),
               number(e.exponent_b),
               significant(e.coefficient_k),
               number(e.E),
               significant(e.A),
               significant(e.B),
               number(e.alpha),
               number(e.beta),
               e.residual_rms ? fmt::format("{:.2f}%", 100 * *e.residual_rms) : "-",
               number(e.r_squared),
               fmt::format("{} {}", e.num_points.value_or(0), e.alpha ? "runs" : "budgets")});
    const auto low = [](const std::optional<io::Interval>& ci, auto show) {
      return ci ? show(ci->low) : std::string();
    };
    const auto high = [](const std::optional<io::Interval>& ci, auto show) {
      return ci ? show(ci->high) : std::string();
    };
    const auto bound = [&](const char* name, auto side) {
      table.add({name,
                 side(e.exponent_a_ci, plain),
                 side(e.exponent_b_ci, plain),
                 side(e.coefficient_k_ci, short_form),
                 side(e.E_ci, plain),
                 side(e.A_ci, short_form),
                 side(e.B_ci, short_form),
                 side(e.alpha_ci, plain),
                 side(e.beta_ci, plain)});
    };
    if (e.exponent_a_ci) {
      bound("  from", low);
      bound("  to", high);
    }
  }
  std::string text = table.text();
  for (const io::Estimator& e : laws.estimators) {
    if (!e.usable()) {
      text += fmt::format("  {}: no answer: {}\n", e.name, e.status);
    } else if (!e.certificate.empty()) {
      text += fmt::format("  {}: {} of {} starts agree, decrement {:.0e}, condition number {:.0f}\n",
                          e.name,
                          e.certificate.value("starts_agreeing", 0),
                          e.certificate.value("starts", 0),
                          e.certificate.value("decrement", 0.0),
                          e.certificate.value("condition_number", 0.0));
    }
  }
  return text;
}

/// The fitted irreducible loss beside the corpus's known entropy.
std::string floor_note(const io::ScalingLaws& laws) {
  for (const io::Estimator& e : laws.estimators) {
    if (laws.floor_nats && e.usable() && e.E) {
      const double excess = *e.E - *laws.floor_nats;
      return fmt::format(
          "\nIrreducible loss: E = {:.4f} ({}), the corpus's known entropy is {:.4f} nats per "
          "token "
          "({:+.4f}, {:+.1f}%).\n  At small budgets such a difference is a misspecification of the "
          "two-term form, not a property of the corpus.\n",
          *e.E,
          e.name,
          *laws.floor_nats,
          excess,
          100 * excess / *laws.floor_nats);
    }
  }
  return "";
}

std::string prediction_table(const io::ScalingLaws& laws) {
  Table table({"target", "N", "", "D", "", "D/N", "L", "", "extrapolation"});
  for (const io::Prediction& p : laws.predictions) {
    table.add({format_flops(p.target_compute),
               format_count(p.model_size),
               interval(p.model_size_ci, format_count),
               format_count(p.num_tokens),
               interval(p.num_tokens_ci, format_count),
               fmt::format("{:.1f}", p.tokens_per_param),
               number(p.loss),
               interval(p.loss_ci, plain),
               fmt::format("{:.{}f}x", p.extrapolation, p.extrapolation < 10 ? 1 : 0)});
  }
  return table.text();
}

std::string validation_table(const io::ScalingLaws& laws) {
  if (!laws.validation.contains("leave_one_out")) {
    return "";
  }
  Table table({"", "rms ln N", "rms loss"});
  for (const auto& [name, result] : laws.validation["leave_one_out"].items()) {
    const auto show = [&result = result](const char* key, double factor, const char* unit) {
      return result.contains(key) && result[key].is_number()
                 ? fmt::format("{:.3f}{}", factor * result[key].template get<double>(), unit)
                 : std::string("-");
    };
    table.add({name, show("rms_log_size", 1, ""), show("rms_loss", 100, "%")});
  }
  return "\nLeave one budget out: errors of what the other budgets predict\n" + table.text();
}

std::string config_table(const std::vector<OptimalConfig>& configs) {
  if (configs.empty()) {
    return "";
  }
  Table table(
      {"compute", "kind", "N", "D", "D/N", "L", "d_model", "layers", "heads", "nearest run"});
  for (const OptimalConfig& c : configs) {
    const auto shape = [&c](int64_t cost::Architecture::*field) {
      return c.architecture ? std::to_string((*c.architecture).*field) : std::string("-");
    };
    table.add({format_flops(c.compute),
               c.target ? "target" : "budget",
               format_count(c.model_size),
               format_count(c.num_tokens),
               fmt::format("{:.1f}", c.tokens_per_param),
               number(c.loss),
               shape(&cost::Architecture::d_model),
               shape(&cost::Architecture::num_layers),
               shape(&cost::Architecture::num_heads),
               c.nearest_run});
  }
  return "\nOptimal configurations\n" + table.text();
}

std::string law_lines(const io::ScalingLaws& laws) {
  std::string text;
  for (const auto& law : {laws.n_opt_fit, laws.d_opt_fit, laws.l_opt_fit}) {
    if (law) {
      text += fmt::format("  {:<32}", law->formula);
      if (law->a_ci) {
        text += fmt::format(
            "  exponent {:.0f}% [{:.4f}, {:.4f}]", level(laws), law->a_ci->low, law->a_ci->high);
      }
      if (law->r_squared) {
        text += fmt::format("  R^2 {:.4f}", *law->r_squared);
      }
      text += law->status == "ok" ? "\n" : fmt::format("  ({})\n", law->status);
    }
  }
  if (laws.l_opt_irreducible) {
    text += fmt::format("  {}\n", laws.l_opt_irreducible->formula);
  }
  return text;
}

std::string headline_of(const io::ScalingLaws& laws) {
  return laws.provenance ? laws.provenance->headline : std::string("unknown");
}

}  // namespace

std::string report(const io::ScalingLaws& laws, const std::vector<OptimalConfig>& configs) {
  std::string text;
  if (laws.provenance) {
    text += fmt::format("{} of {} runs used; C = {:.3g} N D\n\n",
                        laws.provenance->runs_used,
                        laws.provenance->runs_read,
                        laws.provenance->flops_per_nd);
  }
  if (!laws.isoflop.empty()) {
    text += fmt::format("Optimum per budget (N_opt, D_opt, L_opt: {})\n{}\n",
                        headline_of(laws),
                        optima_table(laws));
  }
  text += fmt::format(
      "Estimators: N_opt = k C^a, D_opt ~ C^b, L = E + A/N^alpha + B/D^beta ({:g}% intervals)\n{}",
      level(laws),
      estimator_table(laws));
  text += floor_note(laws);
  text += fmt::format("\nLaws ({})\n{}", headline_of(laws), law_lines(laws));
  if (!laws.predictions.empty()) {
    text += fmt::format("\nPredicted optima ({}, {:g}% intervals)\n{}",
                        headline_of(laws),
                        level(laws),
                        prediction_table(laws));
  }
  text += validation_table(laws);
  text += config_table(configs);
  return text + warning_list(laws.warnings);
}

std::string summary(const io::ScalingLaws& laws) {
  std::string text = fmt::format("Scaling law ({}):\n{}", headline_of(laws), law_lines(laws));
  for (const io::Prediction& p : laws.predictions) {
    text += fmt::format("Optimum for {} FLOP: N = {} {}, D = {} {}, L = {} {}\n",
                        format_flops(p.target_compute),
                        format_count(p.model_size),
                        interval(p.model_size_ci, format_count),
                        format_count(p.num_tokens),
                        interval(p.num_tokens_ci, format_count),
                        number(p.loss),
                        interval(p.loss_ci, plain));
  }
  return text + warning_line(laws.warnings);
}

}  // namespace ff::analysis
