// SPDX-License-Identifier: MIT
#pragma once
// The parabola of one budget as a curve.
#include "flops_fit/io/laws.h"
#include "flops_fit/plot/figure.h"

namespace ff::plot {

/// True if the budget has coefficients and a vertex.
[[nodiscard]] bool has_parabola(const io::Isoflop& budget);

/// c0 + c1 x + c2 x^2 with x = ln N.
[[nodiscard]] double parabola_at(const io::Isoflop& budget, double model_size);

/// The parabola sampled over the sizes it was fitted to. scaling_laws.json does not name those
/// runs, but they can be found again: they are the widest run of neighbouring sizes whose
/// least-squares parabola is the recorded one. Where none is (another kind of fit), it is drawn
/// over all sizes, as far as it stays below the highest loss. Widened to its vertex. The budget
/// must have a parabola.
[[nodiscard]] Series parabola_curve(const io::Isoflop& budget);

}  // namespace ff::plot
