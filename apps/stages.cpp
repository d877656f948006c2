// SPDX-License-Identifier: MIT
#include "stages.h"

#include "flops_fit/analysis/config.h"
#include "flops_fit/plan/config.h"
#include "flops_fit/plot/config.h"
#include "flops_fit/roofline/config.h"
#include "flops_fit/tokenize/config.h"
#include "flops_fit/train/config.h"

namespace ff::cli {

const std::vector<config::StageSchema>& all_stages() {
  static const std::vector<config::StageSchema> kStages = {
      config::schema_of<plan::PlanConfig>("planner"),
      config::schema_of<train::TrainConfig>("trainer"),
      config::schema_of<analysis::AnalyzerConfig>("analyzer"),
      config::schema_of<plot::VisualizerConfig>("visualizer"),
      config::schema_of<tokenize::TokenizerConfig>("tokenizer"),
      config::schema_of<roofline::RooflineConfig>("roofline"),
  };
  return kStages;
}

}  // namespace ff::cli
