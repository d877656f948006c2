// SPDX-License-Identifier: MIT
#include "flops_fit/io/metrics.h"

#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/util/error.h"

#include <limits>

using namespace ff;

TEST_CASE("a metrics line survives the way to JSON and back", "[io]") {
  const test::TemporaryFolder folder;
  io::MetricsLine line{100, 51200, 1.5e10, 2.25, 0.01, 2.5};
  test::write_text(folder / "m.jsonl", io::to_json_line(line) + "\n");
  const auto lines = io::read_metrics(folder / "m.jsonl");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].step == 100);
  CHECK(lines[0].tokens == 51200);
  CHECK(lines[0].flops == 1.5e10);
  CHECK(lines[0].train_loss == 2.25);
  CHECK(lines[0].eval_loss == 2.5);

  line.train_loss = std::numeric_limits<double>::quiet_NaN();
  CHECK_THAT(io::to_json_line(line), ContainsSubstring("\"train_loss\":null"));
}

TEST_CASE("a torn last line is left out, a damaged one before it is an error", "[io]") {
  const test::TemporaryFolder folder;
  const std::string good = R"({"step": 1, "tokens": 8, "flops": 10, "train_loss": 5, "lr": 0.1})";
  test::write_text(folder / "torn.jsonl", good + "\n{\"step\": 2, \"tok");
  CHECK(io::read_metrics(folder / "torn.jsonl").size() == 1);
  test::write_text(folder / "bad.jsonl", good + "\n{\"step\": 2, \"tok\n" + good + "\n");
  CHECK_THROWS_WITH(io::read_metrics(folder / "bad.jsonl"), ContainsSubstring("bad.jsonl:2"));
  CHECK_THROWS_AS(io::read_metrics(folder / "none.jsonl"), FileError);
}

TEST_CASE("steps logged again after a resume replace the first ones", "[io]") {
  const test::TemporaryFolder folder;
  std::string text;
  for (const int step : {1, 2, 3, 2, 3, 4}) {
    io::MetricsLine line;
    line.step = step;
    line.train_loss = 10.0 - static_cast<double>(text.size()) / 1000.0;
    text += io::to_json_line(line) + "\n";
  }
  test::write_text(folder / "m.jsonl", text);
  const auto lines = io::read_metrics(folder / "m.jsonl");
  REQUIRE(lines.size() == 4);
  for (size_t i = 0; i < lines.size(); ++i) {
    CHECK(lines[i].step == static_cast<int64_t>(i) + 1);
  }
  CHECK(*lines[1].train_loss < *lines[0].train_loss - 0.1);  // from the second pass
}
