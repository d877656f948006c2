// SPDX-License-Identifier: MIT
#include "law_curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ff::plot {
namespace {

constexpr double kNormal95 = 1.959964;  // two-sided 95% of a normal distribution

}  // namespace

std::vector<double> log_space(double low, double high, int count) {
  std::vector<double> out;
  for (int i = 0; i < count; ++i) {
    const double share = static_cast<double>(i) / (count - 1);
    out.push_back(low * std::pow(high / low, share));
  }
  out.back() = high;
  return out;
}

bool same_budget(double a, double b) {
  return std::abs(a - b) <= 1e-6 * std::max(std::abs(a), std::abs(b));
}

double shade_of(size_t i, size_t n) {
  return n < 2 ? 0.0 : static_cast<double>(i) / static_cast<double>(n - 1);
}

std::optional<Extent> measured_extent(const io::ScalingLaws& laws) {
  if (laws.optimal_points.empty()) {
    return std::nullopt;
  }
  const auto [low, high] = std::minmax_element(
      laws.optimal_points.begin(), laws.optimal_points.end(), [](const auto& a, const auto& b) {
        return a.compute_budget < b.compute_budget;
      });
  return Extent{low->compute_budget, high->compute_budget};
}

io::Interval LawBand::at(const Curve& law, double compute) const {
  const double x = std::log(compute) - x_mid;
  const double up = std::hypot(h0, (x > 0 ? h1_above_up : h1_below_up) * x);
  const double down = std::hypot(h0, (x > 0 ? h1_above_down : h1_below_down) * x);
  const double value = law(compute);
  return {value * std::exp(-down), value * std::exp(up)};
}

std::optional<LawBand> law_band(const Curve& law,
                                std::optional<double> exponent,
                                const std::optional<io::Interval>& exponent_ci,
                                const std::vector<double>& compute,
                                const std::vector<double>& values,
                                const std::vector<Anchor>& anchors) {
  const size_t n = compute.size();
  if (n < 2 || ((!exponent || !exponent_ci) && anchors.empty())) {
    return std::nullopt;
  }
  LawBand band;
  double squares = 0.0;
  for (size_t i = 0; i < n; ++i) {
    band.x_mid += std::log(compute[i]) / static_cast<double>(n);
    const double residual = std::log(values[i] / law(compute[i]));
    squares += residual * residual;
  }
  if (n > 2) {
    const auto count = static_cast<double>(n);
    band.h0 = kNormal95 * std::sqrt(squares / (count - 2) / count);
  }
  if (exponent && exponent_ci) {
    band.h1_above_up = band.h1_below_down = std::max(0.0, exponent_ci->high - *exponent);
    band.h1_above_down = band.h1_below_up = std::max(0.0, *exponent - exponent_ci->low);
  }
  const auto distance = [&](const Anchor& a) { return std::abs(std::log(a.compute) - band.x_mid); };
  const auto farthest =
      std::max_element(anchors.begin(), anchors.end(), [&](const auto& a, const auto& b) {
        return distance(a) < distance(b);
      });
  if (farthest != anchors.end() && distance(*farthest) > 0.0) {
    const double value = law(farthest->compute);
    const double reach = distance(*farthest);
    const double up = std::log(farthest->interval.high / value);
    const double down = std::log(value / farthest->interval.low);
    // An interval that does not even contain the law says nothing about its slope (the predicted
    // loss may come from another form than a power law).
    if (up > 0.0 && down > 0.0) {
      const auto slope = [&](double half) {
        return std::sqrt(std::max(0.0, half * half - band.h0 * band.h0)) / reach;
      };
      const bool above = std::log(farthest->compute) > band.x_mid;
      band.h1_above_up = band.h1_below_down = slope(above ? up : down);
      band.h1_above_down = band.h1_below_up = slope(above ? down : up);
    }
  }
  return band;
}

Marks marks_of(const io::ScalingLaws& laws) {
  Marks out;
  const bool surface = laws.l_opt_irreducible.has_value();
  if (surface) {
    for (const io::Isoflop& budget : laws.isoflop) {
      if (!budget.vertex_size || !budget.vertex_loss || *budget.vertex_size <= 0) {
        continue;
      }
      const double flops_per_nd = laws.provenance ? laws.provenance->flops_per_nd : 6.0;
      const double tokens = budget.vertex_tokens.value_or(budget.compute_budget /
                                                          (flops_per_nd * *budget.vertex_size));
      out.marks.push_back({budget.compute_budget,
                           *budget.vertex_size,
                           tokens,
                           *budget.vertex_loss,
                           budget.vertex_log_stderr.value_or(0.0)});
    }
    out.legend = "vertex of a budget's parabola";
  }
  if (out.marks.empty()) {
    out.legend = surface ? "optimum of the surface" : "optimum of a budget";
    for (const io::OptimalPoint& p : laws.optimal_points) {
      if (p.compute_budget <= 0 || p.model_size <= 0 || p.num_tokens <= 0) {
        continue;
      }
      Mark mark{p.compute_budget, p.model_size, p.num_tokens, p.final_loss, 0.0};
      for (const io::Isoflop& budget : laws.isoflop) {
        // The vertex's error holds only if the vertex is what was recorded.
        if (same_budget(budget.compute_budget, p.compute_budget) && budget.vertex_size &&
            std::abs(*budget.vertex_size - p.model_size) <= 1e-6 * p.model_size) {
          mark.log_size_stderr = budget.vertex_log_stderr.value_or(0.0);
        }
      }
      out.marks.push_back(mark);
    }
  }
  return out;
}

std::string interval_name(const io::ScalingLaws& laws) {
  const double confidence = laws.provenance ? laws.provenance->confidence : 0.95;
  return fmt::format("{:g}% interval", 100.0 * confidence);
}

}  // namespace ff::plot
