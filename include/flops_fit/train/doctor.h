// SPDX-License-Identifier: MIT
#pragma once
// ff-train --doctor: what this machine is, what it can do, what serves LibTorch, how fast the model
// model.* would train, and what stands in the way, each with its cure. Needs no sweep; takes about
// three seconds. Warnings are findings, not failures: the program's exit code stays 0.
#include "flops_fit/cost/transformer.h"
#include "flops_fit/io/json.h"
#include "flops_fit/train/blas.h"
#include "flops_fit/train/config.h"
#include "flops_fit/util/machine.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ff::train {

struct DoctorFacts {
  Machine machine;
  std::optional<BusyCores> busy;  ///< before anything was measured
  std::string vectors;            ///< instructions that the fused engine uses
  double peak_one_flops_per_s = 0.0;
  double peak_each_flops_per_s = 0.0;  ///< of one core while all work
  double bandwidth_one_bytes_per_s = 0.0;
  double bandwidth_all_bytes_per_s = 0.0;

  std::string torch_version;
  bool cuda = false;
  bool nvidia_device = false;  ///< /dev/nvidia0 is there
  Blas blas;
  double blas_flops_per_s = 0.0;  ///< one thread

  std::string parametrization;
  cost::Architecture architecture;
  int64_t batch_rows = 0;
  std::string device;
  std::string engine;                    ///< that would train the model
  std::optional<std::string> not_fused;  ///< why the fused engine would not
  double tokens_per_s = 0.0;             ///< training, one core while all work (or the GPU)

  [[nodiscard]] double model_flops_per_s() const {
    return tokens_per_s * cost::train_flops_per_token(architecture);
  }
};

/// Something that costs speed, and what to do about it.
struct Finding {
  bool warning = true;  ///< false: good to know
  std::string what;
  std::string cure;
};

/// Environment variables that a worker of a sweep has, and this process lacks or has otherwise: one
/// thread, and OpenBLAS told what CPU this is. Libraries read them when they are loaded, so the
/// doctor starts this program again with them, once.
void enter_worker_environment();

/// Measures. Throws ConfigError for a model that cannot be.
[[nodiscard]] DoctorFacts examine(const TrainConfig& config);

/// Worst first. Pure.
[[nodiscard]] std::vector<Finding> findings(const DoctorFacts& facts);

[[nodiscard]] std::string doctor_text(const DoctorFacts& facts);
[[nodiscard]] io::Json doctor_json(const DoctorFacts& facts);

}  // namespace ff::train
