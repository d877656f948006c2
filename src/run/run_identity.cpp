// SPDX-License-Identifier: MIT
#include "run_identity.h"

#include "flops_fit/util/hash.h"

namespace ff::run {
namespace {

/// Of tokenised text the key says what was tokenised, and how; " content=<hash>" is there to notice
/// damage, and earlier versions did not write it.
std::string without_content_hash(std::string identity) {
  constexpr std::string_view kMark = " content=";
  if (const size_t begin = identity.find(kMark); begin != std::string::npos) {
    identity.erase(begin, identity.find(' ', begin + 1) - begin);
  }
  return identity;
}

}  // namespace

RunIdentity::RunIdentity(const train::TrainConfig& config, const std::string& data_identity)
    : config_(config),
      mode_(train::find_mode(config.mode)),
      common_(fnv1a(fmt::format("{}|{}|{}|{}",
                                kIdentityVersion,
                                config.mode,
                                without_content_hash(data_identity),
                                mode_.config_identity(config)))) {}

std::string RunIdentity::hash_of(const io::Experiment& experiment) const {
  return hash_text(fnv1a(io::json_text(mode_.trained(experiment, config_)), common_));
}

}  // namespace ff::run
