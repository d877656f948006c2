// SPDX-License-Identifier: MIT
// Inputs at the edges, through the real programs: each is refused with the documented exit code and
// one line, or handled; in time, and in memory that is in proportion to the file.
#include "support/catch.h"
#include "support/files.h"
#include "support/process.h"
#include "support/sanitizer.h"

#include <algorithm>
#include <cmath>

using namespace ff::test;

namespace {

constexpr int kSeconds = kSanitizer ? 120 : 30;

constexpr const char* kHead = "name,params,tokens,flops,loss\n";

/// Runs a command with at most so many MiB of addresses; 124 is the code of a time-out.
Outcome bounded(const std::string& command, const TemporaryFolder& folder, int mib = 1500) {
  const std::string limit =
      !kSanitizer ? "ulimit -v " + std::to_string(mib * 1024) + " && " : std::string();
  return run(limit + "timeout " + std::to_string(kSeconds) + " " + command, folder.path());
}

/// One line of error, in words of ours.
void check_refusal(const Outcome& outcome, int exit_code) {
  CAPTURE(outcome.err, outcome.out);
  CHECK(outcome.exit_code == exit_code);
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  CHECK_THAT(outcome.err, ContainsSubstring(": error: "));
  CHECK_THAT(outcome.err, !ContainsSubstring("exception") && !ContainsSubstring("std::"));
}

/// Answered or refused, but not ended by a signal, a time-out, or a lack of memory.
void check_survives(const Outcome& outcome) {
  CAPTURE(outcome.err, outcome.out);
  CHECK((outcome.exit_code == 0 || outcome.exit_code == 2 || outcome.exit_code == 3 ||
         outcome.exit_code == 5));
  CHECK_THAT(outcome.err, !ContainsSubstring("exception") && !ContainsSubstring("std::"));
}

std::string repeated(const std::string& part, size_t times) {
  std::string text;
  text.reserve(part.size() * times);
  for (size_t i = 0; i < times; ++i) {
    text += part;
  }
  return text;
}

/// A file of zero bytes that takes no disk.
void write_sparse(const std::filesystem::path& path, int64_t bytes) {
  write_text(path, "");
  std::filesystem::resize_file(path, static_cast<uintmax_t>(bytes));
}

/// The ways in which each program reads a JSON file.
const std::vector<std::string>& json_readers() {
  static const std::vector<std::string> commands = {
      "ff-analyze paths.results=a.json",
      "ff-visualize paths.results=a.json",
      "ff-visualize paths.results=none paths.analysis=a.json",
      "ff-plan hardware.predict_time=off plan.prior.laws=a.json"};
  return commands;
}

/// A sweep that ff-analyze has an answer for, with `names` of runs.
std::string good_table(const std::string& name) {
  std::string table = kHead;
  for (int budget = 0; budget < 3; ++budget) {
    for (int i = -3; i <= 3; ++i) {
      const double n = 1e5 * std::pow(3.0, budget) * std::exp2(0.7 * i);
      const double c = 1e12 * std::pow(10.0, budget);
      const double loss = 0.5 + 0.05 * i * i + 2.0 * std::pow(c / 1e12, -0.1);
      table += name + "," + std::to_string(n) + "," + std::to_string(c / 6 / n) + "," +
               std::to_string(c) + "," + std::to_string(loss) + "\n";
    }
  }
  return table;
}

}  // namespace

TEST_CASE("JSON nested without end is refused in a line", "[fuzz][edges]") {
  const TemporaryFolder folder;
  for (const size_t depth : {size_t{10'000}, size_t{1'000'000}}) {
    for (const char* part : {"[", "{\"a\":"}) {
      write_text(folder / "a.json", repeated(part, depth));
      for (const std::string& command : json_readers()) {
        INFO(command << " " << part << depth);
        const Outcome outcome = bounded(command, folder);
        check_refusal(outcome, 3);
        CHECK_THAT(outcome.err, ContainsSubstring("nested more than 500 deep"));
      }
    }
  }
  write_text(folder / "a.jsonl", repeated("[", 1'000'000) + "\n");
  check_refusal(bounded("ff-analyze paths.results=a.jsonl", folder), 3);
  check_refusal(bounded("ff-tokenize dataset.path=a.jsonl", folder), 3);
}

TEST_CASE("YAML nested without end, or that doubles itself, is refused in a line",
          "[fuzz][edges]") {
  const TemporaryFolder folder;
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  std::string doubles = "a0: x\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" +
              repeated("*a" + before + ", ", 10) + "]\n";
    doubles += "a" + std::to_string(i) + ": ${a" + before + "}${a" + before + "}\n";
  }
  for (const std::string& text : {"output_dir: " + repeated("[", 10'000),
                                  "output_dir: " + repeated("{a: ", 10'000),
                                  "output_dir:\n  " + repeated("- ", 100'000) + "1\n",
                                  repeated("[", 1'000'000),
                                  repeated("? ", 10'000),
                                  repeated("k: 1\n", 100'000),
                                  repeated("- x\n", 200'000),
                                  laughs,
                                  doubles,
                                  repeated("x", 900'000) + ": 1\n",
                                  "? " + repeated("x", 900'000) + "\n: 1\n",
                                  repeated("\t\"&*!%@`", 100'000)}) {
    INFO(text.substr(0, 60));
    write_text(folder / "a.yaml", text);
    check_refusal(bounded("ff-plan --config-dir=. --config-name=a", folder), 2);
  }
}

TEST_CASE("files of one long line take memory in proportion", "[fuzz][edges]") {
  const TemporaryFolder folder;
  constexpr int64_t kBytes = 50'000'000;
  for (const char* name : {"a.json", "a.jsonl", "a.csv", "a.txt", "a.bin", "a.model", "a.yaml"}) {
    write_sparse(folder / name, kBytes);
  }
  for (const char* command : {"ff-analyze paths.results=a.json",
                              "ff-analyze paths.results=a.jsonl",
                              "ff-analyze paths.results=a.csv",
                              "ff-visualize paths.results=a.json",
                              "ff-tokenize dataset.path=a.txt",
                              "ff-tokenize dataset.path=a.jsonl"}) {
    INFO(command);
    check_refusal(bounded(command, folder, 600), 3);
  }
  check_refusal(bounded("ff-plan --config-dir=. --config-name=a", folder, 600), 2);
  write_text(folder / "small.txt", repeated("a small text\n", 100));
  check_refusal(bounded("ff-tokenize dataset.path=small.txt dataset.tokenizer=a.model", folder), 3);

  write_text(folder / "a.csv", std::string(20'000'000, 'a'));
  check_refusal(bounded("ff-analyze paths.results=a.csv", folder, 600), 3);
  write_text(folder / "a.csv", "\"" + std::string(20'000'000, 'a'));
  check_refusal(bounded("ff-analyze paths.results=a.csv", folder, 600), 3);
  // The JSON parser holds several copies of a text while it reads it.
  write_text(folder / "a.json", "[\"" + std::string(20'000'000, 'a'));
  check_refusal(bounded("ff-analyze paths.results=a.json", folder, 1000), 3);
  write_text(folder / "a.jsonl", "{\"text\": \"" + std::string(20'000'000, 'a') + "\n");
  check_refusal(bounded("ff-tokenize dataset.path=a.jsonl", folder, 1000), 3);
}

TEST_CASE("a text of one line of 20 MB without blanks is tokenised", "[fuzz][edges][slow]") {
  const TemporaryFolder folder;
  std::string text(20'000'000, 'a');
  uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>('a' + (state >> 24) % 10);
  }
  write_text(folder / "a.txt", text);
  const Outcome outcome = bounded(
      "ff-tokenize dataset.path=a.txt dataset.vocab_size=300 dataset.tokenizer_sample_bytes=100000",
      folder);
  CAPTURE(outcome.err);
  CHECK(outcome.exit_code == 0);
}

TEST_CASE("a file of a gigabyte in one line is refused in memory for it", "[fuzz][edges][slow]") {
  const TemporaryFolder folder;
  constexpr int64_t kBytes = int64_t{1} << 30;
  for (const char* name : {"a.json", "a.csv", "a.txt", "a.yaml"}) {
    write_sparse(folder / name, kBytes);
  }
  check_refusal(bounded("ff-analyze paths.results=a.json", folder, 2000), 3);
  check_refusal(bounded("ff-analyze paths.results=a.csv", folder, 2000), 3);
  check_refusal(bounded("ff-visualize paths.results=a.json", folder, 2000), 3);
  check_refusal(bounded("ff-tokenize dataset.path=a.txt", folder, 2000), 3);
  check_refusal(bounded("ff-plan --config-dir=. --config-name=a", folder, 500), 2);
}

TEST_CASE("tables with very many columns, keys or rows are read in time", "[fuzz][edges]") {
  const TemporaryFolder folder;
  std::string names, cells, object;
  for (int i = 0; i < 300'000; ++i) {
    names += "c" + std::to_string(i) + ",";
    cells += "1,";
    object += "\"c" + std::to_string(i) + "\":1,";
  }
  write_text(folder / "a.csv", names + "loss\n" + cells + "1\n");
  check_refusal(bounded("ff-analyze paths.results=a.csv", folder), 3);
  write_text(folder / "a.jsonl", "{" + object + "\"loss\":1}\n");
  check_refusal(bounded("ff-analyze paths.results=a.jsonl", folder), 3);
  write_text(folder / "a.json", "[{" + object + "\"loss\":1}]");
  check_refusal(bounded("ff-analyze paths.results=a.json", folder), 3);
}

TEST_CASE("devices, pipes and folders are refused, and nothing waits for them", "[fuzz][edges]") {
  const TemporaryFolder folder;
  REQUIRE(run("mkfifo pipe && mkdir -p folder.json", folder.path()).exit_code == 0);
  for (const char* path : {"/dev/zero", "pipe", "folder.json", "/dev/tty", "/proc/self/mem"}) {
    const std::string file = path;
    for (const std::string& command : {"ff-analyze paths.results=" + file,
                                       "ff-visualize paths.results=" + file,
                                       "ff-visualize paths.analysis=" + file,
                                       "ff-plan plan.prior.laws=" + file,
                                       "ff-tokenize dataset.format=text dataset.path=" + file,
                                       "ff-tokenize dataset.tokenizer=" + file + ".model",
                                       "ff-analyze paths.results=" + file}) {
      INFO(command);
      check_refusal(bounded(command, folder), 3);
    }
  }
  check_refusal(bounded("ff-plan --config-name=./pipe", folder), 2);
}

TEST_CASE("a table can still come through a pipe", "[fuzz][edges]") {
  const TemporaryFolder folder;
  write_text(folder / "a.csv", good_table("x"));
  const std::string options = " bootstrap.replicates=0 fitting.starts=4 output_dir=o";
  for (const std::string& command :
       {"bash -c 'ff-analyze paths.results=<(sleep 0.2; cat a.csv)" + options + "'",
        "bash -c 'cat a.csv | ff-analyze paths.results=/dev/stdin" + options + "'"}) {
    const Outcome outcome = bounded(command, folder);
    CAPTURE(command, outcome.err);
    CHECK(outcome.exit_code == 0);
  }
}

TEST_CASE("numbers at the edges of a table give an answer or a line", "[fuzz][edges]") {
  const TemporaryFolder folder;
  const std::string options = " bootstrap.replicates=10 fitting.starts=4 output_dir=o";
  for (const char* number : {"0",
                             "-0",
                             "-1",
                             "1e308",
                             "-1e308",
                             "1e999",
                             "5e-324",
                             "nan",
                             "inf",
                             "9223372036854775808",
                             "18446744073709551616",
                             "",
                             "abc"}) {
    for (size_t column = 1; column < 5; ++column) {
      std::string line = "x";
      for (size_t i = 1; i < 5; ++i) {
        line += std::string(",") + (i == column ? number : "1000");
      }
      write_text(folder / "a.csv", good_table("x") + line + "\n");
      INFO(line);
      check_survives(bounded("ff-analyze paths.results=a.csv" + options, folder));
    }
    const std::string row = std::string("x,") + number + "," + number + "," + number + "," + number;
    write_text(folder / "a.csv", kHead + row + "\n" + row + "\n" + row + "\n");
    INFO(row);
    check_survives(bounded("ff-analyze paths.results=a.csv" + options, folder));
  }
}

TEST_CASE("numbers at the edges of results and plans are refused by name", "[fuzz][edges]") {
  const TemporaryFolder folder;
  const std::string head = R"([{"experiment_id":"a","compute_budget":1e12,"final_loss":1,)";
  for (const auto& [fields, expected] : std::vector<std::pair<std::string, std::string>>{
           {R"("model_size":0,"num_tokens":1)", "model_size: expected a positive number"},
           {R"("model_size":-1,"num_tokens":1)", "model_size: expected a positive number"},
           {R"("model_size":1.5,"num_tokens":1)", "model_size: expected a whole number"},
           {R"("model_size":1e308,"num_tokens":1)", "model_size: expected a whole number"},
           {R"("model_size":NaN,"num_tokens":1)", "model_size: expected a positive number"},
           {R"("model_size":1e999,"num_tokens":1)", "a number that does not fit"},
           {R"("model_size":1,"num_tokens":9223372036854775808)", "below 2^63"},
           {R"("model_size":1,"num_tokens":1,"seed":18446744073709551615)", "below 2^63"},
           {R"("model_size":1,"num_tokens":1,"architecture":{"d_model":1099511627776,)"
            R"("num_layers":1,"num_heads":1,"d_ff":1,"vocab_size":1,"seq_len":1})",
            "d_model: expected a whole number from 1 to"}}) {
    write_text(folder / "a.json", head + fields + "}]");
    for (const char* command : {"ff-analyze", "ff-visualize"}) {
      INFO(command << " " << fields);
      const Outcome outcome = bounded(std::string(command) + " paths.results=a.json", folder);
      check_refusal(outcome, 3);
      CHECK_THAT(outcome.err, ContainsSubstring(expected));
    }
  }
  write_text(folder / "a.json", "[]");
  check_refusal(bounded("ff-analyze paths.results=a.json", folder), 5);
}

TEST_CASE("settings at the edges are refused, or planned in time", "[fuzz][edges]") {
  const TemporaryFolder folder;
  for (const char* setting :
       {"compute.budgets=[1e308]",
        "compute.budgets=[1e40]",
        "compute.max_flops=-1",
        "compute.max_flops=1e999",
        "compute.max_flops=nan",
        "compute.num_budgets=9223372036854775808",
        "compute.num_budgets=0",
        "compute.num_budgets=1000 compute.num_model_sizes=1000 plan.seeds=1000",
        "compute.budgets=[]",
        "model.max_size=1e308",
        "model.min_size=1e13 model.max_size=1e13",
        "model.vocab_size=9223372036854775807",
        "model.vocab_size=2147483647",
        "plan.widths=[[9223372036854775800]]",
        "plan.first_seed=9223372036854775807 plan.seeds=2",
        "schedule.batch_size=9223372036854775807",
        "schedule.batch_min_tokens=1e308",
        "lr_schedule.base_lr=1e308 lr_schedule.steps_power=-2",
        "architecture.d_model_multiple=65521 model.head_size=1022",
        "dataset.seq_len=9223372036854775807",
        "output_dir=\"a\nb\"",
        "nothing=\xff\xfe",
        "hydra.a.a.a.a=1"}) {
    INFO(setting);
    std::string arguments = setting;
    if (arguments.find(' ') == std::string::npos) {
      arguments = "'" + arguments + "'";
    }
    check_survives(bounded("ff-plan hardware.predict_time=off " + arguments, folder));
  }
  check_refusal(bounded("ff-plan 'hydra." + repeated("a.", 30'000) + "b=1'", folder), 2);
  check_refusal(bounded("ff-plan " + repeated("x", 100'000) + "=1", folder), 2);
}

TEST_CASE("names that are not UTF-8, and NUL bytes, reach no output", "[fuzz][edges]") {
  const TemporaryFolder folder;
  const std::string options = " bootstrap.replicates=0 fitting.starts=4 output_dir=o";
  write_text(folder / "a.csv", good_table("x\xff\xfe"));
  const Outcome named = bounded("ff-analyze --json paths.results=a.csv" + options, folder);
  CAPTURE(named.err);
  CHECK(named.exit_code == 0);
  CHECK(named.out.find('\xff') == std::string::npos);
  // What was written can be read by the next program.
  check_survives(bounded("ff-visualize output_dir=o", folder));

  write_text(folder / "a.csv", std::string("name\0,loss\n1,2\n", 15));
  check_refusal(bounded("ff-analyze paths.results=a.csv", folder), 3);
  write_text(folder / "a.csv", "\xff\xfe\"\nb\",loss\n1,2\n");
  check_refusal(bounded("ff-analyze paths.results=a.csv", folder), 3);
  write_text(folder / "a.json", "[{\"experiment_id\": \"\xff\"}]");
  check_refusal(bounded("ff-analyze paths.results=a.json", folder), 3);
  write_text(folder / "a.json", "[{\"experiment_id\": \"a\\u0000b\"}]");
  check_refusal(bounded("ff-analyze paths.results=a.json", folder), 3);
  write_text(folder / "a.txt", std::string(1000, '\xff'));
  check_refusal(bounded("ff-tokenize dataset.path=a.txt", folder), 3);
}
