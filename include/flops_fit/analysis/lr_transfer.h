// SPDX-License-Identifier: MIT
#pragma once
// From the results of an lr_transfer sweep to a verdict: does the learning rate that is best for
// the narrowest width serve the widest?
//
// Per width: the loss at each learning rate eta (mean over seeds), the lowest of them (the argmin),
// and the vertex of the parabola in log2(eta) through it and its two neighbours. A learning rate at
// which a run diverged is infinitely bad: no point, but the argmin beside it is not on the edge.
// Over widths: how far the argmins and the vertices move, and the regret: what the narrowest
// width's vertex (where there is one, else its argmin) costs a wider one, in nats.
#include "flops_fit/io/lr_transfer.h"
#include "flops_fit/io/results.h"

#include <cstdint>
#include <span>
#include <string>

namespace ff::analysis {

/// Limits of the verdict "transfers": those of the learning-rate test (S3) of the u-muP
/// specification. Measured there on octave steps and widths 32 to 256: u-muP spreads over one step
/// and regrets 0.000 nats; the standard parametrization drifts by 3 octaves and regrets 0.175.
inline constexpr int64_t kMaxArgminSpreadSteps = 1;
inline constexpr double kMaxTransferRegret = 0.01;

/// Pure (provenance.created and results_path are left empty). A run that failed without spending
/// FLOPs died of something else than its learning rate, and counts as not trained. Throws
/// TooLittleDataError with fewer than two widths that completed three learning rates.
[[nodiscard]] io::LrTransfer analyze_lr_transfer(std::span<const io::RunResult> results);

/// Tables: each width's losses, minima and regret; the verdict with its reasons; warnings.
[[nodiscard]] std::string report(const io::LrTransfer& transfer);
/// The same as Markdown.
[[nodiscard]] std::string markdown_report(const io::LrTransfer& transfer);

/// A few lines: the verdict, its reasons and the best learning rates.
[[nodiscard]] std::string summary(const io::LrTransfer& transfer);

}  // namespace ff::analysis
