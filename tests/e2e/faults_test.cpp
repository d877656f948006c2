// SPDX-License-Identifier: MIT
// The table "When things go wrong" of the README: a row has the test "fault: <row>", here, in
// recovery_test.cpp or sweep_test.cpp. The fault is caused for real, and the message, the exit code
// and what is left are looked at.
#include "small_sweep.h"
#include "support/mounts.h"

#include "flops_fit/data/token_file.h"
#include "flops_fit/io/json.h"
#include "flops_fit/util/atomic_file.h"

#include <cmath>
#include <cstddef>
#include <regex>

using ff::io::Json;
using ff::test::kTrain;
using ff::test::lines;
using ff::test::losses;
using ff::test::plan;
using ff::test::read_text;
using ff::test::run;
using ff::test::run_with_mounts;
using ff::test::TemporaryFolder;
using ff::test::wait_for_metrics;

namespace {

std::string text_of(int seed, int sentences) {
  static const char* const kWords[] = {"the",
                                       "model",
                                       "saw",
                                       "a",
                                       "small",
                                       "red",
                                       "house",
                                       "and",
                                       "went",
                                       "home",
                                       "when",
                                       "rain",
                                       "began",
                                       "to",
                                       "fall",
                                       "."};
  std::string text;
  uint32_t state = static_cast<uint32_t>(seed) * 2654435761U + 1;
  for (int i = 0; i < sentences * 12; ++i) {
    state = state * 1664525U + 1013904223U;
    text += kWords[state >> 28];
    text += i % 12 == 11 ? "\n" : " ";
  }
  return text;
}

}  // namespace

TEST_CASE("fault: the disk is full", "[e2e]") {
  const TemporaryFolder folder;
  const auto full = run_with_mounts(
      // Room for one checkpoint of width 64 (2.4 MB), not for the next beside it.
      "mkdir out && mount -t tmpfs -o size=4m tmpfs out && " + plan("[3e10]", "[[8,64]]") +
          "output_dir=out 2>&1 && " + kTrain +
          "output_dir=out trainer.checkpoint_every=5; echo first $?; cp -r out full; "
          "mount -o remount,size=64m out; " +
          kTrain + "output_dir=out trainer.checkpoint_every=5; echo second $?; cp -r out done",
      folder.path());
  if (!full) {
    return;
  }
  INFO(full->err);
  CHECK_THAT(full->out, ContainsSubstring("first 1\n"));
  CHECK_THAT(full->err, ContainsSubstring("No space left on device"));
  CHECK_THAT(full->err, ContainsSubstring("what is done is kept"));
  CHECK(lines(full->err) == 2);  // "stopping: ..." of the other run, and the reason
  CHECK(ff::test::half_written(folder / "full").empty());
  static_cast<void>(ff::io::read_results(folder / "full/results.json"));
  // With room again it goes on.
  CHECK_THAT(full->out, ContainsSubstring("second 0\n"));
  CHECK(losses(folder / "done/results.json").size() == 2);
}

TEST_CASE("fault: the output folder cannot be written, or is a file", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8]]"), folder.path()).exit_code == 0);
  ff::test::write_text(folder / "taken", "mine");
  for (const std::string output : {"taken", "taken/below"}) {
    const auto file = run(kTrain + "paths.output=" + output, folder.path());
    CHECK(file.exit_code == 2);
    CHECK_THAT(file.err, ContainsSubstring("/taken is a file; results need a folder"));
    CHECK(lines(file.err) == 1);
  }
  CHECK(read_text(folder / "taken") == "mine");
  const auto locked = run_with_mounts(
      "mkdir out && mount -t tmpfs -o ro tmpfs out && " + kTrain + "paths.output=out",
      folder.path());
  if (locked) {
    CHECK(locked->exit_code == 1);
    CHECK_THAT(locked->err, ContainsSubstring("out/runs: cannot create the folder"));
    CHECK_THAT(locked->err, ContainsSubstring("Read-only file system"));
    CHECK(lines(locked->err) == 1);
  }
}

TEST_CASE("fault: a token cache is damaged, cut short, or of another tokenizer", "[e2e]") {
  const TemporaryFolder folder;
  ff::test::write_text(folder / "text.txt", text_of(1, 4000));
  const std::string data =
      "dataset.path=text.txt dataset.vocab_size=300 dataset.seq_len=16 dataset.cache_dir=cache ";
  REQUIRE(run(plan("[1e9]", "[[8]]") + data, folder.path()).exit_code == 0);
  REQUIRE(run(kTrain + data, folder.path()).exit_code == 0);
  const auto truth = losses(folder / "outputs/results.json");
  std::filesystem::path cache;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "cache")) {
    cache = entry.path().extension() == ".tokens" ? entry.path() : cache;
  }
  const std::string good = ff::read_file(cache);
  std::string foreign = good;
  foreign[offsetof(ff::data::TokenFileHeader, tokenizer_hash)] ^= 1;
  std::string zeroed = good;
  zeroed.replace(good.size() / 2, 64, 64, '\0');
  for (const std::string& bad : {good.substr(0, good.size() / 2), foreign, zeroed, std::string()}) {
    ff::test::write_text(cache, bad);
    const auto again = run("ff-train evaluation.tokens=4000 resume=false " + data, folder.path());
    CHECK(again.exit_code == 0);
    CHECK_THAT(again.err, ContainsSubstring(cache.filename().string()));
    CHECK_THAT(again.err, ContainsSubstring("made again"));
    CHECK(ff::read_file(cache) == good);
    CHECK(losses(folder / "outputs/results.json") == truth);
  }
}

TEST_CASE("fault: the corpus changes under a run", "[e2e]") {
  const TemporaryFolder folder;
  std::string tokens;  // nanoGPT's format: uint16
  uint32_t state = 1;
  for (int i = 0; i < 200'000; ++i) {
    state = state * 1664525U + 1013904223U;
    tokens += static_cast<char>(state >> 26);
    tokens += '\0';
  }
  ff::test::write_text(folder / "data.bin", tokens);
  const std::string data = "dataset.path=data.bin dataset.vocab_size=64 dataset.seq_len=16 ";
  REQUIRE(run(plan("[3e10]", "[[16]]") + data, folder.path()).exit_code == 0);
  const std::string train = kTrain + data + "trainer.log_every=5 ";
  const auto changed =
      run("( exec " + train + ") & p=$!; " + wait_for_metrics("outputs/runs/exp_0000", 3) +
              "printf '\\1' | dd of=data.bin bs=1 seek=100 conv=notrunc 2>/dev/null; wait $p",
          folder.path());
  INFO(changed.err);
  CHECK(changed.exit_code == 4);
  CHECK_THAT(changed.err, ContainsSubstring("the corpus changed while the run trained on it"));
  const auto failed = ff::io::read_results(folder / "outputs/results.json");
  REQUIRE(failed.size() == 1);
  CHECK_FALSE(failed[0].completed());
  // The next call trains on what is there now, from the start.
  CHECK(run(train, folder.path()).exit_code == 0);
  CHECK(losses(folder / "outputs/results.json").at("exp_0000") > 0);

  // Cut short under the mapping, which is a bus error in the worker.
  std::filesystem::remove_all(folder / "outputs/runs");
  const auto cut =
      run("( exec " + train + ") & p=$!; " + wait_for_metrics("outputs/runs/exp_0000", 3) +
              "truncate -s 1000 data.bin; wait $p",
          folder.path());
  CHECK(cut.exit_code == 4);
  CHECK(std::regex_search(cut.err, std::regex("cut short|corpus changed")));
  CHECK(lines(cut.err) == 1);
}

TEST_CASE("fault: a loss diverges", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  const std::string train = "ff-train evaluation.tokens=4000 ";
  const auto diverged = run(train + "trainer.learning_rate=1e30", folder.path());
  CHECK(diverged.exit_code == 4);
  CHECK_THAT(diverged.out, ContainsSubstring("0 completed, 0 kept, 0 failed, 2 diverged"));
  for (const auto& r : ff::io::read_results(folder / "outputs/results.json")) {
    CHECK(r.status == "diverged");
    CHECK_FALSE(r.final_loss);
    CHECK_THAT(r.error_message, ContainsSubstring("diverged at step"));
  }
  CHECK_THAT(read_text(folder / "outputs/results.json"), !ContainsSubstring("NaN"));
  // It is an answer, not to be had again.
  const auto kept = run(train + "trainer.learning_rate=1e30", folder.path());
  CHECK(kept.exit_code == 4);
  CHECK_THAT(kept.err, ContainsSubstring("0 to run"));
  // Never in the fit.
  CHECK(run("ff-analyze -q", folder.path()).exit_code == 5);

  const auto retried = run(train +
                               "trainer.learning_rate=100 trainer.diverged_retries=20 "
                               "trainer.diverged_lr_factor=0.001",
                           folder.path());
  CHECK(retried.exit_code == 0);
  for (const auto& r : ff::io::read_results(folder / "outputs/results.json")) {
    CHECK(r.completed());
    CHECK(*r.learning_rate == Approx(100 * std::pow(1e-3, r.diverged_learning_rates.size())));
  }
}

TEST_CASE("fault: the clock goes backwards", "[e2e]") {
  const TemporaryFolder folder;
  // LD_PRELOAD is a list, apart by blanks: the checkout's path may have some.
  std::filesystem::copy(FF_BACKWARDS_CLOCK, folder / "clock.so");
  const std::string preload = "LD_PRELOAD=" + (folder / "clock.so").string() + " ";
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  REQUIRE(run(kTrain, folder.path()).exit_code == 0);
  const auto truth = losses(folder / "outputs/results.json");
  const auto back =
      run(preload + kTrain + "resume=false trainer.checkpoint_every=10", folder.path());
  INFO(back.err);
  CHECK(back.exit_code == 0);
  CHECK(losses(folder / "outputs/results.json") == truth);
  for (const auto& r : ff::io::read_results(folder / "outputs/results.json")) {
    CHECK(r.wall_time_s > 0);
    CHECK(r.wall_time_s < 60);
  }
  CHECK_THAT(run(preload + kTrain, folder.path()).out, ContainsSubstring("0 completed, 2 kept"));
}
