// SPDX-License-Identifier: MIT
// What is left of a process that a signal ends: each test sends one to a process of its own.
#include "flops_fit/util/signals.h"

#include "support/catch.h"
#include "support/environment.h"
#include "support/files.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/scratch_folder.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using ff::test::TemporaryFolder;
using ff::test::write_text;

class Child {
 public:
  /// Runs `work(ready)`, and goes on here when it calls ready().
  template <class Work>
  explicit Child(Work&& work) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      // Catch2 has handlers of its own.
      for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        ::signal(signal, SIG_DFL);
      }
      work([&] { static_cast<void>(::write(pipe[1], "x", 1)); });
      ::_exit(0);
    }
    char byte = 0;
    REQUIRE(::read(pipe[0], &byte, 1) == 1);
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  void send(int signal) const { ::kill(pid_, signal); }
  /// As a shell says it.
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    signalled_ = WIFSIGNALED(status);
    return signalled_ ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  [[nodiscard]] bool signalled() const { return signalled_; }

 private:
  pid_t pid_ = -1;
  bool signalled_ = false;
};

void wait_for_ever() {
  for (;;) {
    ::pause();
  }
}

void sleep_ms(int ms) {
  ::usleep(static_cast<useconds_t>(ms) * 1000);
}

}  // namespace

TEST_CASE("a signal takes temporary files, scratch folders and children with it", "[util]") {
  const TemporaryFolder folder;
  const ff::test::EnvironmentVariable scratch_base("TMPDIR", folder.path().string());
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    Child child([&](const auto& ready) {
      ff::install_cleanup_handlers();
      const ff::TemporaryFile one(folder / "one.json");
      const ff::ScratchFolder scratch;
      write_text(scratch.path() / "a/b/c.svg", "x");
      fs::create_symlink(folder.path(), scratch.path() / "link");
      pid_t grandchild = 0;
      {
        const ff::HeldSignals held;
        grandchild = ::fork();
        if (grandchild == 0) {
          ::setpgid(0, 0);
          ::close(pipe[0]);
          wait_for_ever();
        }
        ::setpgid(grandchild, grandchild);
        ff::kill_on_stop(grandchild);
      }
      ::close(pipe[1]);
      ready();
      std::thread([] { wait_for_ever(); }).join();
    });
    ::close(pipe[1]);
    REQUIRE_FALSE(fs::is_empty(folder.path()));
    child.send(signal);
    CHECK(child.wait() == 128 + signal);
    CHECK(child.signalled());
    CHECK(fs::is_empty(folder.path()));
    char byte = 0;
    CHECK(::read(pipe[0], &byte, 1) == 0);  // the grandchild, which held the other end, is gone
    ::close(pipe[0]);
  }
}

TEST_CASE("a stop signal sets a flag, and a later second one ends the process", "[util]") {
  const TemporaryFolder folder;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const auto work = [&](const auto& ready) {
      ff::install_cleanup_handlers();
      ff::install_stop_handlers();
      const ff::TemporaryFile file(folder / "file");
      ready();
      while (ff::stop_signal() == 0) {
        ::pause();
      }
      sleep_ms(400);
    };
    Child once(work);
    once.send(signal);
    once.send(signal);  // as timeout(1) does: no second wish of the user's
    CHECK(once.wait() == 0);
    Child twice(work);
    twice.send(signal);
    sleep_ms(250);
    twice.send(signal);
    CHECK(twice.wait() == 128 + signal);
    CHECK(fs::is_empty(folder.path()));
  }
}

TEST_CASE("a program that ignores SIGHUP from the start goes on at SIGHUP", "[util]") {
  for (const bool saves : {false, true}) {
    Child child([&](const auto& ready) {
      ::signal(SIGHUP, SIG_IGN);  // nohup
      ff::install_cleanup_handlers();
      if (saves) {
        ff::install_stop_handlers();
      }
      ready();
      sleep_ms(200);
      ::_exit(ff::stop_signal() == 0 ? 7 : 8);
    });
    child.send(SIGHUP);
    CHECK(child.wait() == 7);
  }
}

TEST_CASE("a write to a closed pipe fails, and does not kill", "[util]") {
  Child child([&](const auto& ready) {
    ff::install_stop_handlers();
    int pipe[2];
    static_cast<void>(::pipe(pipe));
    ::close(pipe[0]);
    ready();
    ::_exit(::write(pipe[1], "x", 1) < 0 && errno == EPIPE ? 7 : 8);
  });
  CHECK(child.wait() == 7);
}

TEST_CASE("programs that we start meet SIGPIPE as usual", "[util]") {
  Child child([&](const auto& ready) {
    ff::install_stop_handlers();
    ready();
    ::execlp("sh", "sh", "-c", "kill -PIPE $$; exit 7", nullptr);
  });
  CHECK(child.wait() == 128 + SIGPIPE);
}

TEST_CASE("closed standard descriptors are opened, and open ones are left", "[util]") {
  for (int closed = 0; closed < 8; ++closed) {
    Child child([&](const auto& ready) {
      const int kept = ::open("/dev/zero", O_RDWR);
      for (int fd = 0; fd < 3; ++fd) {
        ::dup2(kept, fd);
        if ((closed >> fd & 1) != 0) {
          ::close(fd);
        }
      }
      ff::open_standard_descriptors();
      ready();
      bool right = ::open("/dev/zero", O_RDONLY) > 2;
      for (int fd = 0; fd < 3; ++fd) {
        char byte = 0;
        const ssize_t count = ::read(fd, &byte, 1);
        right = right && count == ((closed >> fd & 1) != 0 ? 0 : 1) && ::write(fd, "x", 1) == 1;
      }
      ::_exit(right ? 7 : 8);
    });
    CHECK(child.wait() == 7);
  }
}
