// SPDX-License-Identifier: MIT
// Tables with something wrong: refused in one line, left out, or warned of.
#include "analysis/input_files.h"

using namespace ff;
using namespace ff::analysis;
using namespace ff::test;

TEST_CASE("damaged files are refused in one line that says where", "[analysis][input]") {
  const std::string head = "params,tokens,loss\n1,2,3\n";
  for (const auto& [name, content, expected] : std::vector<std::array<std::string, 3>>{
           {"a.csv", "", "the file is empty"},
           {"a.csv", " \r\n\n", "the file is empty"},
           {"a.jsonl", "\n", "the file is empty"},
           {"a.csv", "params,tokens,loss\n", "a header and no rows"},
           {"a.csv", head + "1,2\n", "a.csv:3: 2 cells, and the header has 3"},
           {"a.csv", head + "1,2,3,4\n", "a.csv:3: 4 cells, and the header has 3"},
           {"a.csv", head + "1,2,1,234\n", "a.csv:3: 4 cells"},
           {"a.csv", head + "1,2,\"1,234\"\n", "a.csv:3: column loss: expected a number"},
           {"a.csv", head + "1,2e9000,3\n", "a.csv:3: column tokens: expected a number"},
           {"a.csv", head + "7B,2,3\n", "found \"7B\""},
           {"a.csv", head + "1,2,\"3\n\n", "a.csv:3: the quote is never closed"},
           {"a.csv", head + "1,2,\"3\"x\n", "a.csv:3: 'x' after a closing quote"},
           {"a.csv", "loss,loss\n1,2\n", "a.csv:1: two columns are called loss"},
           {"a.csv", head + std::string("1,\0,3\n", 6), "a.csv:3: a NUL byte"},
           {"a.json", std::string("[\0]", 3), "a.json:1: a NUL byte"},
           {"a.json", "[{\"params\": 1e400}]", "a number that does not fit"},
           {"a.json", "[{\"params\": 1, \"tokens\": [2], \"loss\": 1}]", "column for the training"},
           {"a.json",
            "[{\"params\": true, \"tokens\": 1, \"loss\": 1}]",
            "column params: expected"},
           {"a.jsonl", "{\"params\": 1}\n{\"par", "a.jsonl:2: not one JSON object a line"},
           {"a.jsonl", "{\"params\": 1}\n3\n", "a.jsonl:2: expected an object"},
           {"a.json", "[1, 2]", "a.json: [0]: expected an object"},
           {"a.json", "[{\"experiment_id\": \"a\"}]", "[0].compute_budget"}}) {
    INFO(content);
    CHECK_THAT(fault(name, content), ContainsSubstring(expected));
  }
  const TemporaryFolder folder;
  CHECK_THROWS_WITH(read_input(config_of(folder.path())), ContainsSubstring("is a folder"));
  CHECK_THROWS_WITH(read_input(config_of(folder / "a.csv")), ContainsSubstring("no such file"));
}

TEST_CASE("any cut or flipped byte of a table gives runs or one error", "[analysis][input]") {
  const std::string csv = "name,params,tokens,loss\n\"a\",1e6,2e7,3.5\nb,2e6,\"2e7\",3\n";
  const std::string json = R"([{"name": "a", "params": 1e6, "tokens": 2e7, "loss": 3.5}])";
  for (const auto& [name, whole] :
       std::vector<std::pair<std::string, std::string>>{{"a.csv", csv}, {"a.json", json}}) {
    for (size_t i = 0; i < whole.size(); ++i) {
      (void)fault(name, whole.substr(0, i));
      for (const char c : {'"', ',', '\n', '\xff', '{'}) {
        std::string changed = whole;
        changed[i] = c;
        (void)fault(name, changed);
      }
    }
  }
}

TEST_CASE("missing and impossible numbers leave a row out with a warning", "[analysis][input]") {
  std::string csv = "params,tokens,flops,loss\n,2e7,,3\n1e6,2e7,,nan\n1e6,-1,,3\n1e6,2e7,,\n";
  for (int i = 1; i <= 6; ++i) {
    csv += fmt::format("{}e6,2e7,,{}\n", i, 4.0 - 0.1 * i);
  }
  const Dataset data = prepare_runs(read("a.csv", csv).runs, {});
  CHECK(data.points.size() == 6);
  CHECK_THAT(joined(data.warnings),
             ContainsSubstring("2 runs are left out (a.csv:2, a.csv:4): a parameter count") &&
                 ContainsSubstring("2 runs are left out (a.csv:3, a.csv:5): a loss"));
}

TEST_CASE("units that cannot be right are warned of", "[analysis][input]") {
  std::vector<Run> runs = clean_runs();
  CHECK(warnings_of(runs) == "");
  SECTION("FLOPs of the forward pass") {
    for (Run& run : runs) {
      run.budget /= 3;
    }
    const std::string text = warnings_of(runs);
    CHECK_THAT(
        text,
        ContainsSubstring("2.00 N D, a third of 6 N D") && ContainsSubstring("a factor of 3"));
    CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  }
  SECTION("N and D in billions") {
    for (Run& run : runs) {
      run.n /= 1e9;
      run.d /= 1e9;
    }
    CHECK_THAT(warnings_of(runs), ContainsSubstring("1e+18 times 6 N D: look for units"));
  }
  SECTION("losses that are no losses per token") {
    for (Run& run : runs) {
      run.loss *= 10;
    }
    CHECK_THAT(warnings_of(runs), ContainsSubstring("Every loss is above 12.5"));
  }
  SECTION("bits per byte") {
    for (Run& run : runs) {
      run.n *= 10;
      run.budget *= 10;
      run.loss *= 0.2;
    }
    CHECK_THAT(warnings_of(runs), ContainsSubstring("bits per byte or per character"));
  }
  SECTION("bits per token, where the vocabulary is known") {
    runs[3].result->architecture = cost::Architecture{64, 2, 4, 256, 512, 128};
    runs[3].loss = 7.5;  // ln 512 = 6.24, log2 512 = 9
    CHECK_THAT(warnings_of(runs),
               ContainsSubstring("below log2(vocab_size) (diverged, or in bits"));
  }
  SECTION("a column that is named after bits") {
    const std::string csv = "params,tokens,loss_bits\n1,2,3\n";
    CHECK_THAT(joined(read("a.csv", csv, {.columns = {.loss = "loss_bits"}}).warnings),
               ContainsSubstring("column loss_bits, which sounds like bits"));
  }
  SECTION("rows that stand twice") {
    runs.push_back(runs[4]);
    runs.back().id = "copy";
    CHECK_THAT(
        warnings_of(runs),
        ContainsSubstring("1 of 36 runs repeat another's N, D and loss exactly (exp_0004 and"));
  }
  SECTION("budgets of one size each") {
    for (size_t i = 0; i < runs.size(); ++i) {
      runs[i].budget *= std::pow(1.1, static_cast<double>(i));
    }
    CHECK_THAT(warnings_of(runs),
               ContainsSubstring("35 of 35 budgets have a single size") &&
                   ContainsSubstring("input.group_budgets"));
  }
}
