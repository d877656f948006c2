// SPDX-License-Identifier: MIT
#pragma once
// The two public training services (Stanford CS336, assignment 3) as far as their wire formats are
// known: every parameter is checked as strictly as they do, and the losses are of a planted law.
#include "flops_fit/io/json.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ff::test {

struct Asked {
  std::string method;
  std::string path;
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::string target;  ///< path and query as they were sent
};

struct Reply {
  int status = 200;
  std::string body;
};

/// Called under the service's lock.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual Reply serve(const Asked& asked) = 0;
};

/// L = 1.69 + 406.4 N^-0.34 + 410.7 D^-0.28 (Hoffmann et al. 2022).
[[nodiscard]] double planted_loss(double n, double d);

/// 2024/25: GET /loss answers with the loss. N = 12 L d^2, D = C / 6N.
class Service2024 : public Backend {
 public:
  explicit Service2024(std::string key) : key_(std::move(key)) {}
  Reply serve(const Asked& asked) override;

  double budget_flops = 2e18;
  std::atomic<double> used_flops = 0.0;

 private:
  Reply loss(const Asked& asked);
  std::string key_;
  std::map<std::string, io::Json> runs_;
};

/// 2026: POST /submit, then GET /experiment/{id} until it is completed.
class Service2026 : public Backend {
 public:
  explicit Service2026(std::string key) : key_(std::move(key)) {}
  Reply serve(const Asked& asked) override;

  /// Polls until a run is completed: queued, then running.
  std::atomic<int> polls = 2;
  /// While true no run gets further than "running".
  std::atomic<bool> hold = false;
  /// Runs that end as failed with this reason, if not empty.
  std::string fail_with;
  std::atomic<double> remaining_s = 1e6;

 private:
  struct Experiment {
    io::Json config;
    int asked = 0;
    bool failed = false;
  };
  Reply submit(const Asked& asked);
  io::Json shown(const std::string& id, const Experiment& experiment) const;
  io::Json budget() const;

  std::string key_;
  std::vector<Experiment> experiments_;  ///< id "run-<index>"
};

}  // namespace ff::test
