// SPDX-License-Identifier: MIT
#pragma once
// sweep.json: the plan, an array of experiments. The first five fields are the Python tool's, whose
// files are read as they are; the rest is null or absent there.
#include "flops_fit/cost/transformer.h"
#include "flops_fit/io/json.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ff::io {

/// The kinds of sweep: sweep.kind of ff-plan, "sweep_kind" in sweep.json and results.json.
inline constexpr const char* kIsoflopSweep = "isoflop";
inline constexpr const char* kLrTransferSweep = "lr_transfer";

struct Experiment {
  std::string experiment_id;
  std::string sweep_kind = kIsoflopSweep;  ///< written only if it is another
  /// The IsoFLOP budget C it belongs to; in an lr_transfer sweep what the run itself spends [FLOP].
  double compute_budget = 0.0;
  int64_t model_size = 0;  ///< N under the plan's counting rule (model.count)
  int64_t num_tokens = 0;  ///< D, training tokens
  double tokens_per_param = 0.0;

  std::optional<cost::Architecture> architecture;  ///< none: an abstract size, for mode=mock
  std::optional<cost::ParamCounts> params;
  double flops_per_token = 0.0;
  double planned_flops = 0.0;  ///< flops_per_token * num_tokens
  int64_t batch_size = 0;      ///< sequences per step
  int64_t num_steps = 0;
  int64_t warmup_steps = 0;
  double learning_rate = 0.0;  ///< eta, before the parametrization's per-tensor factors
  int64_t seed = 0;
  double predicted_seconds = 0.0;

  /// True if the experiment says all that is needed to train it for real.
  [[nodiscard]] bool trainable() const { return architecture.has_value() && num_steps > 0; }
};

[[nodiscard]] std::vector<Experiment> read_sweep(const std::filesystem::path& path);
void write_sweep(const std::filesystem::path& path, const std::vector<Experiment>& sweep);

[[nodiscard]] Json to_json(const Experiment& experiment);
[[nodiscard]] Experiment experiment_from_json(const Json& value, const std::string& where);
/// "sweep_kind" of an experiment or result; absent means an IsoFLOP sweep. Throws FileError for a
/// kind that is not known.
[[nodiscard]] std::string sweep_kind_from_json(const ObjectReader& object);
[[nodiscard]] Json to_json(const cost::Architecture& arch);
[[nodiscard]] cost::Architecture architecture_from_json(const ObjectReader& object);
[[nodiscard]] Json to_json(const cost::ParamCounts& counts);
[[nodiscard]] cost::ParamCounts param_counts_from_json(const ObjectReader& object);

}  // namespace ff::io
