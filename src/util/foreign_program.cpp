// SPDX-License-Identifier: MIT
#include "flops_fit/util/foreign_program.h"

#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace ff {
namespace {

using Clock = std::chrono::steady_clock;

/// Of a program's stderr: its complaint is in there, and what comes after is not kept.
constexpr size_t kMostErrorBytes = size_t{1} << 16;

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {
    if (fd < 0) {
      throw error<ResourceError>("cannot open a pipe: {}.", std::strerror(errno));
    }
  }
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  void close() {
    if (fd_ >= 0) {
      ::close(fd_);
      fd_ = -1;
    }
  }

 private:
  int fd_ = -1;
};

/// A file in memory with this content, to be read from its start: unlike a pipe it needs nobody to
/// go on writing while the other side does not read.
Descriptor file_of(const std::string& content) {
  Descriptor file(::memfd_create("input", MFD_CLOEXEC));
  for (size_t done = 0; done < content.size();) {
    const ssize_t count = ::write(file.get(), content.data() + done, content.size() - done);
    if (count < 0 && errno != EINTR) {
      throw error<ResourceError>(
          "cannot keep {} bytes of input in memory: {}.", content.size(), std::strerror(errno));
    }
    done += count > 0 ? static_cast<size_t>(count) : 0;
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

/// What a program writes to one of its descriptors.
struct Stream {
  Descriptor ours, its;
  std::string text;

  void open() {
    std::array<int, 2> ends{-1, -1};
    static_cast<void>(::pipe2(ends.data(), O_CLOEXEC));
    ours = Descriptor(ends[0]);
    its = Descriptor(ends[1]);
  }
  /// Takes what is there, up to `most` bytes in all; beyond them it is thrown away.
  void read_some(size_t most) {
    std::array<char, 65536> buffer{};
    const ssize_t count = ::read(ours.get(), buffer.data(), buffer.size());
    if (count > 0) {
      text.append(buffer.data(), std::min(static_cast<size_t>(count), most - text.size()));
    } else if (count == 0 || errno != EINTR) {
      ours.close();
    }
  }
};

/// What posix_spawn takes, released at the end of the scope.
class SpawnPlan {
 public:
  SpawnPlan() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  void connect(int from, int to) { ::posix_spawn_file_actions_adddup2(&actions_, from, to); }
  void open_null(int fd, int flags) {
    ::posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", flags, 0);
  }
  void enter(const std::filesystem::path& folder) {
    ::posix_spawn_file_actions_addchdir_np(&actions_, folder.c_str());
  }
  /// The process, or a negative errno.
  [[nodiscard]] pid_t start(const std::vector<std::string>& command,
                            const Environment& environment) const {
    pid_t pid = 0;
    const int failure = ::posix_spawnp(&pid,
                                       command.front().c_str(),
                                       &actions_,
                                       &attributes_,
                                       pointers(command).data(),
                                       pointers(environment).data());
    return failure == 0 ? pid : -failure;
  }

 private:
  static std::vector<char*> pointers(const std::vector<std::string>& list) {
    std::vector<char*> out;
    for (const std::string& text : list) {
      out.push_back(const_cast<char*>(text.c_str()));
    }
    out.push_back(nullptr);
    return out;
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

/// A forked process that joins the leader's group and kills all of it when `parent` ends: no
/// handler of ours runs at SIGKILL. It calls only what signal-safety(7) lists, and system calls.
[[noreturn]] void keep(pid_t leader, pid_t parent) {
  const int parents_end = SIGRTMAX;  // SIGTERM is what a script ends its own group with
  sigset_t all, awaited;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::sigemptyset(&awaited);
  ::sigaddset(&awaited, parents_end);
  ::close_range(0, ~0U, 0);           // nobody is to wait for it to close a pipe
  ::prctl(PR_SET_NAME, "ff-keeper");  // killall of our name leaves it
  ::prctl(PR_SET_PDEATHSIG, parents_end);
  if (::setpgid(0, leader) == 0) {
    int signal = 0;
    if (::getppid() == parent) {  // else it ended before we asked
      ::sigwait(&awaited, &signal);
    }
    ::kill(0, SIGKILL);
  }
  ::_exit(0);
}

int status_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

/// The leader of a process group, killed with the whole of it at the end of the scope, or when this
/// process ends, whatever ends it.
class Leader {
 public:
  Leader(const SpawnPlan& plan, const ForeignProgram& program) {
    const HeldSignals held;
    pid_ = plan.start(program.command, program.environment);
    if (pid_ <= 0) {
      return;
    }
    kill_on_stop(pid_);
    const pid_t parent = ::getpid();
    keeper_ = ::fork();  // if there is no room for one more process, it goes without
    if (keeper_ == 0) {
      keep(pid_, parent);
    }
  }
  ~Leader() {
    if (pid_ > 0 && !collected_) {
      static_cast<void>(collect());
    }
  }
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;

  /// 0, or the errno that says why it was not started.
  [[nodiscard]] int failure() const { return pid_ > 0 ? 0 : -pid_; }
  /// Its exit code, or 128 + the signal.
  [[nodiscard]] int collect() {
    // Before the leader is collected: its number can be nobody else's until then.
    ::kill(-pid_, SIGKILL);
    if (keeper_ > 0) {
      ::kill(keeper_, SIGKILL);  // which may not have joined yet
      static_cast<void>(status_of(keeper_));
    }
    const int status = status_of(pid_);
    forget_child(pid_);
    collected_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  [[nodiscard]] bool has_ended() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
  }

 private:
  pid_t pid_ = 0;
  pid_t keeper_ = 0;
  bool collected_ = false;
};

bool is_in(std::span<const std::string> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool names_a_secret(std::string_view variable) {
  constexpr auto kWords = std::to_array<std::string_view>({"KEY",
                                                           "KEYS",
                                                           "APIKEY",
                                                           "TOKEN",
                                                           "TOKENS",
                                                           "SECRET",
                                                           "SECRETS",
                                                           "PASS",
                                                           "PASSWD",
                                                           "PASSWORD",
                                                           "PWD",
                                                           "PASSPHRASE",
                                                           "CREDENTIAL",
                                                           "CREDENTIALS",
                                                           "CREDS",
                                                           "AUTH",
                                                           "PAT"});
  if (variable == "PWD" || variable == "OLDPWD") {
    return false;  // where we are
  }
  std::string word;
  for (size_t i = 0; i <= variable.size(); ++i) {
    if (i < variable.size() && variable[i] != '_') {
      const char c = variable[i];
      word += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      continue;
    }
    if (std::find(kWords.begin(), kWords.end(), word) != kWords.end()) {
      return true;
    }
    word.clear();
  }
  return false;
}

Environment environment_without_secrets(std::span<const std::string> secrets,
                                        std::span<const std::string> wanted) {
  Environment out;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (is_in(wanted, name) || !(is_in(secrets, name) || names_a_secret(name))) {
      out.emplace_back(text);
    }
  }
  return out;
}

ForeignOutcome run_foreign(const ForeignProgram& program) {
  using Ending = ForeignOutcome::Ending;
  const Descriptor input = file_of(program.input);
  Stream output, errors;
  output.open();
  SpawnPlan plan;
  plan.connect(input.get(), STDIN_FILENO);
  plan.connect(output.its.get(), STDOUT_FILENO);
  if (!program.keeps_stderr) {
    errors.open();
    plan.connect(errors.its.get(), STDERR_FILENO);
  }
  if (!program.folder.empty()) {
    plan.enter(program.folder);
  }
  Leader leader(plan, program);
  if (const int failure = leader.failure(); failure != 0) {
    return {.ending = Ending::kNotStarted, .errors = std::strerror(failure)};
  }
  output.its.close();
  errors.its.close();

  const auto start = Clock::now();
  // It has answered when its streams are closed and it has ended; either may come first.
  while (output.ours.is_open() || errors.ours.is_open() || !leader.has_ended()) {
    const double left =
        program.timeout_s - std::chrono::duration<double>(Clock::now() - start).count();
    if (left <= 0) {
      return {.ending = Ending::kTooSlow, .errors = std::move(errors.text)};
    }
    // Asked first: what it wrote before its end is seen below.
    const bool ended = leader.has_ended();
    std::array<pollfd, 2> ready = {{{.fd = output.ours.get(), .events = POLLIN, .revents = 0},
                                    {.fd = errors.ours.get(), .events = POLLIN, .revents = 0}}};
    // The end of a program wakes no poll(); it comes soon after its streams are closed.
    const double turn_s = output.ours.is_open() || errors.ours.is_open() ? 0.02 : 0.001;
    const int count =
        ::poll(ready.data(), ready.size(), static_cast<int>(1000 * std::min(left, turn_s)) + 1);
    if (count > 0 && ready[0].revents != 0) {
      output.read_some(program.most_bytes < SIZE_MAX ? program.most_bytes + 1 : SIZE_MAX);
      if (output.text.size() > program.most_bytes) {
        return {.ending = Ending::kTooMuch, .errors = std::move(errors.text)};
      }
    }
    if (count > 0 && ready[1].revents != 0) {
      errors.read_some(kMostErrorBytes);
    }
    if (count == 0 && ended) {  // something that it started keeps them open
      output.ours.close();
      errors.ours.close();
    }
  }
  return {.exit_code = leader.collect(),
          .output = std::move(output.text),
          .errors = std::move(errors.text)};
}

bool start_detached(const std::vector<std::string>& command) {
  SpawnPlan plan;
  plan.open_null(STDIN_FILENO, O_RDONLY);
  plan.open_null(STDOUT_FILENO, O_WRONLY);
  plan.open_null(STDERR_FILENO, O_WRONLY);
  return plan.start(command, environment_without_secrets()) > 0;
}

}  // namespace ff
