// SPDX-License-Identifier: MIT
#pragma once
// results.json: what was trained. The first ten fields are the Python tool's, whose files are read
// as they are; the rest may be absent. Each run's truth is runs/<id>/result.json, the same object.
#include "flops_fit/cost/transformer.h"
#include "flops_fit/io/json.h"
#include "flops_fit/io/sweep.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ff::io {

// RunResult::status. Only a completed run has a loss, and only such are fitted.
inline constexpr const char* kCompleted = "completed";
inline constexpr const char* kFailed = "failed";      ///< the next call tries again
inline constexpr const char* kDiverged = "diverged";  ///< would diverge again: it is an answer

struct RunResult {
  std::string experiment_id;
  std::string sweep_kind = kIsoflopSweep;  ///< written only if it is another
  /// The IsoFLOP budget it belongs to; in an lr_transfer sweep what the run itself spends [FLOP].
  double compute_budget = 0.0;
  int64_t model_size = 0;            ///< N
  int64_t num_tokens = 0;            ///< D
  std::optional<double> final_loss;  ///< held-out loss [nats/token]; none unless completed
  double actual_flops = 0.0;         ///< exact training FLOPs spent
  double wall_time_s = 0.0;          ///< key wall_time_seconds
  std::string timestamp;             ///< ISO 8601, UTC
  std::string status;                ///< kCompleted, kFailed, kDiverged; others from elsewhere
  std::string error_message;         ///< empty = null

  std::optional<double> predicted_s;  ///< the plan's, key predicted_seconds; on one core
  std::optional<double> core_s;       ///< key core_seconds; more than wall time where cores helped
  std::optional<double> loss_stderr;  ///< standard error of final_loss over held-out rows
  std::optional<double> floor_nats;   ///< the corpus's known entropy on the held-out set
  std::optional<double> train_loss;   ///< mean over the last tenth of the steps
  std::optional<double> bits_per_byte;
  std::optional<double> tokens_per_second;
  std::optional<double> mfu;  ///< share of the peak of the cores it had; none where it is unknown
  std::optional<cost::ParamCounts> params;
  std::optional<cost::Architecture> architecture;
  std::optional<int64_t> seed;
  std::optional<double> learning_rate;          ///< peak eta, before the per-tensor factors
  std::vector<double> diverged_learning_rates;  ///< tried before, written if there are any
  std::string data;         ///< which corpus, split and tokenizer; empty where unknown
  std::string host;         ///< that trained it; empty where unknown
  std::string dtype;        ///< "float32", ...; empty where unknown
  std::string device;       ///< "cpu", "cuda:0", "mock"
  std::string engine;       ///< "eager", "fused"; empty where unknown
  std::string config_hash;  ///< of everything that can change the loss
  std::string version;      ///< of flops-fit
  std::string git_commit;   ///< of flops-fit; empty where unknown

  [[nodiscard]] bool completed() const { return status == kCompleted && final_loss.has_value(); }
};

/// Reads results.json. Throws FileError for a missing, damaged or wrongly shaped file.
[[nodiscard]] std::vector<RunResult> read_results(const std::filesystem::path& path);
void write_results(const std::filesystem::path& path, const std::vector<RunResult>& results);

/// The kind of sweep that all of them are of; an IsoFLOP sweep if there are none. Throws FileError,
/// with `where` as the file's name, if the kinds are mixed.
[[nodiscard]] std::string common_sweep_kind(std::span<const RunResult> results,
                                            const std::string& where);

[[nodiscard]] Json to_json(const RunResult& result);
[[nodiscard]] RunResult result_from_json(const Json& value, const std::string& where);

}  // namespace ff::io
