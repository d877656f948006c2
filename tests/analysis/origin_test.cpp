// SPDX-License-Identifier: MIT
// Results that are not all of one version, build, engine, dtype, kind of device or host.
#include "input_files.h"
#include "planted.h"
#include "planted_lr.h"
#include "support/catch.h"

#include "flops_fit/analysis/analyze.h"
#include "flops_fit/analysis/checks.h"
#include "flops_fit/analysis/lr_transfer.h"
#include "flops_fit/analysis/report.h"

using namespace ff;
using namespace ff::analysis;

namespace {

std::vector<io::RunResult> runs() {
  std::vector<io::RunResult> results = test::planted_runs(test::kChinchilla);
  for (io::RunResult& result : results) {
    result.version = "0.1.0";
    result.git_commit = "aaaaaaaaaaaa";
    result.engine = "fused";
    result.dtype = "float32";
    result.device = "cpu";
    result.host = "one";
  }
  return results;
}

std::vector<std::string> warnings_of(const std::vector<io::RunResult>& results) {
  return check_data(prepare_runs(results, {}));
}

std::string the_warning(const std::vector<io::RunResult>& results) {
  const std::vector<std::string> warnings = warnings_of(results);
  REQUIRE(warnings.size() == 1);
  return warnings.front();
}

}  // namespace

TEST_CASE("results of one origin are fitted without a word", "[analysis][origin]") {
  CHECK(warnings_of(runs()).empty());
}

TEST_CASE("results of several origins are fitted with a word on each", "[analysis][origin]") {
  auto results = runs();
  REQUIRE(results.size() == 35);
  SECTION("versions") {
    for (size_t i = 0; i < 4; ++i) {
      results[i].version = "0.2.0";
      results[i].git_commit = "bbbbbbbbbbbb";  // goes without saying
    }
    CHECK_THAT(the_warning(results),
               ContainsSubstring("2 versions of flops-fit (31 of 0.1.0, 4 of 0.2.0)"));
  }
  SECTION("a version, and results that name none") {
    results[7].version.clear();
    CHECK_THAT(the_warning(results), ContainsSubstring("(34 of 0.1.0, 1 of none that is named)"));
  }
  SECTION("builds of one version") {
    results[3].git_commit = "bbbbbbbbbbbb";
    CHECK_THAT(the_warning(results),
               ContainsSubstring("2 builds of flops-fit (34 of aaaaaaaaaaaa, 1 of bbbbbbbbbbbb)"));
  }
  SECTION("engines") {
    results[3].engine = "eager";
    CHECK_THAT(the_warning(results), ContainsSubstring("mix engines (1 eager, 34 fused)"));
  }
  SECTION("hosts, of which three are named") {
    for (size_t i = 0; i < 20; ++i) {
      results[i].host = "node" + std::to_string(i / 2);
    }
    CHECK_THAT(the_warning(results),
               ContainsSubstring("11 hosts (15 of one, 2 of node0, 2 of node1, 16 of 8 more)"));
  }
}

TEST_CASE("the word on mixed origins is in laws, tables and reports", "[analysis][origin]") {
  auto results = runs();
  results[5].version = "0.2.0";
  AnalyzerConfig config;
  config.bootstrap.replicates = 0;
  config.validation.leave_one_out = false;
  const io::ScalingLaws laws = analyze(results, config);
  CHECK_THAT(laws.warnings.front(), ContainsSubstring("2 versions of flops-fit"));
  for (const std::string& text : {report(laws, {}), markdown_report(laws, {}), summary(laws)}) {
    CHECK_THAT(text, ContainsSubstring("2 versions of"));
  }
}

TEST_CASE("a transfer of learning rates says so, too", "[analysis][origin]") {
  auto results = test::planted_lr_runs();
  for (io::RunResult& result : results) {
    result.engine = "fused";
  }
  CHECK(analyze_lr_transfer(results).warnings.empty());
  results[2].engine = "eager";
  CHECK_THAT(analyze_lr_transfer(results).warnings.at(0),
             ContainsSubstring("mix engines (1 eager"));
}

TEST_CASE("names from anyone's tables move no terminal", "[analysis][origin]") {
  auto results = runs();
  results[3].status = "failed";
  results[3].experiment_id =
      "\x1b[2J\x1b]0;x\x07 a\tb\xc2\x9b"
      "2J \xe2\x80\xae"
      "c\x7f";
  AnalyzerConfig config;
  config.bootstrap.replicates = 0;
  config.validation.leave_one_out = false;
  const io::ScalingLaws laws = analyze(results, config);
  for (const std::string& text : {report(laws, {}), markdown_report(laws, {}), summary(laws)}) {
    CHECK_THAT(text, ContainsSubstring("x1b[2J"));
    CHECK(std::all_of(text.begin(), text.end(), [](char c) {
      return static_cast<unsigned char>(c) >= ' ' ? c != 0x7f : c == '\n';
    }));
    CHECK(text.find("\xc2\x9b") == std::string::npos);
    CHECK(text.find("\xe2\x80\xae") == std::string::npos);
  }
}

TEST_CASE("results that count N or FLOPs in several ways are named", "[analysis][origin]") {
  auto results = runs();
  results.resize(5);
  for (size_t i = 0; i < results.size(); ++i) {
    io::RunResult& r = results[i];
    r.architecture = cost::Architecture{.d_model = 16,
                                        .num_layers = 2,
                                        .num_heads = 2,
                                        .d_ff = 64,
                                        .vocab_size = 488,
                                        .seq_len = 64};
    const cost::ParamCounts counts = cost::count_params(*r.architecture);
    r.model_size = counts.matmul;
    r.num_tokens = 18'432;
    r.actual_flops = cost::train_flops_per_token(*r.architecture) * 18'432;
  }
  const auto warnings = [&] {
    std::vector<const io::RunResult*> pointers;
    for (const io::RunResult& r : results) {
      pointers.push_back(&r);
    }
    return check_origin(pointers);
  };
  CHECK(warnings().empty());
  results[3].model_size = cost::count_params(*results[3].architecture).total;
  REQUIRE(warnings().size() == 1);
  CHECK_THAT(warnings().front(), ContainsSubstring("count N in 2 ways (4 of matmul, 1 of total)"));
  results[3].model_size = results[0].model_size;
  results[1].actual_flops = 6.0 * static_cast<double>(results[1].model_size) * 18'432;
  REQUIRE(warnings().size() == 1);
  CHECK_THAT(warnings().front(),
             ContainsSubstring("count their FLOPs in 2 ways (4 of exact, 1 of 6nd)"));
}
