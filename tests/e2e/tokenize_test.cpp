// SPDX-License-Identifier: MIT
// Tokenising as a part of a sweep: it can be stopped, ends with ff-train, says how far it is, and
// the corpus is read once, however many experiments there are.
#include "background.h"
#include "small_sweep.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/sanitizer.h"

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

namespace {

using ff::test::Background;
using ff::test::half_written;
using ff::test::kTrain;
using ff::test::losses;
using ff::test::plan;
using ff::test::run;
using ff::test::TemporaryFolder;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

const std::string kSettings =
    "dataset.path=corpus.txt dataset.vocab_size=300 dataset.seq_len=16 dataset.cache_dir=cache "
    "dataset.tokenizer_sample_bytes=100000 ";
const std::vector<std::string> kArguments = {"dataset.path=corpus.txt",
                                             "dataset.vocab_size=300",
                                             "dataset.seq_len=16",
                                             "dataset.cache_dir=cache",
                                             "dataset.tokenizer_sample_bytes=100000"};

/// About 70 bytes a line.
void write_corpus(const TemporaryFolder& folder, int lines) {
  std::string text;
  uint32_t state = 1;
  for (int i = 0; i < lines; ++i) {
    for (int word = 0; word < 12; ++word) {
      state = state * 1664525U + 1013904223U;
      text += "w" + std::to_string((state >> 16) % 5000) + (word < 11 ? " " : "\n");
    }
  }
  ff::test::write_text(folder / "corpus.txt", text);
}

/// A minute of work.
void write_large_corpus(const TemporaryFolder& folder) {
  write_corpus(folder, 1'000'000);
}

/// Whether an ff-tokenize of this folder is at work.
bool tokenizer_runs(const TemporaryFolder& folder) {
  std::error_code ended;
  for (const auto& entry : fs::directory_iterator("/proc", ended)) {
    if (fs::read_symlink(entry.path() / "exe", ended).filename() == "ff-tokenize" && !ended &&
        fs::read_symlink(entry.path() / "cwd", ended) == fs::canonical(folder.path())) {
      return true;
    }
  }
  return false;
}

/// Waits up to half a minute.
template <class Condition>
bool comes_true(Condition&& condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

bool writes_tokens(const TemporaryFolder& folder) {
  return fs::exists(folder / "cache") && !half_written(folder / "cache").empty();
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

TEST_CASE("ff-tokenize ends at once on every signal and leaves nothing half-written", "[e2e]") {
  const TemporaryFolder folder;
  write_large_corpus(folder);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Background tokenize("ff-tokenize", kArguments, folder.path());
    REQUIRE(comes_true([&] { return writes_tokens(folder); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const auto begin = Clock::now();
    CHECK(tokenize.end(signal) == 128 + signal);
    CHECK(seconds_since(begin) < 2);
    CHECK(half_written(folder / "cache").empty());
  }
  // In the other phases: reading, counting, and training a tokenizer on ten megabytes.
  auto arguments = kArguments;
  arguments.back() = "dataset.tokenizer_sample_bytes=10000000";
  for (const int milliseconds : {30, 150, 400, 1500}) {
    fs::remove_all(folder / "cache");
    Background tokenize("ff-tokenize", arguments, folder.path());
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    const auto begin = Clock::now();
    CHECK(tokenize.end(SIGTERM) == 128 + SIGTERM);
    CHECK(seconds_since(begin) < 2);
    CHECK((!fs::exists(folder / "cache") || half_written(folder / "cache").empty()));
  }
}

TEST_CASE("fault: a stop signal while the corpus is tokenised", "[e2e]") {
  const TemporaryFolder folder;
  write_large_corpus(folder);
  REQUIRE(run(plan("[1e9]", "[[8]]") + kSettings, folder.path()).exit_code == 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    Background train("ff-train", kArguments, folder.path());
    REQUIRE(comes_true([&] { return writes_tokens(folder); }));
    const auto begin = Clock::now();
    CHECK(train.end(signal) == 128 + signal);
    CHECK(seconds_since(begin) < 5);
    CHECK_FALSE(tokenizer_runs(folder));
    CHECK(half_written(folder / "cache").empty());
    CHECK_THAT(ff::test::read_text(folder / "ff-train.err"),
               ContainsSubstring("stopped by signal"));
  }
}

TEST_CASE("ff-tokenize does not outlive an ff-train that is killed", "[e2e]") {
  const TemporaryFolder folder;
  write_large_corpus(folder);
  REQUIRE(run(plan("[1e9]", "[[8]]") + kSettings, folder.path()).exit_code == 0);
  {
    Background train("ff-train", kArguments, folder.path());
    REQUIRE(comes_true([&] { return writes_tokens(folder); }));
    CHECK(tokenizer_runs(folder));
    CHECK(train.end(SIGKILL) == 128 + SIGKILL);
  }
  CHECK(comes_true([&] { return !tokenizer_runs(folder); }));
  CHECK(half_written(folder / "cache").empty());
  // Nor one that ended before ff-tokenize could ask to be told.
  const auto orphan = run("ff-tokenize --started-by=1 " + kSettings, folder.path());
  CHECK(orphan.exit_code == 1);
  CHECK_THAT(orphan.err, ContainsSubstring("has ended"));
}

TEST_CASE("what a killed ff-tokenize was writing goes with the next one", "[e2e]") {
  const TemporaryFolder folder;
  write_large_corpus(folder);
  {
    Background tokenize("ff-tokenize", kArguments, folder.path());
    REQUIRE(comes_true([&] { return writes_tokens(folder); }));
    CHECK(tokenize.end(SIGKILL) == 128 + SIGKILL);
  }
  REQUIRE(half_written(folder / "cache").size() == 1);
  write_corpus(folder, 2000);
  CHECK(run("ff-tokenize -q " + kSettings, folder.path()).exit_code == 0);
  CHECK(half_written(folder / "cache").empty());
}

TEST_CASE("ff-tokenize tells the program that started it how far it is", "[e2e]") {
  const TemporaryFolder folder;
  write_corpus(folder, 60'000);
  const auto told =
      run("ff-tokenize --started-by=$$ " + kSettings + "; test $? = 0", folder.path());
  CHECK(told.exit_code == 0);
  CHECK_THAT(told.err, ContainsSubstring("progress tokenising corpus.txt: "));
  CHECK_THAT(told.err, ContainsSubstring(" left\n"));
  // For people who run it by hand: nothing within half a minute, as stderr is no terminal.
  fs::remove_all(folder / "cache");
  const auto by_hand = run("ff-tokenize " + kSettings, folder.path());
  CHECK(by_hand.exit_code == 0);
  CHECK_THAT(by_hand.err, !ContainsSubstring("progress"));
}

TEST_CASE("the corpus is opened as often for eight experiments as for two", "[e2e]") {
  if (ff::test::kSanitizer) {
    WARN("skipped: a sanitizer wants to be loaded before anything else");
    return;
  }
  const TemporaryFolder folder;
  write_corpus(folder, 3000);
  const auto opens = [&](const std::string& widths, size_t experiments) {
    fs::remove_all(folder / "outputs");
    fs::remove(folder / "opens");
    REQUIRE(run(plan("[1e9]", widths) + kSettings, folder.path()).exit_code == 0);
    const auto trained = run("FF_COUNTED=corpus.txt FF_OPENS=$PWD/opens LD_PRELOAD=" +
                                 std::string(FF_COUNTED_OPENS) + " " + kTrain + kSettings,
                             folder.path());
    INFO(trained.err);
    CHECK(trained.exit_code == 0);
    CHECK(losses(folder / "outputs/results.json").size() == experiments);
    return ff::test::read_text(folder / "opens").size();
  };
  // Not tokenised yet: ff-train hashes it, ff-tokenize hashes, counts, samples and encodes it.
  CHECK(opens("[[8]]", 1) == 5);
  CHECK(opens("[[8,16]]", 2) == 1);
  CHECK(opens("[[8,16,24,32,40,48,56,64]]", 8) == 1);
}

TEST_CASE("a token cache that was damaged is not trained on", "[e2e]") {
  const TemporaryFolder folder;
  write_corpus(folder, 3000);
  REQUIRE(run(plan("[1e9]", "[[8]]") + kSettings, folder.path()).exit_code == 0);
  REQUIRE(run(kTrain + kSettings, folder.path()).exit_code == 0);
  const auto truth = losses(folder / "outputs/results.json");
  fs::path tokens;
  for (const auto& entry : fs::directory_iterator(folder / "cache")) {
    tokens = entry.path().extension() == ".tokens" ? entry.path() : tokens;
  }
  const std::string good = ff::test::read_text(tokens);
  std::string bad = good;
  bad.replace(8192, 4096, 4096, '\0');
  ff::test::write_text(tokens, bad);
  const auto again = run(kTrain + "resume=false " + kSettings, folder.path());
  CHECK(again.exit_code == 0);
  CHECK_THAT(again.err, ContainsSubstring("damaged") && ContainsSubstring("made again"));
  CHECK(ff::test::read_text(tokens) == good);
  CHECK(losses(folder / "outputs/results.json") == truth);
}
