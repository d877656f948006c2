// SPDX-License-Identifier: MIT
#include "run_identity.h"

#include "flops_fit/util/hash.h"

namespace ff::run {

RunIdentity::RunIdentity(const train::TrainConfig& config, const std::string& data_identity)
    : config_(config),
      mode_(train::find_mode(config.mode)),
      common_(fnv1a(fmt::format("{}|{}|{}|{}",
                                kIdentityVersion,
                                config.mode,
                                data_identity,
                                mode_.config_identity(config)))) {}

std::string RunIdentity::hash_of(const io::Experiment& experiment) const {
  return hash_text(fnv1a(io::json_text(mode_.trained(experiment, config_)), common_));
}

}  // namespace ff::run
