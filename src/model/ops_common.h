// SPDX-License-Identifier: MIT
#pragma once
// What the files that implement ops.h share.
#include "cpu/kernels.h"

#include "flops_fit/model/ops.h"

namespace ff::model {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Whether the float32 CPU kernels serve this tensor (made contiguous first).
inline bool on_cpu_kernels(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32;
}

inline const float* data(const Tensor& x) {
  return x.data_ptr<float>();
}
inline float* mutable_data(const Tensor& x) {
  return x.data_ptr<float>();
}
inline float to_float(const c10::IValue& x) {
  return static_cast<float>(x.toDouble());
}

}  // namespace ff::model
