// SPDX-License-Identifier: MIT
// The smallest program on the shared front end; cli_test.cpp runs it.
#include "cli.h"
#include "sample.h"

#include "flops_fit/util/atomic_file.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <new>
#include <stdexcept>
#include <unistd.h>

namespace {

ff::ExitCode run(const ff::test::SampleConfig& config, const ff::cli::Context& context) {
  spdlog::info("seed {}", config.seed);
  spdlog::debug("details");
  if (config.seed == 3) {
    throw ff::FileError("sweep.json: no such file; run ff-plan first.");
  }
  if (config.seed == 1) {
    throw std::runtime_error("boom");
  }
  if (config.seed == 2) {
    throw std::bad_alloc();
  }
  if (config.seed == 5) {
    const ff::TemporaryFile unfinished(config.output.sweep_path);
    ::sleep(30);
  }
  if (config.seed == 6) {
    ff::write_file_atomically(config.output.sweep_path, "sweep");
  }
  if (config.seed == 11) {  // what the library throws
    spdlog::info("{} bytes", std::filesystem::file_size(config.output.sweep_path));
  }
  for (const std::string& tag : config.tags) {
    spdlog::warn("tag {}", tag);
  }
  if (config.seed == 4) {
    return ff::ExitCode::kSomeFailed;
  }
  fmt::print("{} {} {}{}{}\n",
             config.seed,
             config.output_dir,
             context.json ? "json" : "text",
             context.dry_run ? " dry" : "",
             context.has("worker") ? " worker=" + context.extra.at("worker") : "");
  return ff::ExitCode::kOk;
}

/// What must not be written down, neither where it is configured nor where it was typed.
void check(const ff::test::SampleConfig& config, const std::vector<std::string>& overrides) {
  const auto secret = [](const std::string& text) {
    return text.find("secret") != std::string::npos;
  };
  if (std::any_of(config.tags.begin(), config.tags.end(), secret) ||
      std::any_of(overrides.begin(), overrides.end(), secret)) {
    throw ff::ConfigError("tags: that must not be written down.");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const ff::cli::Program program{
      .name = "ff-example",
      .stage = "planner",
      .summary = "Shows how a program stands on the shared front end.",
      .examples = {"ff-example", "ff-example seed=7", "ff-example -m seed=7,8"},
      .files = "reads  conf/planner.yaml\nwrites nothing",
      .outputs = {"output.sweep_path"},
      .has_dry_run = true,
      .extra_flags = {{.name = "worker", .doc = "Work in DIR.", .value_name = "DIR"},
                      {.name = "secret", .doc = "Hidden.", .hidden = true}}};
  const std::array stages = {ff::config::schema_of<ff::test::SampleConfig>("planner"),
                             ff::config::schema_of<ff::test::SampleTrainer>("trainer")};
  return ff::cli::run_program<ff::test::SampleConfig>(argc, argv, program, stages, run, check);
}
