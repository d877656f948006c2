// SPDX-License-Identifier: MIT
// Runs ff-tokenize as a child process.
#include "flops_fit/data/tokenize.h"
#include "flops_fit/util/error.h"

#include <spdlog/spdlog.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

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
      throw error<Error>("cannot make a pipe: {}.", std::strerror(errno));
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

/// Passes a child's stderr on to ours, line by line, until it ends; keeps back and returns the last
/// line, which on failure becomes the error message.
std::string relay_lines(int fd) {
  std::string pending, last;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      break;
    }
    pending.append(buffer.data(), static_cast<size_t>(count));
    for (size_t end = 0; (end = pending.find('\n')) != std::string::npos;) {
      if (!last.empty()) {
        std::fprintf(stderr, "%s\n", last.c_str());
      }
      last = pending.substr(0, end);
      pending.erase(0, end + 1);
    }
  }
  if (!pending.empty()) {
    if (!last.empty()) {
      std::fprintf(stderr, "%s\n", last.c_str());
    }
    last = pending;
  }
  return last;
}

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

void ensure_token_cache(const DatasetConfig& config, const fs::path& program) {
  const std::optional<TokenizeJob> job = tokenize_job(config);
  const auto problem = job ? cache_problem(*job) : std::nullopt;
  if (!problem) {
    return;
  }
  if (fs::exists(job->tokens_path)) {
    spdlog::warn("{} It is made again.", *problem);
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
  std::string name = tokenizer.string();
  std::string option = "--dataset-json";
  std::string json = to_json(config);
  std::array<char*, 4> arguments = {name.data(), option.data(), json.data(), nullptr};

  Pipe messages;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  // stdout carries the data of the program that runs us, so the child's goes to stderr as well.
  ::posix_spawn_file_actions_adddup2(&actions, messages.ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, messages.ends[1], STDERR_FILENO);
  pid_t child = 0;
  const int failure =
      ::posix_spawn(&child, tokenizer.c_str(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    throw error<Error>("{}: cannot run: {}.", tokenizer.string(), std::strerror(failure));
  }
  messages.close(1);
  const std::string last_line = relay_lines(messages.ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) {
    report_failure(status, last_line);
  }
  if (!last_line.empty()) {
    std::fprintf(stderr, "%s\n", last_line.c_str());
  }
  if (const auto still = cache_problem(*job)) {
    throw error<Error>("ff-tokenize ended well, but: {}", *still);
  }
}

}  // namespace ff::data
