// SPDX-License-Identifier: MIT
#pragma once
// What this machine can do at most, measured: arithmetic of one core and of all at once, and memory
// bandwidth. About 0.5 s in all. Knows no LibTorch.
#include <cstdint>
#include <functional>
#include <vector>

namespace ff::engine {

/// What `count` forked processes return from `measure`, which all begin at once: a measurement that
/// a process can make only once, or that its threads would share. Throws Error if one fails.
[[nodiscard]] std::vector<double> in_processes(int64_t count,
                                               const std::function<double()>& measure);

/// peak_flops_per_s() of `cores` cores that measure it at once, each in a process of its own, as
/// the function measures once per process. To be called before the first call of that function.
/// Throws Error.
[[nodiscard]] std::vector<double> peaks_at_once(int64_t cores);

/// What one core does in the fused engine's own matrix products [FLOP/s]: float32, 384 x 384 x 384,
/// the best of 50 ms.
[[nodiscard]] double matmul_flops_per_s();

/// Bytes per second that `threads` threads move at once in a[i] = b[i] + s c[i] (STREAM's triad, 24
/// bytes counted per element), over arrays of `array_bytes` each; the best of a few passes.
[[nodiscard]] double triad_bytes_per_s(int64_t threads, int64_t array_bytes);

}  // namespace ff::engine
