// SPDX-License-Identifier: MIT
// config.json of a model: what is read can be counted, or its counts leave 128 bits.
#include "support.h"
#include "targets.h"

#include "flops_fit/cost/load_model.h"
#include "flops_fit/cost/training.h"
#include "flops_fit/io/json.h"
#include "flops_fit/roofline/compat.h"

void ff::fuzz::model_config(const uint8_t* data, size_t size) {
  io::Json config;
  cost::ModelSpec spec;
  const bool read = accepts([&] {
    config = cost::read_model_config(file_of("config.json", text_of(data, size)));
    spec = cost::parse_model(config, "config.json");
  });
  if (!read) {
    return;
  }
  const cost::Workload workload{.queries = {{.cached_tokens = 5, .new_tokens = 3}}};
  accepts([&] {
    const auto ops = cost::evaluate(cost::build_graph(spec), cost::ModuleDb::builtin(), workload);
    require(!ops.empty(), "a model has layers");
    require(cost::total(ops).parameters == cost::param_totals(spec).total,
            "parameters are counted in one way");
  });
  accepts([&] { static_cast<void>(cost::build_lm_predictor_graph(spec)); });
  accepts([&] {
    static_cast<void>(
        roofline::compat_table(config, spec.model_type, "config.json", workload.queries));
  });
}
