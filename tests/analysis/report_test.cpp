// SPDX-License-Identifier: MIT
#include "flops_fit/analysis/report.h"

#include "analysis/planted.h"
#include "support/catch.h"

#include "flops_fit/analysis/analyze.h"
#include "flops_fit/util/units.h"

#include <algorithm>
#include <sstream>

using namespace ff;
using namespace ff::analysis;

namespace {

AnalyzerConfig quick_config() {
  AnalyzerConfig config;
  config.fitting.method = "vp";
  config.bootstrap.replicates = 40;
  config.target_compute = {1e22, 1e24};
  return config;
}

const io::ScalingLaws& noisy_laws() {
  static const io::ScalingLaws laws =
      analyze(test::planted_runs(test::kChinchilla, {.noise = 0.003}), quick_config());
  return laws;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

/// The text with every run of white space as one blank: what is wrapped reads as one line.
std::string flat(const std::string& text) {
  std::istringstream stream(text);
  std::string result;
  for (std::string word; stream >> word;) {
    result += (result.empty() ? "" : " ") + word;
  }
  return result;
}

/// The line of `text` whose first word is `word`.
std::string row_of(const std::string& text, const std::string& word) {
  for (const std::string& line : lines_of(text)) {
    if (flat(line).starts_with(word + " ")) {
      return line;
    }
  }
  return "";
}

/// Separators of a table's row that are not escaped.
int64_t cells_of(const std::string& line) {
  int64_t bars = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
  }
  return bars - 1;
}

void check_markdown_tables(const std::string& markdown) {
  int64_t cells = 0;
  int tables = 0;
  for (const std::string& line : lines_of(markdown)) {
    if (!line.starts_with("|")) {
      cells = 0;
      continue;
    }
    if (cells == 0) {
      cells = cells_of(line);
      ++tables;
    }
    INFO(line);
    CHECK(cells_of(line) == cells);
    CHECK(line.ends_with("|"));
  }
  CHECK(tables > 3);
}

io::ScalingLaws with_vp(const char* status, io::Json certificate) {
  io::ScalingLaws laws = noisy_laws();
  for (io::Estimator& estimator : laws.estimators) {
    if (estimator.name == "vp") {
      estimator.status = status;
      estimator.A = 31415.0;
      estimator.certificate = std::move(certificate);
    }
  }
  return laws;
}

}  // namespace

TEST_CASE("the printed interval holds the bootstrap's and every certified estimator",
          "[analysis][report]") {
  const io::ScalingLaws& laws = noisy_laws();
  const std::string text = report(laws, {}), markdown = markdown_report(laws, {});
  const std::string brief = summary(laws);
  for (const io::Prediction& p : laws.predictions) {
    REQUIRE(p.model_size_range);
    CHECK(p.model_size_range->low <= p.model_size_ci->low);
    CHECK(p.model_size_range->high >= p.model_size_ci->high);
    REQUIRE(p.by_estimator.size() >= 4);
    for (const auto& [name, size] : p.by_estimator) {
      INFO(name);
      CHECK(p.model_size_range->low <= size);
      CHECK(p.model_size_range->high >= size);
    }
    const std::string range = fmt::format(
        "[{}, {}]", format_count(p.model_size_range->low), format_count(p.model_size_range->high));
    CHECK_THAT(row_of(text, format_flops(p.target_compute)), ContainsSubstring(range));
    CHECK_THAT(markdown, ContainsSubstring(range));
    CHECK_THAT(brief, ContainsSubstring(range));
  }
  CHECK_THAT(flat(text), ContainsSubstring("wastes under 1% of the compute"));
  CHECK_THAT(flat(text), ContainsSubstring("Model uncertainty: a moves by"));
}

TEST_CASE("a fit that is not certified shows its sentence and none of its numbers",
          "[analysis][report]") {
  const std::string status = "not converged: a Newton step would still lower the objective";
  const io::ScalingLaws laws = with_vp(status.c_str(), io::Json::object());
  for (const std::string& text : {report(laws, {}), markdown_report(laws, {})}) {
    CHECK_THAT(flat(text), ContainsSubstring("- vp: no answer: " + status));
    CHECK_THAT(text, !ContainsSubstring("3.142e+04"));
  }
  CHECK_THAT(report(with_vp("ok", io::Json::object()), {}), ContainsSubstring("3.142e+04"));
}

TEST_CASE("estimators without an answer for one reason share a line", "[analysis][report]") {
  io::ScalingLaws laws = noisy_laws();
  for (io::Estimator& estimator : laws.estimators) {
    estimator.status = estimator.name == "lad" || estimator.name == "huber" ? "too few" : "ok";
  }
  CHECK_THAT(report(laws, {}), ContainsSubstring("- huber, lad: no answer: too few\n"));
}

TEST_CASE("Markdown tables have as many cells in every row", "[analysis][report]") {
  io::ScalingLaws laws = noisy_laws();
  std::vector<OptimalConfig> configs = {{.compute = 1e22,
                                         .target = true,
                                         .model_size = 1e9,
                                         .num_tokens = 2e10,
                                         .tokens_per_param = 20,
                                         .loss = std::nullopt,
                                         .architecture = std::nullopt,
                                         .nearest_run = "a|b_*c*"}};
  check_markdown_tables(markdown_report(laws, configs));
  CHECK_THAT(markdown_report(laws, configs), ContainsSubstring("| a\\|b\\_\\*c\\* |"));
  CHECK_THAT(report(laws, configs), ContainsSubstring("a|b_*c*"));
  configs.front().nearest_run = "![x](http://evil/p.png) [y] &lt; [z][y]: $e$";
  CHECK_THAT(markdown_report(laws, configs),
             ContainsSubstring("| ![x\\](http://evil/p.png) [y] \\&lt; [z\\][y\\]: \\$e\\$ |"));
  configs.front().nearest_run = "a|b_*c*";
  // One with a shape, one without.
  configs.push_back(configs.front());
  configs.back().architecture.emplace();
  check_markdown_tables(markdown_report(laws, configs));
  check_markdown_tables(
      markdown_report(with_vp("not identified: E | A", {{"bounds_hit", {"E = 0"}}}), configs));
}

TEST_CASE("many budgets do not flood the terminal", "[analysis][report]") {
  io::ScalingLaws laws = noisy_laws();
  const io::Isoflop one = laws.isoflop.front();
  laws.isoflop.clear();
  std::vector<OptimalConfig> configs;
  for (int i = 0; i < 126; ++i) {
    laws.isoflop.push_back(one);
    laws.isoflop.back().compute_budget = 1e18 * (i + 1);
    if (i >= 12) {
      laws.isoflop.back().vertex_size = std::nullopt;
    }
    configs.push_back({.compute = 1e18 * (i + 1), .target = i == 125});
  }
  const std::string text = flat(report(laws, configs));
  CHECK(lines_of(report(laws, configs)).size() < 120);
  CHECK_THAT(text, ContainsSubstring("126 budgets from 1e18 to 1.26e20 FLOP, 12 of them with"));
  CHECK_THAT(text, ContainsSubstring("126 configurations; report.md"));
  CHECK(lines_of(markdown_report(laws, configs)).size() > 252);
  for (const std::string& line : lines_of(report(laws, configs))) {
    CHECK(line.size() <= 160);
  }
}

TEST_CASE("certificate values that are null are printed as not finite", "[analysis][report]") {
  const io::Json certificate = {{"starts", 256},
                                {"starts_agreeing", 256},
                                {"decrement", nullptr},
                                {"condition_number", nullptr},
                                {"bounds_hit", io::Json::array()},
                                {"flat_directions", nullptr}};
  const std::string text = report(with_vp("ok", certificate), {});
  CHECK_THAT(flat(text), ContainsSubstring("vp 256 of 256 inf inf"));
  CHECK_THAT(markdown_report(with_vp("ok", certificate), {}),
             ContainsSubstring("| vp | 256 of 256 | inf | inf |"));
}

TEST_CASE("serving, repetition, shapes and times are shown only where there are any",
          "[analysis][report]") {
  io::ScalingLaws laws = noisy_laws();
  for (io::Prediction& p : laws.predictions) {
    p.times.clear();
    p.architecture.reset();
  }
  for (const std::string& text : {report(laws, {}), markdown_report(laws, {})}) {
    for (const char* absent : {"serving", "epochs", "training time", "d_model"}) {
      CHECK_THAT(text, !ContainsSubstring(absent));
    }
  }
  io::Prediction& p = laws.predictions.front();
  p.lifetime = io::LifetimePrediction{.inference_tokens = 1e12, .model_size = 2.5e9};
  p.repeated = io::RepeatedPrediction{.unique_tokens = 1e11, .epochs = 7.25, .basis = "published"};
  p.times = {{.machine = "H100 SXM", .flops_per_s = 3.96e14, .seconds = 7200}};
  p.architecture = cost::Architecture{};
  for (const std::string& text : {report(laws, {}), markdown_report(laws, {})}) {
    for (const char* present :
         {"1.00T", "2.50G", "7.25", "published", "H100 SXM", "2h 00m", "d_model"}) {
      CHECK_THAT(text, ContainsSubstring(present));
    }
  }
}

TEST_CASE("the report sets the fitted E beside the known floor", "[analysis][report]") {
  io::ScalingLaws laws = noisy_laws();
  laws.floor_nats = std::nullopt;
  CHECK_THAT(report(laws, {}), !ContainsSubstring("known entropy"));
  laws.floor_nats = 1.5;
  const std::string text = flat(report(laws, {}));
  CHECK_THAT(text, ContainsSubstring("the corpus's known entropy is 1.5000"));
  CHECK_THAT(text, ContainsSubstring("misspecification of the two-term form"));
}

TEST_CASE("a large bias of the parabola is called large", "[analysis][report]") {
  io::ScalingLaws laws = noisy_laws();
  const auto bias = [](double factor) {
    return io::Json{{"exponent_a", -0.0123},
                    {"targets", {{{"target_compute", 1e24}, {"n_factor", factor}}}}};
  };
  laws.parabola_bias = bias(1.001);
  laws.parabola_bias["exponent_a"] = 0.0001;
  CHECK_THAT(flat(report(laws, {})), ContainsSubstring("That is small"));
  laws.parabola_bias = bias(0.8);
  const std::string text = flat(report(laws, {}));
  CHECK_THAT(text, ContainsSubstring("a comes out 0.0123 too low, its N times 0.800 at 1e24 FLOP"));
  CHECK_THAT(text, ContainsSubstring("That is not small"));
  laws.parabola_bias = nullptr;
  CHECK_THAT(report(laws, {}), !ContainsSubstring("parabola ("));
}

TEST_CASE("conventions and warnings appear where there are any", "[analysis][report]") {
  io::ScalingLaws laws = noisy_laws();
  laws.conventions = io::Json::array();
  laws.warnings.clear();
  CHECK_THAT(report(laws, {}), !ContainsSubstring("other conventions"));
  CHECK_THAT(report(laws, {}), !ContainsSubstring("Warnings"));
  laws.conventions.push_back(
      {{"params", "non_embedding"}, {"flops", "6ND"}, {"status", "ok"}, {"exponent_a", 0.7012}});
  laws.warnings = {std::string(40, 'x') + " " + std::string(40, 'y') + " " + std::string(40, 'z')};
  const std::string text = report(laws, {});
  CHECK_THAT(row_of(text, "non_embedding"), ContainsSubstring("0.7012"));
  CHECK_THAT(text, ContainsSubstring("y\n    zzz"));  // wrapped
}

TEST_CASE("laws that say little make a short report, not an error", "[analysis][report]") {
  io::ScalingLaws laws;
  laws.validation = nullptr;
  laws.conventions = "what";
  CHECK(report(laws, {}).empty());
  CHECK(markdown_report(laws, {}) == "# Scaling laws\n");
  laws.estimators = {io::Estimator{.name = "unheard_of", .status = "ok"}};
  laws.validation = {{"rollout", {{"unknown", 7}}}, {"jackknife", "none"}};
  CHECK_THAT(report(laws, {}), ContainsSubstring("unheard_of"));
}
