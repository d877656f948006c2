// SPDX-License-Identifier: MIT
#include "multirun.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/terminal.h"

#include <fmt/chrono.h>
#include <fmt/ranges.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <set>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

extern char** environ;

namespace ff::cli {
namespace {

namespace fs = std::filesystem;

// The handler may only touch these.
std::atomic<pid_t> child_pid{0};
std::atomic<int> received{0};
static_assert(std::atomic<pid_t>::is_always_lock_free, "what a signal handler may touch");

/// What is sent to this process alone is handed on. What a terminal sends to both reaches the job
/// twice at once, which counts as once there.
void on_signal(int signal) {
  received = signal;
  if (child_pid > 0) {
    ::kill(child_pid, signal);
  }
}

/// While jobs run, signals stop the job, which saves; this process waits for it.
class SignalsToChild {
 public:
  SignalsToChild() {
    received = 0;
    struct sigaction action {};
    action.sa_handler = on_signal;
    for (size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], nullptr, &old_[i]);
      if (kSignals[i] != SIGHUP || old_[i].sa_handler != SIG_IGN) {  // nohup
        ::sigaction(kSignals[i], &action, nullptr);
      }
    }
  }
  ~SignalsToChild() {
    for (size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &old_[i], nullptr);
    }
  }
  SignalsToChild(const SignalsToChild&) = delete;
  SignalsToChild& operator=(const SignalsToChild&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> old_{};
};

/// How a job knows which process it ends with.
constexpr const char* kParentVariable = "FLOPS_FIT_MULTIRUN_PID";

/// 0 if a signal came before; one that comes later finds the job's id.
pid_t start_child(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  std::string parent = fmt::format("{}={}", kParentVariable, ::getpid());
  std::vector<char*> environment = {parent.data()};
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.push_back(*variable);
  }
  environment.push_back(nullptr);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  int failure = 0;
  {
    const HeldSignals held;
    if (received == 0) {
      failure = ::posix_spawn(
          &pid, "/proc/self/exe", nullptr, &attributes, argv.data(), environment.data());
      child_pid = failure == 0 ? pid : 0;
    }
  }
  ::posix_spawnattr_destroy(&attributes);
  if (failure != 0) {
    throw_system_error("--multirun", "start a job", failure);
  }
  return pid;
}

int wait_for_child(pid_t pid) {
  // As long as it was not asked for, its id is nobody else's.
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0) {
    if (errno != EINTR) {
      throw_system_error("--multirun", "wait for a job", errno);
    }
  }
  child_pid = 0;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// How bad an exit code is: nothing, partial success, too little data, bad input, bad usage,
/// failure.
int severity(int code) {
  static constexpr std::array<int, 6> kOrder = {0, 4, 5, 3, 2, 1};
  for (size_t i = 0; i < kOrder.size(); ++i) {
    if (kOrder[i] == code) {
      return static_cast<int>(i);
    }
  }
  return code;  // signals
}

/// The folders that jobs run in, each once.
std::set<std::string> run_dirs(const std::vector<Job>& jobs) {
  std::set<std::string> folders;
  for (const Job& job : jobs) {
    folders.insert(job.run_dir);
  }
  return folders;
}

/// Whether it was not there before.
bool make_new_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder.parent_path(), failure);
  if (failure) {
    throw_system_error(folder.parent_path(), "create the folder", failure.value());
  }
  if (::mkdir(folder.c_str(), 0777) == 0) {
    return true;
  }
  if (errno != EEXIST) {
    throw_system_error(folder, "create the folder", errno);
  }
  return false;
}

}  // namespace

void end_with_multirun() {
  const char* parent = std::getenv(kParentVariable);
  if (parent == nullptr) {
    return;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  const bool orphaned = std::to_string(::getppid()) != parent;  // before we asked
  ::unsetenv(kParentVariable);
  if (orphaned) {
    throw error<Error>("the multirun that started this job has ended.");
  }
}

void JobOutputs::add(size_t job,
                     const std::string& run_dir,
                     const std::string& key,
                     const std::string& path) {
  std::error_code failure;
  const fs::path full = fs::absolute(fs::path(run_dir) / path, failure);
  fs::path place = fs::weakly_canonical(full, failure);
  place = failure ? full.lexically_normal() : place;
  const auto [found, is_new] = job_of_.emplace(place, job);
  if (!is_new && found->second != job) {
    const std::string& advised = chosen_.empty() ? key : chosen_;
    throw error<ConfigError>(
        "--multirun: the jobs #{} and #{} would both write {} ({}), the second over the first. "
        "Leave "
        "{} out, and each job gets a folder of its own, or name in it what is swept, as in "
        "{}='.../${{{}}}'.",
        found->second,
        job,
        path,
        key,
        advised,
        advised,
        swept_);
  }
}

std::string make_multirun_folder(const std::vector<Job>& jobs) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  const std::string first = fmt::format("multirun/{:%Y-%m-%d/%H-%M-%S}", local);
  const std::set<std::string> folders = run_dirs(jobs);
  for (int number = 1;; ++number) {
    const std::string name = number == 1 ? first : fmt::format("{}-{}", first, number);
    std::vector<fs::path> made;
    for (const std::string& folder : folders) {
      if (make_new_folder(fs::path(folder) / name)) {
        made.push_back(fs::path(folder) / name);
      }
    }
    if (made.size() == folders.size()) {
      return name;
    }
    for (const fs::path& folder : made) {
      ::rmdir(folder.c_str());
    }
  }
}

void remove_empty_multirun_folder(const std::vector<Job>& jobs, const std::string& name) {
  for (const std::string& folder : run_dirs(jobs)) {
    fs::path path = fs::path(folder) / name;
    // A folder that is not empty stays, and with it those it is in.
    for (int level = 0; level < 3 && ::rmdir(path.c_str()) == 0; ++level) {
      path = path.parent_path();
    }
  }
}

int run_jobs(const std::vector<std::string>& flags, const std::vector<Job>& jobs) {
  std::array<char, 4096> self{};
  const auto length = ::readlink("/proc/self/exe", self.data(), self.size() - 1);
  const std::string executable(self.data(), length > 0 ? static_cast<size_t>(length) : 0);

  const SignalsToChild guard;
  int worst = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    const std::vector<std::string>& overrides = jobs[i].overrides;
    write_to_stderr(printable_text(fmt::format("#{} : {}", i, fmt::join(overrides, " "))) + "\n");
    std::vector<std::string> arguments = {executable};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    arguments.insert(arguments.end(), overrides.begin(), overrides.end());
    if (!jobs[i].output.empty()) {
      arguments.push_back(jobs[i].output);
    }
    const pid_t child = start_child(std::move(arguments));
    const int code = child > 0 ? wait_for_child(child) : 0;
    worst = severity(code) > severity(worst) ? code : worst;
    if (received != 0 || code >= 128) {
      return received != 0 ? 128 + received : code;
    }
  }
  return worst;
}

}  // namespace ff::cli
