// SPDX-License-Identifier: MIT
// The sweep as a set of processes: which cores and how much memory they get, and what happens when
// one is killed or runs out of memory.
#include "flops_fit/io/sweep.h"

#include "small_sweep.h"
#include "support/sanitizer.h"

#include "flops_fit/io/json.h"
#include "flops_fit/run/cores.h"
#include "flops_fit/util/cores.h"

#include <regex>
#include <sstream>

using ff::test::kTrain;
using ff::test::losses;
using ff::test::plan;
using ff::test::read_text;
using ff::test::run;
using ff::test::TemporaryFolder;
using ff::test::wait_for_metrics;

namespace {

/// Shell that writes each new value of a line of /proc/<pid>/<file> of one run's worker to `out`,
/// every 20 ms until the worker has come and gone. The folder's name is the test's own, as others
/// may run at the same time; [0] keeps the pattern from finding the shell.
std::string watch(const std::string& folder,
                  const std::string& id_tail,
                  const std::string& file,
                  const std::string& key,
                  const std::string& out) {
  return "( seen=; for i in $(seq 1500); do sleep 0.02; p=$(pgrep -f -- '--worker " + folder +
         "/runs/exp_[0]" + id_tail + "'); test -n \"$p\" && seen=1 && grep '^" + key +
         "' /proc/$p/" + file + " >>" + out +
         ".all 2>/dev/null; test -n \"$seen\" -a -z \"$p\" && break; done; uniq " + out + ".all >" +
         out + " ) & ";
}

/// Why exp_0001 failed, which has no loss then, and alone.
std::string only_failure(const std::filesystem::path& results) {
  std::string reason;
  for (const auto& r : ff::io::read_results(results)) {
    CHECK(r.completed() == (r.experiment_id != "exp_0001"));
    if (!r.completed()) {
      CHECK_FALSE(r.final_loss);
      reason = r.error_message;
    }
  }
  return reason;
}

std::string joined(const std::vector<int>& cores, const char* separator) {
  return std::to_string(cores[0]) + separator + std::to_string(cores[1]);
}

}  // namespace

TEST_CASE("workers are bound to a core each, and the last one gets them all", "[e2e]") {
  const std::vector<int> cores = ff::usable_cores();
  if (cores.size() < 2) {
    WARN("skipped: it takes two cores");
    return;
  }
  const std::string two = "taskset -c " + joined(cores, ",") + " ";
  const auto allowed = [](const std::filesystem::path& file) {
    std::vector<std::string> lists;
    std::istringstream lines(read_text(file));
    for (std::string key, list; lines >> key >> list;) {
      lists.push_back(list);
    }
    return lists;
  };
  const std::string both = joined(cores, cores[1] == cores[0] + 1 ? "-" : ",");
  const TemporaryFolder folder;

  // exp_0000 ends long before exp_0001.
  REQUIRE(run(plan("[2e9,4e10]", "[[8],[16]]") + "output_dir=moving", folder.path()).exit_code ==
          0);
  const auto trained = run(watch("moving", "001", "status", "Cpus_allowed_list", "lists") + two +
                               kTrain + "output_dir=moving; r=$?; wait; exit $r",
                           folder.path());
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  const auto lists = allowed(folder / "lists");
  INFO(read_text(folder / "lists"));
  REQUIRE(lists.size() >= 2);  // before it has read its first order, it may be seen on both, too
  CHECK(lists[lists.size() - 2] == std::to_string(cores[0]));  // the longest started first
  CHECK(lists.back() == both);

  // Alone it has them from the start: never one core.
  std::filesystem::remove_all(folder / "moving/runs/exp_0001");
  const auto alone = run(watch("moving", "001", "status", "Cpus_allowed_list", "alone") + two +
                             kTrain + "output_dir=moving; r=$?; wait; exit $r",
                         folder.path());
  CHECK(alone.exit_code == 0);
  CHECK(allowed(folder / "alone") == std::vector{both});

  // Without pinning the kernel may put them anywhere. Pinned or not, each has a limit of its own on
  // the memory that it may take.
  const auto free =
      run(watch("moving", "001", "status", "Cpus_allowed_list", "free") +
              watch("moving", "001", "limits", "Max data size", "limit") + two + kTrain +
              "output_dir=moving resume=false hardware.pin_workers=false; r=$?; "
              "wait; exit $r",
          folder.path());
  CHECK(free.exit_code == 0);
  CHECK(allowed(folder / "free") == std::vector{both});
  CHECK((ff::test::kSanitizer ||
         std::regex_search(read_text(folder / "limit"), std::regex(R"(Max data size +\d+ )"))));
}

TEST_CASE("fault: a worker is killed", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[3e10]", "[[8,16,24]]") + "output_dir=killed", folder.path()).exit_code == 0);
  const std::string train = kTrain + "output_dir=killed trainer.log_every=5 ";
  // Kill -9 once it has trained for a while: its tenth line of metrics.
  const auto killed = run("( " + ff::test::wait_for_metrics("killed/runs/exp_0001", 10) +
                              "pkill -9 -f -- '--worker killed/runs/exp_[0]001' ) & " + train +
                              "trainer.checkpoint_every=0.05s; r=$?; wait; exit $r",
                          folder.path());
  INFO(killed.err);
  CHECK(killed.exit_code == 4);
  const auto results = folder / "killed/results.json";
  CHECK_THAT(only_failure(results), ContainsSubstring("killed by signal 9"));
  const auto partly = losses(results);
  REQUIRE(partly.size() == 3);
  // A second call trains what is missing, from its checkpoint; the numbers say so.
  const auto resumed = run(train + "--json", folder.path());
  REQUIRE(resumed.exit_code == 0);
  const auto numbers = ff::io::Json::parse(resumed.out);
  CHECK(numbers["completed"] == 1);
  CHECK(numbers["kept"] == 2);
  const auto now = losses(results);
  CHECK(now.at("exp_0000") == partly.at("exp_0000"));
  CHECK(now.at("exp_0002") == partly.at("exp_0002"));
  const double spent = numbers["training_flops"];
  CHECK(spent > 0);
  for (const auto& r : ff::io::read_results(results)) {
    CHECK((r.experiment_id != "exp_0001" || spent < r.actual_flops));
  }
  // The same bits as if nothing had happened.
  std::filesystem::remove_all(folder / "killed/runs/exp_0001");
  const auto again = run(train, folder.path());
  CHECK(again.exit_code == 0);
  CHECK(losses(results) == now);
}

TEST_CASE("a sweep says how much it trained and how fast, and results what was predicted",
          "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9,2e9]", "[[8],[16]]"), folder.path()).exit_code == 0);
  const auto trained = run(kTrain + "--json hardware.num_threads=1", folder.path());
  REQUIRE(trained.exit_code == 0);
  const auto numbers = ff::io::Json::parse(trained.out);
  double flops = 0.0;
  const auto planned = ff::io::read_sweep(folder / "outputs/sweep.json");
  const auto results = ff::io::read_results(folder / "outputs/results.json");
  REQUIRE(results.size() == planned.size());
  for (size_t i = 0; i < results.size(); ++i) {
    flops += results[i].actual_flops;
    REQUIRE(results[i].mfu);
    CHECK(*results[i].mfu > 0);
    REQUIRE(results[i].predicted_s);
    CHECK(*results[i].predicted_s == planned[i].predicted_seconds);
  }
  CHECK(numbers["training_flops"].get<double>() == Approx(flops).epsilon(1e-12));
  CHECK(numbers["flops_per_s"].get<double>() ==
        Approx(flops / numbers["wall_time_seconds"].get<double>()));
  CHECK(numbers["mfu"].get<double>() > 0);
  // Nothing left to train: no speed.
  const auto kept = ff::io::Json::parse(run(kTrain + "--json", folder.path()).out);
  CHECK(kept["training_flops"] == 0);
  CHECK(kept["mfu"].is_null());
  const auto said = run(kTrain + "resume=false", folder.path());
  CHECK(std::regex_search(
      said.out,
      std::regex(
          R"(\((3|2\.9|3\.0)\d?e9 training FLOPs, .* FLOP/s, \d+% of the peak of \d+ cores?\))")));
}

TEST_CASE("workers take less memory than predicted, and not much less", "[e2e]") {
  if (ff::test::kSanitizer) {
    WARN("skipped: a sanitizer's own memory is above any limit");
    return;
  }
  const TemporaryFolder folder;
  REQUIRE(run(plan("[2e9]", "[[8,128]]"), folder.path()).exit_code == 0);
  for (const std::string options :
       {"engine=eager ", "engine=fused ", "engine=eager trainer.batch_size=128 "}) {
    const auto trained =
        run("ff-train -v evaluation.tokens=4000 resume=false " + options, folder.path());
    INFO(trained.err);
    REQUIRE(trained.exit_code == 0);
    static const std::regex line(R"(took ([\d.]+) MiB, predicted ([\d.]+) MiB)");
    int seen = 0;
    for (std::sregex_iterator at(trained.err.begin(), trained.err.end(), line), end; at != end;
         ++at, ++seen) {
      const double took = std::stod((*at)[1]);
      const double predicted = std::stod((*at)[2]);
      CHECK(took <= predicted);
      CHECK(predicted <= 2 * took);
    }
    CHECK(seen == 2);
  }
}

TEST_CASE("fault: memory holds fewer experiments, or not one", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[8,16]]"), folder.path()).exit_code == 0);
  const auto dry = run("ff-train --dry-run", folder.path());
  CHECK(dry.exit_code == 0);
  CHECK(std::regex_search(dry.err, std::regex(R"(exp_0001: .*, at most \d+ MiB)")));

  const auto small =
      run(kTrain + "hardware.num_threads=2 hardware.memory_limit_gib=0.26", folder.path());
  CHECK(small.exit_code == 0);
  CHECK_THAT(small.err, ContainsSubstring("memory holds 1 of 2 experiments at once"));
  CHECK(std::count(small.err.begin(), small.err.end(), '\n') == 1);
  CHECK_THAT(small.out, ContainsSubstring("2 completed"));

  // What does not fit alone is refused by name before anything runs.
  std::filesystem::remove_all(folder / "outputs/runs");
  const auto refused = run(kTrain + "hardware.memory_limit_gib=0.05", folder.path());
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, ContainsSubstring("experiment exp_0"));
  CHECK_THAT(refused.err, ContainsSubstring("51 MiB are available (hardware.memory_limit_gib)"));
  CHECK(std::count(refused.err.begin(), refused.err.end(), '\n') == 1);
  if (!ff::test::kSanitizer) {  // whose own memory is above any limit
    const auto narrow = run("ulimit -d 420000; " + kTrain, folder.path());
    CHECK(narrow.exit_code == 2);
    CHECK_THAT(narrow.err, ContainsSubstring("(ulimit -d)"));
  }
  CHECK_FALSE(std::filesystem::exists(folder / "outputs/runs"));
}

namespace {

void run_out_of_memory(const std::string& engine) {
  if (ff::test::kSanitizer) {
    WARN("skipped: a sanitizer's own memory is above any limit");
    return;
  }
  const TemporaryFolder folder;
  // 16 layers: 17 million parameters at width 256, seconds for a usual evaluation.
  REQUIRE(run(plan("[1e10]", "[[16,256]]") + "model.num_layers=16", folder.path()).exit_code == 0);
  const std::string train = kTrain + "evaluation.tokens=200 engine=" + engine + " ";
  // The workers inherit the limit; memory_limit_gib says that there is enough, so nothing is
  // refused beforehand.
  const auto limited =
      run("ulimit -d 560000; " + train + "hardware.memory_limit_gib=64", folder.path());
  INFO(limited.err);
  CHECK(limited.exit_code == 4);
  const auto results = folder / "outputs/results.json";
  CHECK_THAT(only_failure(results),
             ContainsSubstring("out of memory: predicted to take") &&
                 ContainsSubstring("the allowed 547 MiB were not enough"));
  const auto before = losses(results);
  const auto enough = run(train, folder.path());
  CHECK(enough.exit_code == 0);
  CHECK_THAT(enough.out, ContainsSubstring("1 completed, 1 kept"));
  const auto after = losses(results);
  CHECK(after.at("exp_0000") == before.at("exp_0000"));
  CHECK(after.at("exp_0001") > 0);
}

}  // namespace

TEST_CASE("a worker is given no secret", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e10]", "[[16]]"), folder.path()).exit_code == 0);
  const auto seen =
      run("export FLOPS_FIT_API_KEY=sk-1 GITHUB_PAT=sk-2 MYSERVICE=sk-3 FF_TEST_PLAIN=plain; "
          "( exec " +
              kTrain +
              "api.key_env=MYSERVICE trainer.log_every=3 trainer.checkpoint_every=5 ) & p=$!; " +
              wait_for_metrics("outputs/runs/exp_0000", 4) +
              "for w in $(pgrep -P $p); do tr '\\0' '\\n' </proc/$w/environ; done; "
              "kill -TERM $p; wait $p",
          folder.path());
  CHECK_THAT(seen.out, ContainsSubstring("FF_TEST_PLAIN=plain"));
  CHECK_THAT(seen.out, !ContainsSubstring("sk-"));
}

TEST_CASE("fault: a worker runs out of memory", "[e2e]") {
  run_out_of_memory("fused");
}

TEST_CASE("a worker of the eager engine runs out of memory", "[e2e][slow]") {
  run_out_of_memory("eager");
}
