// SPDX-License-Identifier: MIT
#include "flops_fit/engine/cpu.h"

#include <algorithm>
#include <atomic>

namespace ff::engine {
namespace {

InstructionSet best_of_cpu() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) {
    return InstructionSet::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    return InstructionSet::kAvx2;
  }
#endif
  return InstructionSet::kPlain;
}

std::atomic<InstructionSet>& in_use() {
  static std::atomic<InstructionSet> set = best_of_cpu();
  return set;
}

}  // namespace

const char* to_string(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx512:
      return "AVX-512";
    case InstructionSet::kAvx2:
      return "AVX2";
    case InstructionSet::kPlain:
      break;
  }
  return "plain";
}

InstructionSet instruction_set() {
  return in_use().load(std::memory_order_relaxed);
}

void limit_instruction_set(InstructionSet most) {
  in_use() = std::min(most, best_of_cpu());
}

bool has_bf16_products() {
#if defined(__x86_64__)
  return instruction_set() == InstructionSet::kAvx512 && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

}  // namespace ff::engine
