// SPDX-License-Identifier: MIT
#pragma once
// lr_transfer.json: what ff-analyze found in an lr_transfer sweep. Does the learning rate eta that
// is best for a narrow model serve a wide one? Losses in nats/token, x = log2(eta), so that one
// unit of x is an octave; "the grid" are the learning rates that any width was trained at.
#include "flops_fit/io/json.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ff::io {

/// The verdicts.
inline constexpr const char* kTransfers = "transfers";
inline constexpr const char* kDoesNotTransfer = "does not transfer";
inline constexpr const char* kUndecided = "undecided";

/// One learning rate at which all runs of a width completed.
struct LrPoint {
  double learning_rate = 0.0;
  double loss = 0.0;                  ///< mean over the seeds
  std::optional<double> loss_stderr;  ///< of that mean, over the seeds; none for one run
  int64_t runs = 0;
};

/// The runs of one width.
struct LrCurve {
  int64_t d_model = 0;
  int64_t model_size = 0;
  std::vector<LrPoint> points;   ///< ascending in learning_rate
  std::vector<double> diverged;  ///< learning rates at which a run diverged; ascending
  /// The learning rate of the lowest point and its loss; none if every learning rate diverged.
  std::optional<double> argmin_learning_rate, argmin_loss;
  std::string edge;  ///< "lowest" or "highest": the end of its learning rates that the argmin is at
  std::string status = "ok";  ///< or the reason why there is no vertex
  /// Of the parabola in x through the argmin and its two neighbours; only if status is "ok".
  std::optional<double> vertex_log2, vertex_loss;
  /// The loss at the narrowest width's argmin_learning_rate minus argmin_loss [nats]; none at that
  /// width itself, and where that run diverged or is missing.
  std::optional<double> regret;
  /// The same with the narrowest width's vertex in place of its argmin, and this width's loss
  /// between its points by parabolas: what a grid too coarse for the optimum does not blur. None if
  /// either width has no vertex, or that learning rate lies beyond this width's completed ones.
  std::optional<double> vertex_regret;
};

struct LrTransferProvenance {
  std::string program;  ///< "ff-analyze 0.1.0"
  std::string created;  ///< ISO 8601, UTC
  std::string results_path;
  int64_t runs_read = 0;
  int64_t runs_used = 0;
  Json made_by = nullptr;  ///< io::provenance()
};

struct LrTransfer {
  std::string verdict;               ///< one of the three above
  std::vector<std::string> reasons;  ///< for the verdict; sentences
  std::vector<LrCurve> curves;       ///< narrowest first; at least two
  int64_t argmin_spread_steps = 0;   ///< between the outermost argmins, in steps of the grid
  double argmin_spread_octaves = 0.0;
  /// Of the widest vertex minus the narrowest one [octaves]; none with fewer than two vertices.
  std::optional<double> vertex_drift;
  std::optional<double> vertex_slope;   ///< least squares over log2(width) [octaves per doubling]
  std::optional<double> regret;         ///< that of the widest width [nats]
  std::optional<double> vertex_regret;  ///< likewise; what the verdict goes by where there is one
  std::string regret_note;              ///< why there is none; empty if there is
  int64_t max_spread_steps = 0;         ///< the limits that the verdict applied
  double max_regret = 0.0;
  std::vector<std::string> warnings;
  LrTransferProvenance provenance;
};

/// Reads lr_transfer.json. Throws FileError for a missing, damaged or wrongly shaped file, naming
/// the field.
[[nodiscard]] LrTransfer read_lr_transfer(const std::filesystem::path& path);
void write_lr_transfer(const std::filesystem::path& path, const LrTransfer& transfer);

[[nodiscard]] Json to_json(const LrTransfer& transfer);
[[nodiscard]] LrTransfer lr_transfer_from_json(const Json& value, const std::string& where);

}  // namespace ff::io
