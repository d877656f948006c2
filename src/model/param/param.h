// SPDX-License-Identifier: MIT
#pragma once
// One function per parametrization; src/model/parametrization.cpp lists them.
#include "flops_fit/model/parametrization.h"

namespace ff::model {

Parametrization make_u_mup(const cost::Architecture& arch, const ParametrizationOptions& options);
Parametrization make_sp(const cost::Architecture& arch, const ParametrizationOptions& options);

}  // namespace ff::model
