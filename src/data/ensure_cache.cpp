// SPDX-License-Identifier: MIT
// Runs ff-tokenize as a child process.
#include "datasets.h"

#include "flops_fit/data/token_file.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/foreign_program.h"
#include "flops_fit/util/long_work.h"
#include "flops_fit/util/progress.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/terminal.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace ff::data {
namespace {

namespace fs = std::filesystem;

fs::path sibling_program() {
  std::error_code failure;
  const fs::path self = fs::read_symlink("/proc/self/exe", failure);
  return (failure ? fs::path(".") : self.parent_path()) / "ff-tokenize";
}

/// The two ends of a pipe, closed at the end of the scope. Close-on-exec, so no child keeps them.
struct Pipe {
  std::array<int, 2> ends = {-1, -1};

  Pipe() {
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw error<ResourceError>("cannot make a pipe: {}.", std::strerror(errno));
    }
  }
  ~Pipe() {
    close(0);
    close(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close(size_t end) {
    if (ends[end] >= 0) {
      ::close(ends[end]);
      ends[end] = -1;
    }
  }
};

/// ff-tokenize at work. It does not outlive this object.
class Tokenizer {
 public:
  Tokenizer(const fs::path& program, const DatasetConfig& config, bool quiet) {
    std::vector<std::string> arguments = {program.string(),
                                          "--dataset-json",
                                          to_json(config),
                                          "--started-by",
                                          std::to_string(::getpid())};
    if (quiet) {
      arguments.emplace_back("--quiet");
    }
    const auto pointers_to = [](std::vector<std::string>& strings) {
      std::vector<char*> pointers;
      for (std::string& text : strings) {
        pointers.push_back(text.data());
      }
      pointers.push_back(nullptr);
      return pointers;
    };
    Environment environment = environment_without_secrets();
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    // stdout carries the data of the program that runs us, so the child's goes to stderr as well.
    ::posix_spawn_file_actions_adddup2(&actions, messages_.ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, messages_.ends[1], STDERR_FILENO);
    const int failure = ::posix_spawn(&pid_,
                                      program.c_str(),
                                      &actions,
                                      nullptr,
                                      pointers_to(arguments).data(),
                                      pointers_to(environment).data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) {
      pid_ = 0;
      throw_system_error(program, "run", failure);
    }
    messages_.close(1);
  }
  ~Tokenizer() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      static_cast<void>(wait());
    }
  }
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  /// Passes its stderr on to ours, line by line, until it ends; keeps back and returns the last
  /// line, which on failure becomes the error message. A stop signal that we get is passed on.
  std::string relay_lines(bool quiet) {
    Progress progress(!quiet);
    std::string pending, last;
    const auto take = [&](std::string line) {
      if (line.starts_with(kProgressWord)) {
        progress.show(printable_text(line.substr(kProgressWord.size())));
        return;
      }
      progress.clear();
      if (!last.empty()) {
        std::fprintf(stderr, "%s\n", last.c_str());
      }
      last = printable_text(line);
    };
    while (read_some(pending)) {
      for (size_t end = 0; (end = pending.find('\n')) != std::string::npos;) {
        take(pending.substr(0, end));
        pending.erase(0, end + 1);
      }
    }
    if (!pending.empty()) {
      take(pending);
    }
    return last;
  }

  /// Its exit status, as waitpid() gives it.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = 0;
    return status;
  }

 private:
  /// False once it has closed its end.
  bool read_some(std::string& text) {
    constexpr int kLookMs = 100;  // a signal may come just before poll() begins
    pollfd messages{.fd = messages_.ends[0], .events = POLLIN, .revents = 0};
    for (;;) {
      pass_on_stop();
      if (::poll(&messages, 1, kLookMs) <= 0) {
        continue;
      }
      std::array<char, 4096> buffer{};
      const ssize_t count = ::read(messages.fd, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) {
        continue;
      }
      text.append(buffer.data(), static_cast<size_t>(std::max<ssize_t>(0, count)));
      return count > 0;
    }
  }

  /// It keeps nothing and ends at once; if it does not, something holds it, and it is killed.
  void pass_on_stop() {
    using std::chrono::steady_clock;
    constexpr auto kPatience = std::chrono::seconds(5);
    const int signal = stop_signal();
    if (signal == 0 || killed_) {
      return;
    }
    if (!told_) {
      told_ = steady_clock::now();
      ::kill(pid_, SIGTERM);
    } else if (steady_clock::now() - *told_ > kPatience) {
      killed_ = true;
      ::kill(pid_, SIGKILL);
    }
  }

  Pipe messages_;
  pid_t pid_ = 0;
  std::optional<std::chrono::steady_clock::time_point> told_;
  bool killed_ = false;
};

[[noreturn]] void report_failure(int status, const std::string& last_line) {
  const std::string why = last_line.empty() ? "it gave no reason" : last_line;
  if (WIFSIGNALED(status)) {
    throw error<Error>("ff-tokenize was stopped by signal {} ({}): {}",
                       WTERMSIG(status),
                       ::strsignal(WTERMSIG(status)),
                       why);
  }
  const int code = WEXITSTATUS(status);
  const std::string message = fmt::format("ff-tokenize failed with exit code {}: {}", code, why);
  switch (static_cast<ExitCode>(code)) {
    case ExitCode::kUsage:
      throw ConfigError(message);
    case ExitCode::kBadInput:
      throw FileError(message);
    case ExitCode::kTooLittleData:
      throw TooLittleDataError(message);
    default:
      throw Error(message);
  }
}

}  // namespace

std::optional<TokenizeJob> ensure_token_cache(const DatasetConfig& config,
                                              const fs::path& program) {
  std::optional<TokenizeJob> job = tokenize_job(config);
  if (!job || !cache_problem(*job)) {
    return job;
  }
  const fs::path tokenizer = program.empty() ? sibling_program() : program;
  if (::access(tokenizer.c_str(), X_OK) != 0) {
    throw error<Error>(
        "{}: cannot run: {}. It makes the token file of the corpus; build the target ff-tokenize, "
        "or "
        "use the built-in corpus (dataset.path= dataset.tokenizer=word).",
        tokenizer.string(),
        std::strerror(errno));
  }
  const bool quiet = !spdlog::should_log(spdlog::level::info);
  Tokenizer child(tokenizer, config, quiet);
  const std::string last_line = child.relay_lines(quiet);
  const int status = child.wait();
  if (const int signal = stop_signal(); signal != 0) {
    throw StoppedError(signal);
  }
  if (status != 0) {
    report_failure(status, last_line);
  }
  if (!quiet && !last_line.empty()) {
    std::fprintf(stderr, "%s\n", last_line.c_str());
  }
  if (const auto still = cache_problem(*job)) {
    throw error<Error>("ff-tokenize ended well, but: {}", *still);
  }
  return job;
}

std::unique_ptr<Dataset> prepare_dataset(const DatasetConfig& config, const fs::path& program) {
  if (const std::optional<TokenizeJob> job = ensure_token_cache(config, program)) {
    auto file = open_token_file(config, job->key);
    file->note();
    return open_cached(config, std::move(file));
  }
  return tokenizer_kind(config) == TokenizerKind::kPretokenized ? note_shards(config)
                                                                : open_word_stories(config);
}

}  // namespace ff::data
