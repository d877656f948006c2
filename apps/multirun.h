// SPDX-License-Identifier: MIT
#pragma once
// The jobs of --multirun, one after the other, each a process of its own: what one job leaks or
// crashes on stays with it. No job writes where another one did.
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ff::cli {

struct Job {
  std::vector<std::string> overrides;
  std::string run_dir = ".";  ///< hydra.run.dir: what it writes goes below
  std::string output = {};    ///< one more override, for a folder of its own
};

/// What the jobs are going to write, to be told before the first one starts.
class JobOutputs {
 public:
  /// For the advice: a key that the jobs differ in, and the one that the user chose the place with
  /// (empty: the one that add() is called with).
  JobOutputs(std::string swept, std::string chosen)
      : swept_(std::move(swept)), chosen_(std::move(chosen)) {}

  /// Throws ConfigError if an earlier job writes to the same path.
  void add(size_t job, const std::string& run_dir, const std::string& key, const std::string& path);

 private:
  std::string swept_;
  std::string chosen_;
  std::map<std::filesystem::path, size_t> job_of_;
};

/// Makes "multirun/<date>/<time>" below the folder of every job and returns that name; "-2" and so
/// on follows where another multirun of the same second has it.
[[nodiscard]] std::string make_multirun_folder(const std::vector<Job>& jobs);
/// Removes what the jobs left empty of it.
void remove_empty_multirun_folder(const std::vector<Job>& jobs, const std::string& name);

/// In a job: it gets SIGTERM when its multirun ends, however that ends. Throws Error if it has
/// ended already. Elsewhere it does nothing.
void end_with_multirun();

/// Runs every job as a child process and returns the worst exit code. `flags` go to each. After a
/// stop signal, which the running job gets as well, no further job is started.
[[nodiscard]] int run_jobs(const std::vector<std::string>& flags, const std::vector<Job>& jobs);

}  // namespace ff::cli
