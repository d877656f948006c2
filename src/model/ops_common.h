// SPDX-License-Identifier: MIT
#pragma once
// What the files that implement ops.h share.
#include "flops_fit/model/ops.h"

namespace ff::model {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

}  // namespace ff::model
