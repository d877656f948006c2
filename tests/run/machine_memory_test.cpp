// SPDX-License-Identifier: MIT
// available_memory() on invented /proc and /sys trees, and on this machine.
#include "flops_fit/run/machine_memory.h"

#include "support/catch.h"
#include "support/files.h"
#include "support/sanitizer.h"

#include <array>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using ff::run::available_memory;
using ff::test::TemporaryFolder;
using ff::test::write_text;

namespace {

constexpr double kMiB = 1024.0 * 1024.0;

/// Runs `body` in a child, so that its limits stay there; true if it returned true.
template <class Body>
bool in_child(Body&& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(body() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("available memory is the least that the machine and its groups leave", "[run]") {
  const TemporaryFolder root;
  const auto bytes = [&] { return available_memory(root.path()).bytes; };
  const auto source = [&] { return available_memory(root.path()).source; };
  CHECK(std::isinf(bytes()));
  write_text(root / "proc/meminfo", "MemTotal: 4096 kB\nMemAvailable:  2048 kB\n");
  CHECK(bytes() == 2048.0 * 1024);
  CHECK(source() == "MemAvailable");

  SECTION("control groups of version 2: the tightest from the process's own to the top") {
    write_text(root / "proc/self/cgroup", "0::/a/b\n");
    const auto group = root / "sys/fs/cgroup";
    write_text(group / "a/b/memory.max", "max\n");
    write_text(group / "a/b/memory.current", "500000\n");
    CHECK(bytes() == 2048.0 * 1024);
    write_text(group / "a/memory.max", "1000000\n");
    write_text(group / "a/memory.current", "700000\n");
    CHECK(bytes() == 300000);
    CHECK(source() == "the control group's limit");
    // What the kernel can drop is available.
    write_text(group / "a/memory.stat", "anon 5\ninactive_file 200000\n");
    CHECK(bytes() == 500000);
    write_text(group / "a/b/memory.max", "500001\n");
    CHECK(bytes() == 1);
    write_text(group / "a/b/memory.max", "400000\n");  // already over
    CHECK(bytes() == 0);
  }
  SECTION("control groups of version 1, whose path is not there in a container") {
    write_text(root / "proc/self/cgroup", "5:cpu:/\n4:memory:/outside/of/here\n0::/\n");
    const auto group = root / "sys/fs/cgroup/memory";
    write_text(group / "memory.limit_in_bytes", "9223372036854771712\n");  // "none"
    write_text(group / "memory.usage_in_bytes", "100\n");
    CHECK(bytes() == 2048.0 * 1024);
    write_text(group / "memory.limit_in_bytes", "1000\n");
    CHECK(bytes() == 900);
    write_text(group / "memory.stat", "inactive_file 7\ntotal_inactive_file 50\n");
    CHECK(bytes() == 950);
  }
}

TEST_CASE("this machine has memory, and a ulimit makes it less", "[run]") {
  CHECK(available_memory().bytes > 0);
  CHECK(ff::run::private_bytes(::getpid()) > 0);
  CHECK(ff::run::private_bytes(-1) == 0);
  if (ff::test::kSanitizer) {
    WARN("skipped: a sanitizer's own memory is above any limit");
    return;
  }
  for (const auto& [resource, name] :
       {std::pair{RLIMIT_AS, "ulimit -v"}, std::pair{RLIMIT_DATA, "ulimit -d"}}) {
    CHECK(in_child([resource = resource, name = name] {
      const double before = available_memory().process_bytes;
      const rlimit limit{.rlim_cur = 1U << 30, .rlim_max = RLIM_INFINITY};
      ::setrlimit(resource, &limit);
      const auto memory = available_memory();
      return memory.process_bytes < before && memory.process_bytes < 1024 * kMiB &&
             memory.process_bytes > 0 && memory.process_source == name;
    }));
  }
}

TEST_CASE("a process that limits itself gets no more, and an older limit stays", "[run]") {
  if (ff::test::kSanitizer) {
    WARN("skipped: a sanitizer's own memory is above any limit");
    return;
  }
  CHECK(in_child([] {
    if (ff::run::limit_own_memory(512 * kMiB) != 512 * kMiB ||
        ff::run::limit_own_memory(4096 * kMiB) != 512 * kMiB) {
      return false;
    }
    void* const little = std::malloc(64 << 20);
    void* const much = std::malloc(1024U << 20);
    return little != nullptr && much == nullptr;
  }));
}

TEST_CASE("runs fit together as long as their sum does", "[run]") {
  const std::array<double, 4> own = {5, 3, 4, 1};
  CHECK(ff::run::fit_together(own, 2, 100) == 4);
  CHECK(ff::run::fit_together(own, 2, 10) == 2);
  CHECK(ff::run::fit_together(own, 2, 9.9) == 1);
  CHECK(ff::run::fit_together(own, 2, 13.9) == 2);  // in order: the small one at the end waits
  CHECK(ff::run::fit_together(own, 2, 6) == 0);
  CHECK(ff::run::fit_together({}, 2, 1) == 0);
}
