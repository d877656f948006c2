// SPDX-License-Identifier: MIT
// What a run writes while it is under way goes into its own folder, and continues what is there.
#include "run_log.h"

#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <chrono>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using ff::test::TemporaryFolder;
using ff::train::EventWriter;
using ff::train::LogFile;
using ff::train::RunLog;
namespace fs = std::filesystem;

std::string metrics(const TemporaryFolder& folder) {
  return ff::read_file(folder / "metrics.jsonl");
}

ff::io::MetricsLine line_of(int64_t step) {
  return {.step = step, .tokens = 8 * step, .flops = 1.0, .train_loss = 2.0, .lr = 0.1};
}

}  // namespace

TEST_CASE("metrics are not written through a symbolic link", "[train]") {
  const TemporaryFolder folder;
  const TemporaryFolder run;
  ff::test::write_text(folder / "thesis.txt", "years of work\n");
  fs::create_symlink(folder / "thesis.txt", run / "metrics.jsonl");
  CHECK_THROWS_AS(RunLog(run.path(), 0, 0), ff::PathError);
  CHECK_THROWS_WITH(RunLog(run.path(), 0, 0),
                    ContainsSubstring("metrics.jsonl: is a symbolic link") &&
                        ContainsSubstring("remove the link"));
  // Nor is one that leads to nothing.
  fs::remove(run / "metrics.jsonl");
  fs::create_symlink(folder / "absent", run / "metrics.jsonl");
  CHECK_THROWS_AS(RunLog(run.path(), 100, 5), ff::PathError);
  CHECK_FALSE(fs::exists(folder / "absent"));
  CHECK(ff::read_file(folder / "thesis.txt") == "years of work\n");
}

TEST_CASE("events are not written through a symbolic link", "[train]") {
  const TemporaryFolder folder;
  const TemporaryFolder run;
  ff::test::write_text(folder / "thesis.txt", "years of work\n");
  // Their name holds the time: links for the seconds to come.
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  for (int64_t second = now - 1; second < now + 60; ++second) {
    fs::create_symlink(folder / "thesis.txt",
                       run / fmt::format("events.out.tfevents.{}.{}", second, ::getpid()));
  }
  CHECK_THROWS_AS(EventWriter(run.path()), ff::PathError);
  CHECK_THROWS_AS(RunLog(run.path(), 0, 0), ff::PathError);
  CHECK(ff::read_file(folder / "thesis.txt") == "years of work\n");
}

TEST_CASE("a log is a regular file, or it is refused", "[train]") {
  const TemporaryFolder run;
  REQUIRE(::mkfifo((run / "metrics.jsonl").c_str(), 0600) == 0);
  CHECK_THROWS_WITH(RunLog(run.path(), 0, 0), ContainsSubstring("not a regular file"));
  fs::remove(run / "metrics.jsonl");
  fs::create_directory(run / "metrics.jsonl");
  CHECK_THROWS_AS(RunLog(run.path(), 0, 0), ff::PathError);
}

TEST_CASE("a log goes on behind its checkpoint, line by line, whatever its length is", "[train]") {
  const TemporaryFolder run;
  int64_t at_checkpoint = 0;
  {
    RunLog log(run.path(), 0, 0);
    log.write(line_of(1));
    at_checkpoint = log.bytes();
    log.write(line_of(2));
  }
  const std::string two = metrics(run);
  const std::string one = two.substr(0, static_cast<size_t>(at_checkpoint));
  { const RunLog log(run.path(), at_checkpoint, 1); }
  CHECK(metrics(run) == one);
  // Longer than the file, into the middle of a line, or behind a half line: whole lines stay.
  for (const auto& [content, bytes] : {std::pair(one, at_checkpoint + 100),
                                       std::pair(two, at_checkpoint + 7),
                                       std::pair(one + "{\"st", at_checkpoint + 4)}) {
    ff::test::write_text(run / "metrics.jsonl", content);
    RunLog log(run.path(), bytes, 1);
    CHECK(log.bytes() == at_checkpoint);
    log.write(line_of(2));
    CHECK(metrics(run) == two);
  }
  ff::test::write_text(run / "metrics.jsonl", std::string(10'000, 'x'));
  CHECK(RunLog(run.path(), 9'000, 1).bytes() == 0);
  CHECK_THROWS_WITH(RunLog(run.path(), -1, 1), ContainsSubstring("-1 bytes"));
}
