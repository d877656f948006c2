// SPDX-License-Identifier: MIT
#pragma once
// An external training service: asks it for one experiment's loss, over one request that is
// answered with it, or by submitting and polling. Nothing is lost and nothing is paid for twice:
// what was sent is on disk before it is waited for (api/submission.h), and what may have arrived is
// looked up before it is sent again.
#include "flops_fit/api/answer.h"
#include "flops_fit/api/config.h"
#include "flops_fit/api/secret.h"
#include "flops_fit/io/sweep.h"
#include "flops_fit/util/error.h"

#include <exception>
#include <filesystem>
#include <span>
#include <string>

namespace ff::api {

struct Task {
  io::Experiment experiment;
  std::string config_hash;
  std::filesystem::path run_dir;  ///< of api.json; must exist to ask for the loss
  bool resume = true;             ///< false: what api.json says is about to be deleted
};

/// Nothing else would fare better: the key is refused, or the service cannot be reached.
struct ServiceError : Error {
  using Error::Error;
};

/// A stop signal arrived; what is needed to go on is on disk.
struct Stopped : std::exception {
  const char* what() const noexcept override { return "stopped"; }
};

/// The loss, or why there is none: never kWaiting. Throws ServiceError and Stopped. The
/// configuration must have passed check_service().
[[nodiscard]] Answer ask_for_loss(const Task& task, const ApiSection& api, const Secret& key);

/// Asks for the service's budget, if it has such a call, and throws Error if the tasks that are not
/// yet submitted cost more than it has left. Throws ServiceError and Stopped, too.
void check_budget(std::span<const Task> tasks, const ApiSection& api, const Secret& key);

}  // namespace ff::api
