// SPDX-License-Identifier: MIT
#pragma once
// Arrays that kernels work on: aligned to cache lines, so that no vector load straddles two.
#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

namespace ff::engine::fused {

inline size_t size(int64_t n) {
  return static_cast<size_t>(n);
}
inline float as_float(double x) {
  return static_cast<float>(x);
}

template <class T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  CacheLineAllocator() = default;
  template <class U>
  CacheLineAllocator(const CacheLineAllocator<U>&) {}

  T* allocate(size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), kLine)); }
  void deallocate(T* p, size_t) { ::operator delete(p, kLine); }
  bool operator==(const CacheLineAllocator&) const { return true; }
};

using Buffer = std::vector<float, CacheLineAllocator<float>>;

}  // namespace ff::engine::fused
