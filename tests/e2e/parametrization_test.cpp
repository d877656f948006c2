// SPDX-License-Identifier: MIT
// ff-train --show-parametrization and --coord-check, as a user calls them.
#include "support/catch.h"
#include "support/process.h"

#include "flops_fit/io/json.h"

#include <fmt/format.h>

#include <cmath>

using ff::io::Json;
using ff::test::run;
using ff::test::TemporaryFolder;

TEST_CASE("the printed learning rates are the reference library's", "[e2e]") {
  const TemporaryFolder folder;
  const Json golden =
      ff::io::read_json(ff::test::source_dir() / "tests/golden/umup/lr_multipliers.json", "");
  REQUIRE(golden.at("models").size() == 3);
  for (const Json& one : golden.at("models")) {
    const auto outcome = run(
        fmt::format("ff-train --show-parametrization --json model.norm_gain=true model.d_model={} "
                    "model.num_layers={} model.d_ff={} model.vocab_size={} "
                    "trainer.learning_rate={} trainer.weight_decay={}",
                    one.at("d_model").dump(),
                    one.at("n_layers").dump(),
                    one.at("d_ff").dump(),
                    one.at("vocab").dump(),
                    one.at("base_lr").dump(),
                    one.at("base_weight_decay").dump()),
        folder.path());
    INFO(outcome.err);
    REQUIRE(outcome.exit_code == 0);
    const Json table = Json::parse(outcome.out);
    for (const Json& param : one.at("params")) {
      const std::string name = param.at("name");
      const std::map<std::string, std::string> ours = {{"emb", "embedding"},
                                                       {"l0_g1", "layers.0.attn_norm"},
                                                       {"l0_wqkv", "layers.0.qkv"},
                                                       {"l0_wo", "layers.0.attn_out"},
                                                       {"l0_g2", "layers.0.mlp_norm"},
                                                       {"l0_wup", "layers.0.up"},
                                                       {"l0_wgate", "layers.0.gate"},
                                                       {"l0_wdown", "layers.0.down"},
                                                       {"gf", "final_norm"},
                                                       {"out", "output"}};
      INFO(one.at("d_model") << " " << name);
      bool found = false;
      for (const Json& tensor : table.at("tensors")) {
        if (tensor.at("name") == ours.at(name)) {
          found = true;
          CHECK(tensor.at("shape") == param.at("shape"));
          CHECK(tensor.at("learning_rate").get<double>() ==
                Approx(param.at("lr").get<double>()).epsilon(1e-10));
          CHECK(tensor.at("adamw_weight_decay").get<double>() ==
                Approx(param.at("weight_decay").get<double>()).epsilon(1e-9));
        }
      }
      CHECK(found);
    }
  }
}

TEST_CASE("ff-train --show-parametrization takes the Python tool's keys, with a word for each",
          "[e2e]") {
  const TemporaryFolder folder;
  const auto outcome =
      run("ff-train --show-parametrization --json model.num_layers=6 trainer.learning_rate=3e-4 "
          "trainer.weight_decay=0.1 umup.base_width=32 umup.base_width_wd=1024 umup.base_std=0.02 "
          "umup.no_decay_lr_mult=0.1",
          folder.path());
  REQUIRE(outcome.exit_code == 0);
  const Json table = Json::parse(outcome.out);
  CHECK(table.at("learning_rate").get<double>() == Approx(0.0235).epsilon(1e-2));
  CHECK(table.at("weight_decay").get<double>() == Approx(9.375e-7));
  for (const char* key : {"base_std", "base_width", "base_width_wd", "no_decay_lr_mult"}) {
    CHECK_THAT(outcome.err, ContainsSubstring(std::string("umup.") + key));
  }
  const auto text = run("ff-train --show-parametrization", folder.path());
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out, ContainsSubstring("layers.1.down"));
}

TEST_CASE("the coordinate check passes u-mup and fails sp", "[e2e]") {
  const TemporaryFolder folder;
  const std::string small = " widths=[32,64,128] seeds=3";
  const auto good = run("ff-train --coord-check" + small, folder.path());
  INFO(good.out << good.err);
  CHECK(good.exit_code == 0);
  CHECK_THAT(good.out, ContainsSubstring("PASSED"));
  const auto bad =
      run("ff-train --coord-check --json model.parametrization=sp" + small, folder.path());
  INFO(bad.out << bad.err);
  CHECK(bad.exit_code == 1);
  const Json report = Json::parse(bad.out);
  CHECK_FALSE(report.at("passed").get<bool>());
  CHECK_FALSE(report.at("rounds").at(0).at("out_of_bounds").empty());

  CHECK(run("ff-train --coord-check widths=[32]", folder.path()).exit_code == 2);
  CHECK(run("ff-train --coord-check widths=[30,60]", folder.path()).exit_code == 2);
  // Without the flag the key has its full name only.
  CHECK(run("ff-train widths=[32,64]", folder.path()).exit_code == 2);
}

TEST_CASE("a learning rate far from what the parametrization wants is warned of", "[e2e]") {
  const TemporaryFolder folder;
  REQUIRE(
      run("ff-plan -q compute.budgets=[1e9] plan.widths=[[8]] schedule.min_steps=5", folder.path())
          .exit_code == 0);
  CHECK(run("ff-train --dry-run", folder.path()).err.find("warning") == std::string::npos);
  CHECK_THAT(run("ff-train --dry-run model.parametrization=sp", folder.path()).err,
             ContainsSubstring("sp usually wants one near 0.0078125"));
  CHECK(run("ff-train --dry-run model.parametrization=sp trainer.learning_rate=0.01", folder.path())
            .err.find("warning") == std::string::npos);
}

TEST_CASE("the doctor says what this machine is and can do", "[e2e]") {
  const TemporaryFolder folder;
  const auto outcome = run("ff-train --doctor --json model.d_model=32", folder.path());
  INFO(outcome.err);
  REQUIRE(outcome.exit_code == 0);
  const Json facts = Json::parse(outcome.out);
  CHECK(facts.at("machine").at("allowed_cores") >= 1);
  CHECK(facts.at("machine").at("memory_bytes") > 0);
  CHECK(facts.at("machine").at("vectors_in_use").is_string());
  CHECK(facts.at("peak").at("one_core_flops_per_s") > 0);
  CHECK(facts.at("peak").at("each_of_all_flops_per_s") > 0);
  CHECK(facts.at("memory_bandwidth").at("one_core_bytes_per_s") > 0);
  CHECK(facts.at("memory_bandwidth").at("all_cores_bytes_per_s") > 0);
  CHECK(facts.at("blas").at("one_core_flops_per_s") > 0);
  CHECK(facts.at("blas").at("path") != "");
  CHECK(facts.at("model").at("architecture").at("d_model") == 32);
  CHECK(facts.at("model").at("engine") == "fused");
  CHECK(facts.at("model").at("tokens_per_s") > 0);
  CHECK(facts.at("findings").is_array());
  CHECK_FALSE(std::filesystem::exists(folder / "outputs"));  // it needs no sweep and writes nothing

  const auto eager = run("ff-train --doctor engine=eager", folder.path());
  INFO(eager.err);
  CHECK(eager.exit_code == 0);  // findings are no failures
  CHECK_THAT(eager.out, ContainsSubstring("engine eager:"));
  CHECK_THAT(eager.out, ContainsSubstring("warning: the fused engine does not train this model"));
}
