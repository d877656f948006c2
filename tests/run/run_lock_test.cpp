// SPDX-License-Identifier: MIT
// The lock of one experiment, between real processes.
#include "flops_fit/run/run_lock.h"

#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <csignal>
#include <fstream>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using ff::run::LockAttempt;
using namespace std::chrono_literals;

namespace {

/// Runs `body` in a child, and returns once the child has called what it is given.
template <class Body>
pid_t child(Body body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(ends[0]);
    body([&] { static_cast<void>(::write(ends[1], "x", 1)); });
    ::_exit(0);
  }
  ::close(ends[1]);
  char byte = 0;
  REQUIRE(::read(ends[0], &byte, 1) == 1);
  ::close(ends[0]);
  return pid;
}

void kill_and_wait(pid_t pid) {
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

std::string foreign(int beat) {
  return R"({"host": "elsewhere", "boot": "another", "pid": 7, "beat": )" + std::to_string(beat) +
         "}\n";
}

/// As an owner on another machine would: over the old text, in place.
void beat_in_place(const std::filesystem::path& path, int beat) {
  std::fstream(path, std::ios::in | std::ios::out) << foreign(beat);
}

}  // namespace

TEST_CASE("a lock has one owner, who is named, and is free after it", "[run]") {
  const ff::test::TemporaryFolder folder;
  LockAttempt first(folder / "lock", 60);
  LockAttempt second(folder / "lock", 60);
  {
    const auto lock = first.take();
    REQUIRE(lock);
    CHECK_FALSE(second.take());
    REQUIRE(second.owner());
    CHECK(second.owner()->pid == ::getpid());
    CHECK_THAT(second.owner()->text(), ContainsSubstring("pid "));
  }
  CHECK_FALSE(std::filesystem::exists(folder / "lock"));
  CHECK(second.take());
}

TEST_CASE("a killed owner's lock is stale at once, its worker's is not", "[run]") {
  const ff::test::TemporaryFolder folder;
  const auto path = folder / "lock";
  const pid_t owner = child([&](auto ready) {
    const auto lock = LockAttempt(path, 60).take();
    ready();
    ::pause();
  });
  LockAttempt attempt(path, 60);
  CHECK_FALSE(attempt.take());
  CHECK(attempt.owner()->pid == owner);
  kill_and_wait(owner);
  CHECK(std::filesystem::exists(path));
  CHECK(attempt.take());

  // An owner with a worker: the worker has the lock's descriptor open.
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t parent = child([&](auto ready) {
    const auto lock = LockAttempt(path, 60).take();
    if (const pid_t worker = ::fork(); worker != 0) {
      static_cast<void>(::write(ends[1], &worker, sizeof worker));
      ready();
    }
    ::pause();
  });
  pid_t worker = 0;
  REQUIRE(::read(ends[0], &worker, sizeof worker) == sizeof worker);
  kill_and_wait(parent);
  CHECK_FALSE(attempt.take());
  ::kill(worker, SIGKILL);
  bool free = false;
  for (int i = 0; i < 500 && !free; ++i) {  // the worker is nobody's child here: no wait()
    std::this_thread::sleep_for(10ms);
    free = attempt.take().has_value();
  }
  CHECK(free);
}

TEST_CASE("an owner on another machine is respected while it gives signs of life", "[run]") {
  const ff::test::TemporaryFolder folder;
  const auto path = folder / "lock";
  ff::test::write_text(path, foreign(1));
  LockAttempt attempt(path, 1.0);
  CHECK_FALSE(attempt.take());
  CHECK(attempt.owner()->host == "elsewhere");
  const auto start = std::chrono::steady_clock::now();
  for (int beat = 2; std::chrono::steady_clock::now() - start < 2s; ++beat) {
    beat_in_place(path, beat);
    CHECK_FALSE(attempt.take());
    std::this_thread::sleep_for(100ms);
  }
  std::this_thread::sleep_for(1100ms);  // silence
  const auto lock = attempt.take();
  REQUIRE(lock);
  CHECK_THAT(ff::read_file(path), ContainsSubstring(std::to_string(::getpid())));
}

TEST_CASE("an empty or torn lock file is somebody's until it has stayed so", "[run]") {
  // A machine whose locks this one does not see may be about to sign it.
  for (const std::string text : {"", R"({"host": "els)"}) {
    const ff::test::TemporaryFolder folder;
    ff::test::write_text(folder / "lock", text);
    LockAttempt attempt(folder / "lock", 0.2);
    CHECK_FALSE(attempt.take());
    std::this_thread::sleep_for(300ms);
    CHECK(attempt.take());
  }
}

TEST_CASE("an owner removes no lock but its own", "[run]") {
  const ff::test::TemporaryFolder folder;
  const auto path = folder / "lock";
  {
    const auto lock = LockAttempt(path, 60).take();
    REQUIRE(lock);
    // Another machine, which does not see the lock, has found this owner silent.
    std::filesystem::remove(path);
    ff::test::write_text(path, foreign(1));
  }
  CHECK_THAT(ff::read_file(path), ContainsSubstring("elsewhere"));
}

TEST_CASE("a lock is not written through a symbolic link", "[run]") {
  const ff::test::TemporaryFolder folder;
  ff::test::write_text(folder / "text", "mine");
  for (const std::string target : {"text", "nowhere"}) {
    std::filesystem::remove(folder / "lock");
    std::filesystem::create_symlink(folder / target, folder / "lock");
    LockAttempt attempt(folder / "lock", 60);
    CHECK_THROWS_AS(attempt.take(), ff::PathError);
  }
  CHECK(ff::read_file(folder / "text") == "mine");
  CHECK_FALSE(std::filesystem::exists(folder / "nowhere"));
}

TEST_CASE("many processes after one lock: never two at once", "[run]") {
  const ff::test::TemporaryFolder folder;
  const auto counter = folder / "counter";
  ff::test::write_text(counter, "0");
  constexpr int kProcesses = 8;
  constexpr int kTurns = 25;
  for (int p = 0; p < kProcesses; ++p) {
    if (::fork() == 0) {
      LockAttempt attempt(folder / "lock", 60);
      for (int turn = 0; turn < kTurns;) {
        if (const auto lock = attempt.take()) {
          // Read, wait, write: a second process in here would lose a count.
          const int count = std::stoi(ff::read_file(counter));
          std::this_thread::sleep_for(100us);
          std::ofstream(counter) << count + 1;
          ++turn;
        } else {
          std::this_thread::sleep_for(50us);
        }
      }
      ::_exit(0);
    }
  }
  for (int p = 0; p < kProcesses; ++p) {
    int status = 0;
    ::wait(&status);
    CHECK(status == 0);
  }
  CHECK(ff::read_file(counter) == std::to_string(kProcesses * kTurns));
}

TEST_CASE("a lock that cannot be made says why", "[run]") {
  LockAttempt attempt("/proc/lock", 60);
  CHECK_THROWS_WITH(attempt.take(), ContainsSubstring("/proc/lock: cannot write"));
}
