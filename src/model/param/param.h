// SPDX-License-Identifier: MIT
#pragma once
// One function per parametrization; src/model/parametrization.cpp lists them.
#include "flops_fit/model/parametrization.h"

namespace ff::model {

Parametrization make_u_mup(const cost::Architecture& arch, const ParametrizationOptions& options);
Parametrization make_mup(const cost::Architecture& arch, const ParametrizationOptions& options);
Parametrization make_sp(const cost::Architecture& arch, const ParametrizationOptions& options);
Parametrization make_mup_legacy(const cost::Architecture& arch,
                                const ParametrizationOptions& options);

/// The tensors of an architecture in their order, with names, types and shapes, and all factors 1.
std::vector<TensorRule> list_tensors(const cost::Architecture& arch, bool norm_gain);

/// What sp, mup and mup-legacy share: x + f(x), gradients of the mean loss as they come (the
/// forward factors are also the gradients'), weight decay times learning rate. Refuses u-muP's own
/// options.
Parametrization plain(const char* name,
                      const cost::Architecture& arch,
                      const ParametrizationOptions& options);

}  // namespace ff::model
