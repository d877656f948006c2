// SPDX-License-Identifier: MIT
#pragma once
// How long runs take, from the seconds per token that engine/speed.h measures, and how long a sweep
// of them takes on several cores: pure arithmetic.
//
//   seconds = start + training tokens * train + evaluated tokens * evaluate
#include <cstdint>
#include <span>

namespace ff::cost {

/// One core's seconds per token, while the other cores do the same.
struct TokenSeconds {
  double train = 0.0;     ///< forward, backward and update
  double evaluate = 0.0;  ///< forward only
};

/// What a worker spends before its first step: 0.5 s of CPU time to load LibTorch (280 shared
/// objects), the rest for corpus, held-out set and engine. Measured with the built-in corpus and
/// files in the page cache, on a 2.2 GHz server; it is not in a result's wall time.
inline constexpr double kRunStartSeconds = 0.6;

/// Throughout: 0 = not predicted, which a run whose speed is not known gets.
[[nodiscard]] double run_seconds(int64_t train_tokens,
                                 int64_t evaluated_tokens,
                                 const TokenSeconds& speed);

/// When the last of these runs ends if each core takes the longest one left as soon as it is free,
/// as ff-train does.
[[nodiscard]] double sweep_seconds(std::span<const double> run_seconds, int64_t cores);

}  // namespace ff::cost
