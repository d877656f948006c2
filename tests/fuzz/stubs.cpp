// SPDX-License-Identifier: MIT
// What the readers refer to and the fuzz build leaves out (see the top CMakeLists.txt): the fits
// and the engine. Nothing that a target does needs their answers.
#include "flops_fit/analysis/fits/registry.h"
#include "flops_fit/engine/engine.h"

#include <cstdlib>

const ff::analysis::EstimatorEntry* ff::analysis::find_estimator(std::string_view) {
  return nullptr;
}

std::unique_ptr<ff::engine::Engine> ff::engine::make_fused_engine(const model::Parametrization&,
                                                                  const EngineOptions&,
                                                                  std::vector<float>) {
  std::abort();
}
