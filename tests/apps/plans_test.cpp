// SPDX-License-Identifier: MIT
// Every plan that ff-plan makes passes the checks of those who read it (io/consistency.h).
#include "support/catch.h"
#include "support/process.h"

#include "flops_fit/io/sweep.h"

using ff::test::run;
using ff::test::TemporaryFolder;

TEST_CASE("plans of every preset and option are taken by those who read them", "[apps]") {
  const TemporaryFolder folder;
  std::vector<std::string> calls;
  for (const auto& preset :
       std::filesystem::directory_iterator(ff::test::source_dir() / "conf/presets")) {
    calls.push_back("--config-name=presets/" + preset.path().stem().string());
  }
  REQUIRE(calls.size() >= 8);
  const std::string real = "compute.min_flops=1e10 compute.max_flops=1e12 ";
  for (const std::string options : {"model.count=total",
                                    "model.count=non_embedding",
                                    "compute.flops_formula=6nd",
                                    "compute.flops_formula=6nd model.count=total",
                                    "compute.flops_formula=6nd model.count=non_embedding",
                                    "compute.tolerance=0.5 schedule.batch_size=64",
                                    "model.num_layers=null model.head_size=16",
                                    "model.ffn_ratio=0.1 plan.seeds=3 plan.first_seed=7",
                                    "schedule.warmup_fraction=0 lr_schedule.lr_power=1",
                                    "schedule.warmup_fraction=0.9 schedule.min_steps=1",
                                    "model.vocab_size=2 dataset.seq_len=1",
                                    "model.shapes=none plan.sizes=grid model.min_size=1",
                                    "model.shapes=none model.min_size=1 model.max_size=50 "
                                    "plan.sizes=grid compute.min_tokens_per_param=0 "
                                    "compute.min_flops=1000 compute.max_flops=10000",
                                    "plan.span=20 compute.min_tokens_per_param=0"}) {
    calls.push_back(real + options);
  }
  calls.push_back("compute.budgets=[1e24,1e28] model.max_size=1e13 model.shapes=none");
  calls.push_back(
      "--config-name=presets/lr_transfer plan.seeds=2 sweep.log2_learning_rates=[-60,0,60]");
  for (const std::string& call : calls) {
    INFO(call);
    const auto outcome = run("ff-plan -q hardware.predict_time=off " + call, folder.path());
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    const auto path = folder / "outputs/sweep.json";
    CHECK_NOTHROW(ff::io::read_sweep(path));
    std::filesystem::remove(path);
  }
}
