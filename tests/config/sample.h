// SPDX-License-Identifier: MIT
#pragma once
// A small configuration with a field of every kind, for the tests of this folder.
#include "flops_fit/config/field.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ff::test {

struct SampleGrid {
  double min_flops = 1e12;
  double max_flops = 3e14;
  int num_budgets = 6;
  std::optional<int64_t> max_tokens;

  template <class V>
  void visit(V& v) {
    v("min_flops", min_flops, {.doc = "Smallest training budget C.", .unit = "FLOP", .min = 1});
    v("max_flops", max_flops, {.doc = "Largest training budget C.", .unit = "FLOP", .min = 1});
    v("num_budgets",
      num_budgets,
      {.doc = "Number of log-spaced budgets between the two.", .min = 1, .max = 100});
    v("max_tokens", max_tokens, {.doc = "Tokens there are; null for no limit.", .min = 1});
  }
};

struct SampleOutput {
  std::string sweep_path = "${output_dir}/sweep.json";
  bool verbose = false;

  template <class V>
  void visit(V& v) {
    v("sweep_path", sweep_path, {.doc = "Where the sweep goes."});
    v("verbose", verbose, {.doc = "Say more."});
  }
};

struct SampleConfig {
  std::string output_dir = "outputs";
  SampleGrid compute;
  std::string mode = "mock";
  std::vector<double> widths = {64, 128};
  std::vector<std::vector<int>> shapes;
  std::vector<std::string> tags;
  int64_t seed = 42;
  double tolerance = 0.1;
  std::optional<double> target;
  SampleOutput output;

  template <class V>
  void visit(V& v) {
    v("output_dir", output_dir, {.doc = "Folder of all results.", .identity = false});
    v("compute", compute, {.doc = "Budgets of the sweep."});
    v("mode", mode, {.doc = "How to train.", .choices = {"mock", "local", "api"}});
    v("widths", widths, {.doc = "Model widths.", .min = 1});
    v("shapes", shapes, {.doc = "Lists of lists."});
    v("tags", tags, {.doc = "Free words."});
    v("seed", seed, {.doc = "Seed of everything random."});
    v("tolerance", tolerance, {.doc = "May be inf.", .min = 0, .non_finite = true});
    v("target", target, {.doc = "Budget to predict for.", .unit = "FLOP", .min = 0});
    v("output", output, {.doc = "Files.", .identity = false});
    v.refused("batch", "set schedule.batch_size instead");
    v.refused("hardware", "the device is chosen by ff-train");
  }
};

/// Another stage, for presets and pipelines; its group `trainer` has the name of the stage.
struct SampleTrainerGroup {
  double lr = 0.01;
  template <class V>
  void visit(V& v) {
    v("lr", lr, {.doc = "Learning rate."});
  }
};

struct SampleTrainer {
  std::string output_dir = "outputs";
  bool resume = true;
  int64_t batch = 8;
  SampleTrainerGroup trainer;

  template <class V>
  void visit(V& v) {
    v("output_dir", output_dir, {.doc = "Folder of all results."});
    v("resume", resume, {.doc = "Go on where a run stopped."});
    v("batch", batch, {.doc = "Sequences in a batch."});
    v("trainer", trainer, {.doc = "The optimizer."});
    v.refused("mode", "not here");
  }
};

/// The text of the exception of type E that `call` throws; "nothing was thrown" if none.
template <class E, class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (const E& problem) {
    return problem.what();
  }
  return "nothing was thrown";
}

}  // namespace ff::test
