// SPDX-License-Identifier: MIT
#pragma once
// A realistic study for the plot tests: losses of real runs on the built-in corpus, their
// parabolas, the power laws through the vertices, and a prediction one decade beyond.
#include "flops_fit/plot/figures.h"

namespace ff::test {

/// Four budgets, 1e11 to 3e12 FLOP, with five to seven sizes each, and a fifth (3e10) without a
/// vertex. Every optional part is filled in.
plot::FigureInputs sample_study();

/// The same runs as results.json holds them.
std::vector<io::RunResult> sample_results();

/// A smooth made-up training history for one run.
plot::RunHistory sample_history(const io::RunResult& run, int lines);

}  // namespace ff::test
