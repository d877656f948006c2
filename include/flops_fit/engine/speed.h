// SPDX-License-Identifier: MIT
#pragma once
// How fast this machine trains a model, found by training it: the fused engine with random weights
// takes a few real steps on random tokens, on every core at once, because in a sweep each core has
// the others at work beside it. About 0.1 s per model, kept in a file for the next time. Knows no
// LibTorch.
//
// A model that is too large for that is stood in for by a smaller one (stand_in()), whose seconds
// per token are scaled by exact FLOPs. That is a little pessimistic: the larger model's products
// are larger, and a smaller batch makes the optimizer's share larger (at most about 5%).
#include "flops_fit/cost/run_time.h"
#include "flops_fit/cost/transformer.h"
#include "flops_fit/engine/engine.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::engine {

/// Raise it with every change of the fused engine that makes steps faster or slower: older
/// measurements are then made again.
inline constexpr int kSpeedRevision = 2;

/// An evaluation hands about so many tokens at once to target_losses(): enough for the matrix
/// products, little for the cache.
inline constexpr int64_t kEvaluationTokens = 2048;

/// What is asked about.
struct SpeedShape {
  cost::Architecture arch;
  int64_t batch_rows = 1;
  bool norm_gains = false;
  bool operator==(const SpeedShape&) const = default;
};

struct SpeedLimits {
  double step_flops = 6e9;     ///< of a measured step: 0.1 to 0.3 s on one core
  int64_t params = 4'000'000;  ///< of a measured model: 20 bytes each, on every core
};

/// The model that is measured in place of `shape`: itself, if it is within the limits. Else with
/// fewer rows (down to 512 tokens), then fewer layers, then shorter rows, a smaller vocabulary and a
/// smaller width.
[[nodiscard]] SpeedShape stand_in(const SpeedShape& shape, const SpeedLimits& limits = {});

/// The measured speed of a stand-in, for the model it stands for.
[[nodiscard]] cost::TokenSeconds scaled_to(const SpeedShape& shape,
                                           const SpeedShape& measured,
                                           const cost::TokenSeconds& speed);

/// Trains and evaluates on random tokens with an engine that was made for this shape: a warm-up of
/// one row, then steps, then evaluations, in about 0.1 s.
[[nodiscard]] cost::TokenSeconds measure_engine(Engine& engine, const SpeedShape& shape);

/// Trains and evaluates the shape for a moment, on `threads` threads at once; CPU time, so that
/// other programs at work just now do not count; the median over steps, then over threads.
[[nodiscard]] cost::TokenSeconds measure_speed(const SpeedShape& shape, int64_t threads);

struct SpeedOptions {
  int64_t threads = 0;          ///< that measure at once; 0 = all cores that this process may use
  std::filesystem::path cache;  ///< where measurements are kept; empty = nowhere
  /// After so many seconds of measuring, what is left takes the FLOP/s of the nearest model that
  /// was measured.
  double patience_s = 5.0;
  std::function<cost::TokenSeconds(const SpeedShape&, int64_t threads)> measure = measure_speed;
};

struct Speeds {
  std::vector<cost::TokenSeconds> of;  ///< one for each shape asked about
  int64_t measured = 0;                ///< models measured now; the others were known
  int64_t estimated = 0;               ///< models that patience did not reach
  double seconds = 0.0;                ///< spent on measuring
};

/// The speed of every shape. A cache file that is damaged or not ours gives a warning and is
/// replaced; one that cannot be written costs a debug message only.
[[nodiscard]] Speeds training_speeds(std::span<const SpeedShape> shapes,
                                     const SpeedOptions& options);

/// $XDG_CACHE_HOME (else ~/.cache)/flops-fit/speed.json; empty where neither is known.
[[nodiscard]] std::filesystem::path default_speed_cache();

/// What a measurement is kept under: machine, threads, program, engine and shape.
[[nodiscard]] std::string speed_key(const SpeedShape& shape, int64_t threads);

}  // namespace ff::engine
