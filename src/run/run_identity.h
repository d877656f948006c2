// SPDX-License-Identifier: MIT
#pragma once
// What a run is: everything that decides its loss, as a hash. Two experiments of one hash are the
// same training, whatever they are called and wherever they stand in a plan.
#include "flops_fit/io/sweep.h"
#include "flops_fit/train/config.h"
#include "flops_fit/train/run_one.h"

#include <cstdint>
#include <string>

namespace ff::run {

class RunIdentity {
 public:
  /// `config` must outlive it. `data_identity`: Mode::data_identity().
  RunIdentity(const train::TrainConfig& config, const std::string& data_identity);

  /// The config_hash of an experiment: 16 hexadecimal digits.
  [[nodiscard]] std::string hash_of(const io::Experiment& experiment) const;

 private:
  const train::TrainConfig& config_;
  const train::Mode& mode_;
  uint64_t common_;  ///< of what all experiments share
};

/// Raise this when the same run would get another hash; older run folders are then recognised by
/// what they record of themselves.
inline constexpr int64_t kIdentityVersion = 2;

}  // namespace ff::run
