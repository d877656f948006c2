// SPDX-License-Identifier: MIT
#pragma once
// What the CPU offers to the fused engine.
#include <string>

namespace ff::engine {

/// What the fused engine's kernels are compiled for, weakest first. Plain is the compiler's
/// baseline: SSE2 on x86-64, NEON on arm64.
enum class InstructionSet { kPlain, kAvx2, kAvx512 };
[[nodiscard]] const char* to_string(InstructionSet set);

/// The one in use: the best that this CPU has (AVX-512 with VL, DQ and BW; AVX2 with FMA), or less
/// after limit_instruction_set().
[[nodiscard]] InstructionSet instruction_set();

/// Use nothing better than `most`, in this process. For tests and comparisons; not while kernels
/// run.
void limit_instruction_set(InstructionSet most);

/// Whether the CPU multiplies pairs of bfloat16 in one instruction (AVX512_BF16), and it may be
/// used.
[[nodiscard]] bool has_bf16_products();

/// What one core can do at most [FLOP/s]: float32 multiply-adds on registers alone, with the
/// instruction set in use. Measured at the first call, in about 50 ms.
[[nodiscard]] double peak_flops_per_s();

}  // namespace ff::engine
