// SPDX-License-Identifier: MIT
#include "flops_fit/engine/speed.h"

#include "flops_fit/engine/engine.h"
#include "flops_fit/model/parametrization.h"
#include "flops_fit/util/threads.h"

#include <algorithm>
#include <barrier>
#include <cmath>
#include <ctime>
#include <exception>
#include <memory>
#include <optional>
#include <random>
#include <utility>

namespace ff::engine {
namespace {

/// This thread's CPU time [s]: what other programs take of the core while it measures is not part
/// of its speed.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

constexpr int64_t kMinTokens = 512;  ///< of a measured step, where the plan has as many
constexpr int64_t kMinVocab = 512;
/// Attention weights that the fused engine keeps, in all layers, for one row [floats].
constexpr int64_t kMaxAttentionFloats = int64_t{1} << 25;

model::Parametrization parametrization_of(const SpeedShape& shape) {
  // The multipliers do not change the speed; whether there are gains does.
  return model::make_parametrization(shape.arch, {.name = "u-mup", .norm_gain = shape.norm_gains});
}

double step_flops(const SpeedShape& shape) {
  return cost::train_flops_per_token(shape.arch) *
         static_cast<double>(shape.batch_rows * shape.arch.seq_len);
}

bool is_too_large(const SpeedShape& shape, const SpeedLimits& limits) {
  const cost::Architecture& a = shape.arch;
  return step_flops(shape) > limits.step_flops || cost::count_params(a).total > limits.params ||
         static_cast<double>(a.num_heads * a.num_layers) * static_cast<double>(a.seq_len) *
                 static_cast<double>(a.seq_len) >
             static_cast<double>(kMaxAttentionFloats);
}

int64_t in_eights(int64_t n) {
  return std::max<int64_t>(8, (n + 7) / 8 * 8);
}

/// One step smaller; false if there is nothing left to take away.
bool shrink(cost::Architecture& a) {
  if (a.num_layers > 1) {
    a.num_layers /= 2;
  } else if (a.seq_len > kMinTokens) {
    a.seq_len = std::max(kMinTokens, a.seq_len / 2);
  } else if (a.vocab_size > kMinVocab && a.vocab_size >= 4 * a.d_model + 3 * a.d_ff) {
    a.vocab_size = std::max(kMinVocab, in_eights(a.vocab_size / 2));
  } else if (a.num_heads > 1) {
    const int64_t head = a.head_size();
    a.num_heads /= 2;
    a.d_ff = in_eights(a.d_ff * a.num_heads * head / a.d_model);
    a.d_model = a.num_heads * head;
  } else if (a.d_ff > 64) {
    a.d_ff = in_eights(a.d_ff / 2);
  } else if (a.seq_len > 1) {
    a.seq_len /= 2;
  } else {
    return false;
  }
  return true;
}

std::vector<float> random_weights(const model::Parametrization& p) {
  std::mt19937 random(1);
  std::vector<float> weights;
  weights.reserve(static_cast<size_t>(p.num_parameters()));
  for (const model::TensorRule& rule : p.tensors) {
    if (rule.type == model::TensorType::kNorm) {
      weights.insert(weights.end(), static_cast<size_t>(rule.numel()), 1.0F);
      continue;
    }
    std::normal_distribution<float> normal(0.0F, static_cast<float>(rule.init_std));
    for (int64_t i = 0; i < rule.numel(); ++i) {
      weights.push_back(normal(random));
    }
  }
  return weights;
}

std::vector<int32_t> random_tokens(const cost::Architecture& arch, int64_t rows) {
  std::mt19937 random(2);
  std::uniform_int_distribution<int32_t> token(0, static_cast<int32_t>(arch.vocab_size - 1));
  std::vector<int32_t> tokens(static_cast<size_t>(rows * (arch.seq_len + 1)));
  std::generate(tokens.begin(), tokens.end(), [&] { return token(random); });
  return tokens;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Median seconds of `step()`: repeated for `long_enough_s`, at least three times unless that takes
/// three times as long.
template <class Step>
double median_seconds(double long_enough_s, Step&& step) {
  std::vector<double> times;
  double total = 0.0;
  do {
    const double start = cpu_seconds();
    step();
    times.push_back(cpu_seconds() - start);
    total += times.back();
  } while (total < long_enough_s || (times.size() < 3 && total < 3.0 * long_enough_s));
  return median(std::move(times));
}

}  // namespace

SpeedShape stand_in(const SpeedShape& shape, const SpeedLimits& limits) {
  SpeedShape s = shape;
  const auto fit_rows = [&] {
    const double row_flops =
        cost::train_flops_per_token(s.arch) * static_cast<double>(s.arch.seq_len);
    const auto affordable = static_cast<int64_t>(std::min(1e9, limits.step_flops / row_flops));
    const int64_t least = (kMinTokens + s.arch.seq_len - 1) / s.arch.seq_len;
    s.batch_rows = std::min(shape.batch_rows, std::max({int64_t{1}, least, affordable}));
  };
  fit_rows();
  while (is_too_large(s, limits) && shrink(s.arch)) {
    fit_rows();
  }
  return s;
}

cost::TokenSeconds scaled_to(const SpeedShape& shape,
                             const SpeedShape& measured,
                             const cost::TokenSeconds& speed) {
  const double factor =
      cost::train_flops_per_token(shape.arch) / cost::train_flops_per_token(measured.arch);
  return {.train = speed.train * factor, .evaluate = speed.evaluate * factor};
}

cost::TokenSeconds measure_engine(Engine& engine, const SpeedShape& shape) {
  constexpr double kTrainS = 0.06;
  constexpr double kEvaluateS = 0.02;
  const int64_t seq_len = shape.arch.seq_len;
  const int64_t evaluated_rows =
      std::max<int64_t>(1, std::min(kEvaluationTokens / seq_len, 3 * shape.batch_rows));
  const int64_t rows = std::max(shape.batch_rows, evaluated_rows);
  const std::vector<int32_t> tokens = random_tokens(shape.arch, rows);
  const auto batch = [&](int64_t n) {
    return Batch{std::span(tokens).first(static_cast<size_t>(n * (seq_len + 1))), n, seq_len};
  };
  const StepOptions options{.learning_rate = 0.1};
  engine.train_step(batch(1), options);
  const double train_s =
      median_seconds(kTrainS, [&] { engine.train_step(batch(shape.batch_rows), options); });
  static_cast<void>(engine.target_losses(batch(1)));
  const double evaluate_s = median_seconds(
      kEvaluateS, [&] { static_cast<void>(engine.target_losses(batch(evaluated_rows))); });
  return {.train = train_s / static_cast<double>(shape.batch_rows * seq_len),
          .evaluate = evaluate_s / static_cast<double>(evaluated_rows * seq_len)};
}

cost::TokenSeconds measure_speed(const SpeedShape& shape, int64_t threads) {
  const model::Parametrization p = parametrization_of(shape);
  const std::vector<float> weights = random_weights(p);
  std::vector<cost::TokenSeconds> found;  // of each thread
  std::vector<std::exception_ptr> problems(static_cast<size_t>(threads));
  std::optional<std::barrier<>> all_ready;
  const auto ready = [&](int64_t n) {
    found.resize(static_cast<size_t>(n));
    all_ready.emplace(n);
  };
  run_at_once(threads, ready, [&](int64_t thread) {
    const auto i = static_cast<size_t>(thread);
    std::unique_ptr<Engine> engine;
    try {
      engine = make_fused_engine(p, {}, weights);
    } catch (...) {
      problems[i] = std::current_exception();
      all_ready->arrive_and_drop();
      return;
    }
    all_ready->arrive_and_wait();
    try {
      found[i] = measure_engine(*engine, shape);
    } catch (...) {
      problems[i] = std::current_exception();
    }
  });
  for (const std::exception_ptr& problem : problems) {
    if (problem) {
      std::rethrow_exception(problem);
    }
  }
  std::vector<double> train;
  std::vector<double> evaluate;
  for (const cost::TokenSeconds& one : found) {
    train.push_back(one.train);
    evaluate.push_back(one.evaluate);
  }
  return {.train = median(std::move(train)), .evaluate = median(std::move(evaluate))};
}

}  // namespace ff::engine
