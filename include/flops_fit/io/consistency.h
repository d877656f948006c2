// SPDX-License-Identifier: MIT
#pragma once
// Whether the numbers of one experiment, or of one result, fit each other. An architecture says
// how many parameters a model has and what a token costs; the batch, the steps and the rows say how
// many tokens there are. A plan or result that says otherwise would put a run where it does not
// belong in the laws, so it is refused where it is read.
#include "flops_fit/io/results.h"
#include "flops_fit/io/sweep.h"

#include <string>

namespace ff::io {

/// Far beyond any run, and no product of such numbers leaves a double.
inline constexpr double kMaxRunFlops = 1e45;
inline constexpr double kMaxLearningRate = 1e30;

/// Throws FileError, with `where` as the experiment's place, naming the field that does not fit,
/// what was expected and what was found. What a plan leaves out (an abstract size has no
/// architecture) is not missed.
void check_consistent(const Experiment& experiment, const std::string& where);

/// Likewise for a result that says which version of flops-fit it is of; what others call
/// "architecture" or "params" need not be counted as here.
void check_consistent(const RunResult& result, const std::string& where);

}  // namespace ff::io
