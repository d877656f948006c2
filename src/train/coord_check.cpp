// SPDX-License-Identifier: MIT
#include "flops_fit/train/coord_check.h"

#include "flops_fit/engine/adamw.h"
#include "flops_fit/model/gpt.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/thread_pool.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

namespace ff::train {
namespace {

using torch::Tensor;

/// One activation of one model after some steps.
struct Moved {
  std::string activation;
  int64_t step = 0;
  double change = 0.0;
  double rms = 0.0;
};

/// Activations on one fixed batch, in the order in which they are made.
std::vector<std::pair<std::string, Tensor>> probe(const model::Gpt& gpt, const Tensor& ids) {
  const torch::NoGradGuard no_grad;
  std::vector<std::pair<std::string, Tensor>> seen;
  static_cast<void>(gpt.forward(
      ids, [&](std::string_view name, const Tensor& x) { seen.emplace_back(name, x.clone()); }));
  return seen;
}

double rms(const Tensor& x) {
  return std::sqrt(x.to(torch::kFloat64).square().mean().item<double>());
}

bool is_recorded(int64_t step, int64_t last) {
  return step == 0 || step == 1 || step == 3 || step == 5 || step == last;
}

/// Trains one model for a few steps, watching its activations on the batch of step 0.
std::vector<Moved> train_one(const CoordProblem& problem, int64_t width, uint64_t seed) {
  const model::Parametrization p = problem.make_model(width);
  const int64_t seq_len = p.architecture.seq_len;
  const engine::EngineOptions& options = problem.engine;
  const model::Gpt gpt(p, {.rotary = options.rotary, .rotary_base = options.rope_base}, seed);
  engine::AdamW adamw(p, options.optimizer, gpt.flat_weights());
  std::vector<int32_t> buffer(static_cast<size_t>(problem.batch_size * (seq_len + 1)));
  const auto batch = [&](int64_t step) {
    problem.fill_batch(seed, step, buffer);
    return torch::tensor(buffer, torch::kInt64).view({problem.batch_size, seq_len + 1});
  };
  const Tensor watched = batch(0).narrow(1, 0, seq_len).contiguous();
  const auto before = probe(gpt, watched);
  std::vector<Moved> moved;
  for (const auto& [name, x] : before) {
    moved.push_back({.activation = name, .rms = rms(x)});
  }
  for (int64_t step = 1; step <= problem.steps; ++step) {
    const Tensor tokens = batch(step - 1);
    gpt.flat_grads().zero_();
    gpt.loss(tokens.narrow(1, 0, seq_len).contiguous(), tokens.narrow(1, 1, seq_len).contiguous())
        .backward();
    static_cast<void>(
        adamw.step(gpt.flat_weights(),
                   gpt.flat_grads(),
                   {.learning_rate = problem.learning_rate, .weight_decay = problem.weight_decay}));
    if (is_recorded(step, problem.steps)) {
      const auto now = probe(gpt, watched);
      for (size_t i = 0; i < now.size(); ++i) {
        moved.push_back({.activation = now[i].first,
                         .step = step,
                         .change = rms(now[i].second - before[i].second),
                         .rms = rms(now[i].second)});
      }
    }
  }
  return moved;
}

/// Least-squares slope of log2(y) over log2(width); none if some y is not positive.
std::optional<double> log_slope(const std::vector<int64_t>& widths, const std::vector<double>& y) {
  const auto n = static_cast<double>(widths.size());
  double mean_x = 0.0;
  double mean_y = 0.0;
  for (size_t i = 0; i < widths.size(); ++i) {
    if (!(y[i] > 0.0) || !std::isfinite(y[i])) {
      return std::nullopt;
    }
    mean_x += std::log2(static_cast<double>(widths[i])) / n;
    mean_y += std::log2(y[i]) / n;
  }
  double xy = 0.0;
  double xx = 0.0;
  for (size_t i = 0; i < widths.size(); ++i) {
    const double x = std::log2(static_cast<double>(widths[i])) - mean_x;
    xy += x * (std::log2(y[i]) - mean_y);
    xx += x * x;
  }
  return xy / xx;
}

/// None if one is missing.
std::pair<std::optional<double>, double> mean_and_stderr(
    const std::vector<std::optional<double>>& values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0.0;
  for (const std::optional<double>& value : values) {
    if (!value) {
      return {std::nullopt, 0.0};
    }
    mean += *value / n;
  }
  double squares = 0.0;
  for (const std::optional<double>& value : values) {
    squares += (*value - mean) * (*value - mean);
  }
  return {mean, n > 1 ? std::sqrt(squares / (n - 1) / n) : 0.0};
}

CoordCurve::Judged judged(const CoordCurve& curve) {
  if (curve.step == 0 || curve.activation == "embedding") {
    return CoordCurve::Judged::kNot;
  }
  return curve.activation == "logits" ? CoordCurve::Judged::kFromAbove
                                      : CoordCurve::Judged::kBothSides;
}

}  // namespace

std::vector<CoordCurve> coordinate_curves(const CoordProblem& problem) {
  const auto num_widths = problem.widths.size();
  const auto num_seeds = static_cast<size_t>(problem.seeds);
  std::vector<std::vector<Moved>> measured(num_widths * num_seeds);
  // Widest first, so that the threads end together.
  ThreadPool pool(std::min(problem.num_threads, static_cast<int64_t>(measured.size())));
  pool.run(static_cast<int64_t>(measured.size()), [&](int64_t task, size_t) {
    engine::use_one_thread();
    const auto job = static_cast<size_t>(task);
    const size_t width = num_widths - 1 - job / num_seeds;
    measured[width * num_seeds + job % num_seeds] =
        train_one(problem, problem.widths[width], job % num_seeds);
  });

  std::vector<CoordCurve> curves;
  for (size_t i = 0; i < measured.front().size(); ++i) {
    CoordCurve& curve = curves.emplace_back();
    curve.step = measured.front()[i].step;
    curve.activation = measured.front()[i].activation;
    curve.judged = judged(curve);
    // Slopes seed by seed, so that their spread says how sure they are.
    std::vector<std::optional<double>> slopes, rms_slopes;
    curve.change.assign(num_widths, 0.0);
    curve.rms.assign(num_widths, 0.0);
    for (size_t seed = 0; seed < num_seeds; ++seed) {
      std::vector<double> change, rms;
      for (size_t width = 0; width < num_widths; ++width) {
        const Moved& one = measured[width * num_seeds + seed][i];
        change.push_back(one.change);
        rms.push_back(one.rms);
        curve.change[width] += one.change / static_cast<double>(num_seeds);
        curve.rms[width] += one.rms / static_cast<double>(num_seeds);
      }
      slopes.push_back(log_slope(problem.widths, change));
      rms_slopes.push_back(log_slope(problem.widths, rms));
    }
    curve.rms_slope = mean_and_stderr(rms_slopes).first;
    std::tie(curve.change_slope, curve.change_stderr) = mean_and_stderr(slopes);
  }
  return curves;
}

double slope_stderr(const std::vector<CoordCurve>& curves, int64_t step) {
  double squares = 0.0;
  double count = 0.0;
  for (const CoordCurve& curve : curves) {
    if (curve.step == step && curve.judged != CoordCurve::Judged::kNot && curve.change_slope) {
      squares += curve.change_stderr * curve.change_stderr;
      count += 1.0;
    }
  }
  return count > 0 ? std::sqrt(squares / count) : 0.0;
}

std::vector<std::string> out_of_bounds(const std::vector<CoordCurve>& curves,
                                       const SlopeBounds& bounds,
                                       double allowance) {
  struct Worst {
    double excess = 0.0;
    std::string line;
  };
  std::map<std::string, Worst> worst;  // by activation
  for (const CoordCurve& curve : curves) {
    if (curve.judged == CoordCurve::Judged::kNot) {
      continue;
    }
    const bool finite = std::all_of(
        curve.change.begin(), curve.change.end(), [](double x) { return std::isfinite(x); });
    const double slope = curve.change_slope.value_or(0.0);
    double excess = slope - bounds.high;
    if (curve.judged == CoordCurve::Judged::kBothSides) {
      excess = std::max(excess, bounds.low - slope);
    }
    excess -= allowance * slope_stderr(curves, curve.step);
    if (!finite) {
      worst[curve.activation] = {
          std::numeric_limits<double>::infinity(),
          fmt::format("{} is not finite after {} steps", curve.activation, curve.step)};
    } else if (excess > worst[curve.activation].excess) {
      worst[curve.activation] = {excess,
                                 fmt::format("{} moves as width^{:.2f} after {} step{}",
                                             curve.activation,
                                             slope,
                                             curve.step,
                                             curve.step == 1 ? "" : "s")};
    }
  }
  std::vector<std::string> lines;
  for (const auto& [activation, entry] : worst) {
    if (entry.excess > 0) {
      lines.push_back(entry.line);
    }
  }
  return lines;
}

}  // namespace ff::train
