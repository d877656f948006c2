// SPDX-License-Identifier: MIT
// Temporary files, and what others may and may not do to them.
#include "support/catch.h"
#include "support/environment.h"
#include "support/files.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"
#include "flops_fit/util/machine.h"
#include "flops_fit/util/scratch_folder.h"
#include "flops_fit/util/signals.h"

#include <chrono>
#include <csignal>
#include <set>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

namespace fs = std::filesystem;
using ff::test::TemporaryFolder;
using ff::test::write_text;

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

std::string this_boot() {
  return ff::hash_text(ff::fnv1a(ff::boot_id()));
}

void make_older(const fs::path& file, std::chrono::hours by) {
  fs::last_write_time(file, fs::last_write_time(file) - by);
}

/// Runs `work` in a process of its own, which then waits to be killed; returns when it has begun.
template <class Work>
pid_t start(Work&& work) {
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    work([&] { static_cast<void>(::write(ready[1], "x", 1)); });
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  ::close(ready[0]);
  ::close(ready[1]);
  return child;
}

void end(pid_t child, int signal) {
  ::kill(child, signal);
  ::waitpid(child, nullptr, 0);
}

}  // namespace

TEST_CASE("a temporary file is what its writer killed leaves, and only that is removed", "[util]") {
  const TemporaryFolder folder;
  const auto writer = [&](const auto& ready) {
    const ff::TemporaryFile file(folder / "laws.json");
    ready();
    ::pause();
  };
  const pid_t dead = start(writer);
  end(dead, SIGKILL);
  const pid_t alive = start(writer);
  const ff::TemporaryFile own(folder / "laws.json");
  write_text(folder / ".something.tmp", "a user's");
  write_text(folder / ".laws.json.host-0123.4.0123456789abcdef.tmp", "a user's");
  REQUIRE(names_in(folder.path()).size() == 5);
  ff::remove_dead_temporaries(folder.path());
  const auto left = names_in(folder.path());
  CHECK(left.size() == 4);
  for (const std::string& name : left) {
    CHECK_THAT(name, !ContainsSubstring("." + std::to_string(dead) + "."));
  }
  CHECK(fs::exists(own.path()));
  end(alive, SIGKILL);
  ff::remove_dead_temporaries(folder.path());
  CHECK(names_in(folder.path()).size() == 3);
}

TEST_CASE("another machine's temporary file is removed when it is a day old", "[util]") {
  const TemporaryFolder folder;
  const std::string other = ".a.json.node7-0123456789abcdef.1.fedcba9876543210.tmp";
  const std::string unlocked = ".a.json.node7-unlocked.1.fedcba9876543210.tmp";
  const std::string a_users = ".notes.2024.12.tmp";
  for (const std::string& name : {other, unlocked, a_users}) {
    write_text(folder / name, "half");
    make_older(folder / name, std::chrono::hours(23));
  }
  ff::remove_dead_temporaries(folder.path());
  CHECK(names_in(folder.path()) == std::set{other, unlocked, a_users});
  for (const std::string& name : {other, unlocked, a_users}) {
    make_older(folder / name, std::chrono::hours(2));
  }
  ff::remove_dead_temporaries(folder.path());
  CHECK(names_in(folder.path()) == std::set{a_users});
}

TEST_CASE("a symbolic link and a pipe with a temporary file's name stay, and what it shows",
          "[util]") {
  const TemporaryFolder folder;
  write_text(folder / "thesis.txt", "years");
  const std::string end = "." + std::string("h-") + this_boot() + ".1.0123456789abcdef.tmp";
  fs::create_symlink("thesis.txt", folder / (".a" + end));
  REQUIRE(::mkfifo((folder / (".b" + end)).c_str(), 0600) == 0);
  fs::create_directory(folder / (".c" + end));
  ff::remove_dead_temporaries(folder.path());
  CHECK(names_in(folder.path()).size() == 4);
  CHECK(ff::read_file(folder / "thesis.txt") == "years");
}

TEST_CASE("writers of one file do not meet, though all have one process id", "[util]") {
  const TemporaryFolder folder;
  const fs::path target = folder / "results.json";
  // With a counter and the process id in the name, the second of two such containers would write
  // into the first one's file. Both names differ although all but the random part is the same.
  const ff::TemporaryFile one(target);
  const ff::TemporaryFile two(target);
  CHECK(one.path() != two.path());
  const auto text = [](const ff::TemporaryFile& file) {
    const std::string name = file.path().filename().string();
    return name.substr(0, name.size() - 20);
  };
  CHECK(text(one) == text(two));
}

TEST_CASE("the longest name that a folder takes can be written", "[util]") {
  const TemporaryFolder folder;
  std::string name;
  while (name.size() < 252) {
    name += "\xc3\xa4";  // two bytes each, not to be cut apart
  }
  for (const std::string& target : {name, name + "xyz", "x" + name}) {
    const ff::TemporaryFile file(folder / target);
    CHECK(file.path().filename().string().size() <= 255);
    ff::write_file_atomically(folder / target, target);
    CHECK(ff::read_file(folder / target) == target);
    ff::remove_dead_temporaries(folder.path());
    CHECK(fs::exists(file.path()));
  }
  CHECK_THROWS_AS(ff::write_file_atomically(folder / (name + "wxyz"), ""), ff::PathError);
}

TEST_CASE("a file that cannot be written is told by its cause", "[util]") {
  const TemporaryFolder folder;
  write_text(folder / "file", "x");
  CHECK_THROWS_AS(ff::write_file_atomically(folder / "file/a.txt", ""), ff::PathError);
  fs::create_directory(folder / "taken");
  CHECK_THROWS_AS(ff::write_file_atomically(folder / "taken", ""), ff::PathError);
  CHECK_THROWS_AS(ff::write_file_atomically("/dev/full/a.txt", ""), ff::PathError);
  fs::create_symlink("loop", folder / "loop");
  CHECK_THROWS_AS(ff::write_file_atomically(folder / "loop/a.txt", ""), ff::PathError);
  const pid_t child = ::fork();
  if (child == 0) {
    ff::install_cleanup_handlers();  // without them SIGXFSZ would kill
    const rlimit small{.rlim_cur = 4096, .rlim_max = 4096};
    ::setrlimit(RLIMIT_FSIZE, &small);
    int found = 1;
    try {
      ff::write_file_atomically(folder / "big", std::string(10'000, 'x'));
    } catch (const ff::StorageError&) {
      found = 0;
    }
    ::_exit(found);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(names_in(folder.path()) == std::set<std::string>{"file", "loop", "taken"});
}

TEST_CASE("eight writers and a cleaner at once lose no file", "[util]") {
  const TemporaryFolder folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      int failed = 0;
      try {
        for (int round = 0; round < 50; ++round) {
          ff::write_file_atomically(folder / std::to_string(i % 2), std::to_string(round));
          ff::remove_dead_temporaries(folder.path());
        }
      } catch (const ff::Error&) {
        failed = 1;
      }
      ::_exit(failed);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  CHECK(names_in(folder.path()) == std::set<std::string>{"0", "1"});
}

TEST_CASE("a scratch folder goes with its scope, and its error names TMPDIR", "[util]") {
  const TemporaryFolder folder;
  const ff::test::EnvironmentVariable variable("TMPDIR", folder.path().string());
  {
    const ff::ScratchFolder scratch;
    CHECK(scratch.path().parent_path() == folder.path());
    write_text(scratch.path() / "deep/file", "x");
  }
  CHECK(names_in(folder.path()).empty());
  const ff::test::EnvironmentVariable missing("TMPDIR", (folder / "none").string());
  CHECK_THROWS_WITH(ff::ScratchFolder(), ContainsSubstring("TMPDIR"));
}
