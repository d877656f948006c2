// SPDX-License-Identifier: MIT
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/data/dataset.h"
#include "flops_fit/engine/engine.h"
#include "flops_fit/io/json.h"
#include "flops_fit/io/metrics.h"
#include "flops_fit/train/checkpoint.h"
#include "flops_fit/train/evaluate.h"
#include "flops_fit/train/run_one.h"
#include "flops_fit/train/schedule.h"
#include "flops_fit/train/tensorboard.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"

#include <cmath>
#include <csignal>
#include <sys/resource.h>

using namespace ff::train;

namespace {

ff::io::Experiment small_experiment() {
  ff::io::Experiment e;
  e.experiment_id = "exp_0000";
  e.architecture = {
      .d_model = 8, .num_layers = 1, .num_heads = 1, .d_ff = 32, .vocab_size = 488, .seq_len = 64};
  e.compute_budget = 1e9;
  e.model_size = ff::cost::count_params(*e.architecture).matmul;
  e.batch_size = 4;
  e.num_steps = 40;
  e.num_tokens = 4 * 40 * 64;
  e.warmup_steps = 4;
  e.learning_rate = 1.0;
  return e;
}

/// While it lives, this process can open no more files.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 0;
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

RunRequest small_request(const std::filesystem::path& run_dir) {
  RunRequest request{.experiment = small_experiment(), .config_hash = "abc", .run_dir = run_dir};
  request.config.evaluation.tokens = 2000;
  request.config.trainer.log_every = 10;
  request.data_identity = ff::data::open_dataset(request.config.dataset)->identity();
  std::filesystem::create_directories(run_dir);
  return request;
}

}  // namespace

TEST_CASE("learning rates warm up and decay to each run's own end", "[train]") {
  const RunSchedule run{.num_steps = 100, .warmup_steps = 10};
  TrainerSection trainer;
  for (const std::string scheduler : {"linear", "cosine", "wsd", "constant"}) {
    INFO(scheduler);
    trainer.scheduler = scheduler;
    CHECK(lr_factor(0, run, trainer) == Approx(1.0 / 11));
    CHECK(lr_factor(9, run, trainer) == Approx(10.0 / 11));
    CHECK(lr_factor(10, run, trainer) == Approx(1.0));
    for (int64_t step = 10; step < 99; ++step) {
      CHECK(lr_factor(step + 1, run, trainer) <= lr_factor(step, run, trainer));
    }
  }
  trainer.scheduler = "linear";
  CHECK(lr_factor(55, run, trainer) == Approx(0.5));
  CHECK(lr_factor(99, run, trainer) == Approx(1.0 / 90));
  trainer.scheduler = "cosine";
  CHECK(lr_factor(55, run, trainer) == Approx(0.5));
  trainer.scheduler = "wsd";
  CHECK(lr_factor(70, run, trainer) == Approx(1.0));
  CHECK(lr_factor(85, run, trainer) == Approx(0.5));
  trainer.final_lr_fraction = 0.1;
  CHECK(lr_factor(85, run, trainer) == Approx(0.55));
}

TEST_CASE("the configuration may override the plan, at the same number of tokens", "[train]") {
  TrainConfig config;
  config.trainer.batch_size = 8;
  config.trainer.learning_rate = 0.5;
  config.trainer.warmup_ratio = 0.25;
  config.trainer.seed = 3;
  const RunSchedule run = make_schedule(small_experiment(), config);
  CHECK(run.batch_size == 8);
  CHECK(run.num_steps == 20);
  CHECK(run.warmup_steps == 5);
  CHECK(run.learning_rate == 0.5);
  CHECK(run.seed == 3);
  CHECK(make_schedule(small_experiment(), {}).num_steps == 40);
}

TEST_CASE("checkpoints round trip, damaged and foreign ones are left out", "[train]") {
  const ff::test::TemporaryFolder folder;
  const std::vector<ff::model::TensorRule> tensors = {{.name = "embedding", .shape = {2, 1}},
                                                      {.name = "output", .shape = {1}}};
  Checkpoint saved{.config_hash = "abc",
                   .data_seed = 3,
                   .counters = {.step = 7,
                                .log_loss_sum = 1.0 / 3,
                                .log_steps = 2,
                                .tail_loss_sum = 0.1,
                                .tail_steps = 1,
                                .wall_s = 12.5,
                                .metrics_bytes = 77,
                                .diverged_learning_rates = {8.0, 4.0}},
                   .state = {.weights = {1.0F, 1e-30F, 3.0F},
                             .first_moment = {0.5F, -2.0F, 0.0F},
                             .second_moment = {0.25F, 4.0F, 9.0F},
                             .steps = 7}};
  const auto load = [&](const std::string& hash) {
    return load_checkpoint(folder.path(), tensors, hash);
  };
  save_checkpoint(folder.path(), tensors, saved);
  const auto loaded = load("abc");
  REQUIRE(loaded);
  CHECK(loaded->counters.log_loss_sum == saved.counters.log_loss_sum);
  CHECK(loaded->counters.step == 7);
  CHECK(loaded->counters.metrics_bytes == 77);
  CHECK(loaded->counters.diverged_learning_rates == saved.counters.diverged_learning_rates);
  CHECK(loaded->data_seed == 3);
  CHECK(loaded->state.steps == 7);
  CHECK(loaded->state.weights == saved.state.weights);
  CHECK(loaded->state.second_moment == saved.state.second_moment);
  CHECK_FALSE(load("other"));
  std::vector<ff::model::TensorRule> other_shape = tensors;
  other_shape[0].shape = {1, 2};
  CHECK_FALSE(load_checkpoint(folder.path(), other_shape, "abc"));

  // The next one replaces it; a kill between its two files leaves the older pair in force.
  const auto step7 = folder / "checkpoint/step-7.safetensors";
  const std::string old_state = ff::read_file(folder / "checkpoint/state.json");
  const std::string old_tensors = ff::read_file(step7);
  saved.counters.step = 9;
  saved.state.weights[0] = 5.0F;
  save_checkpoint(folder.path(), tensors, saved);
  CHECK_FALSE(std::filesystem::exists(step7));
  CHECK(load("abc")->counters.step == 9);
  ff::test::write_text(folder / "checkpoint/state.json", old_state);
  ff::test::write_text(step7, old_tensors);
  CHECK(load("abc")->counters.step == 7);

  // Damage: any byte of the tensors, a cut file, a state that is no JSON or of another version.
  const std::string whole = old_tensors;
  for (const size_t at : {size_t{0}, size_t{20}, whole.size() / 2, whole.size() - 1}) {
    std::string bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 4);
    ff::test::write_text(step7, bad);
    CHECK_FALSE(load("abc"));
  }
  ff::test::write_text(step7, whole.substr(0, whole.size() - 3));
  CHECK_FALSE(load("abc"));
  ff::test::write_text(step7, whole);
  CHECK(load("abc"));
  ff::test::write_text(folder / "checkpoint/state.json", old_state.substr(0, 50));
  CHECK_FALSE(load("abc"));
  std::string newer = old_state;
  newer.replace(newer.find("\"version\": 2"), 12, "\"version\": 3");
  ff::test::write_text(folder / "checkpoint/state.json", newer);
  CHECK_FALSE(load("abc"));
  // What cannot be read now may be whole.
  ff::test::write_text(folder / "checkpoint/state.json", old_state);
  {
    const NoDescriptors none;
    CHECK_THROWS_AS(load("abc"), ff::UnreadableError);
  }
  CHECK(load("abc"));
  // A file of somebody's stays, and its folder with it.
  ff::test::write_text(folder / "checkpoint/notes.txt", "mine");
  remove_checkpoint(folder.path());
  CHECK(ff::read_file(folder / "checkpoint/notes.txt") == "mine");
  CHECK_FALSE(std::filesystem::exists(step7));
  std::filesystem::remove(folder / "checkpoint/notes.txt");
  remove_checkpoint(folder.path());
  CHECK_FALSE(std::filesystem::exists(folder / "checkpoint"));
}

TEST_CASE("trainer.checkpoint_every is a number of steps or a time", "[train]") {
  using ff::train::checkpoint_interval;
  CHECK(checkpoint_interval("500").steps == 500);
  CHECK(checkpoint_interval("5_000").steps == 5000);
  CHECK(checkpoint_interval("0").steps == 0);
  CHECK(checkpoint_interval("60s").seconds == 60);
  CHECK(checkpoint_interval("1.5min").seconds == 90);
  CHECK(checkpoint_interval("2h").seconds == 7200);
  for (const std::string wrong : {"", "s", "-5", "-5s", "1.5", "5 s", "5m", "nan", "1e999s"}) {
    CHECK_THROWS_WITH(checkpoint_interval(wrong), ContainsSubstring("trainer.checkpoint_every"));
  }
}

TEST_CASE("TensorBoard events are framed with CRC-32C", "[train]") {
  CHECK(crc32c("123456789") == 0xe3069283U);  // the standard's check value
  const ff::test::TemporaryFolder folder;
  {
    EventWriter writer(folder.path());
    writer.scalar("train/loss", 12, 0.5F);
  }
  const auto file = *std::filesystem::directory_iterator(folder.path());
  CHECK_THAT(file.path().filename().string(), ContainsSubstring("events.out.tfevents."));
  const std::string bytes = ff::read_file(file.path());
  CHECK(bytes.find("brain.Event:2") != std::string::npos);
  CHECK(bytes.find("train/loss") != std::string::npos);
  // Two records, each 8 + 4 + n + 4 bytes, the first of length 24: wall time 9, version 2 + 13.
  CHECK(bytes[0] == 24);
}

TEST_CASE("mock mode draws from the planted law, whatever the order", "[train]") {
  const Mode& mock = find_mode("mock");
  RunRequest request = small_request("/nonexistent-is-fine");
  request.config.mock = {.E = 1.0, .A = 100.0, .B = 50.0, .alpha = 0.5, .beta = 0.25, .noise = 0.0};
  const double n = static_cast<double>(request.experiment.model_size);
  const double d = static_cast<double>(request.experiment.num_tokens);
  const double truth = 1.0 + 100.0 / std::sqrt(n) + 50.0 / std::pow(d, 0.25);
  CHECK(*mock.run(request).final_loss == Approx(truth).epsilon(1e-14));
  request.config.mock.noise = 0.01;
  double mean = 0.0;
  double square = 0.0;
  for (int i = 0; i < 2000; ++i) {
    request.experiment.seed = i;
    const double z = (*mock.run(request).final_loss / truth - 1.0) / 0.01;
    mean += z / 2000;
    square += z * z / 2000;
  }
  CHECK(std::abs(mean) < 0.1);
  CHECK(square == Approx(1.0).epsilon(0.12));
  const double again = *mock.run(request).final_loss;
  CHECK(*mock.run(request).final_loss == again);
}

TEST_CASE("modes are refused by name", "[train]") {
  CHECK(find_mode("api").at_once != nullptr);
  CHECK_THROWS_WITH(find_mode("remote"), ContainsSubstring("mode=remote is not known; use local"));
}

TEST_CASE("a real run learns, and resumes to the bit after a stop signal", "[train]") {
  const ff::test::TemporaryFolder folder;
  const Mode& local = find_mode("local");
  const auto whole = local.run(small_request(folder / "whole"));
  REQUIRE(whole.completed());
  CHECK(*whole.final_loss < std::log(488.0) - 1.0);
  CHECK(*whole.final_loss > *whole.floor_nats);
  CHECK(*whole.loss_stderr > 0);
  CHECK(whole.actual_flops == ff::cost::train_flops_per_token(*whole.architecture) *
                                  static_cast<double>(whole.num_tokens));
  CHECK(*whole.bits_per_byte > 0.1);

  ff::install_stop_handlers();
  RunRequest stopped = small_request(folder / "stopped");
  stopped.on_progress = [](const RunProgress& p) {
    if (p.step == 20) {
      std::raise(SIGTERM);
    }
  };
  CHECK_THROWS_AS(local.run(stopped), Interrupted);
  CHECK(ff::stop_signal() == SIGTERM);
  ff::clear_stop_signal();
  const auto state = ff::io::read_json(folder / "stopped/checkpoint/state.json", "");
  REQUIRE(state["step"] == 20);
  const auto resumed = local.run(small_request(folder / "stopped"));
  CHECK(resumed.final_loss == whole.final_loss);
  CHECK(resumed.train_loss == whole.train_loss);
  const auto lines = ff::io::read_metrics(folder / "stopped/metrics.jsonl");
  REQUIRE(lines.size() == 4);
  CHECK(lines.back().step == 40);
  CHECK(lines.back().eval_loss == whole.final_loss);
}

TEST_CASE("a run that diverges says so, and has no number", "[train]") {
  const ff::test::TemporaryFolder folder;
  RunRequest request = small_request(folder / "run");
  request.config.trainer.learning_rate = 1e30;
  const auto result = find_mode("local").run(request);
  CHECK(result.status == "diverged");
  CHECK_FALSE(result.final_loss);
  CHECK_THAT(result.error_message, ContainsSubstring("diverged at step"));
  // A retry is the run that would have been made at that rate.
  request.config.trainer.diverged_retries = 2;
  request.config.trainer.diverged_lr_factor = 1e-3;
  request.config.trainer.learning_rate = 0.5e6;
  const auto retried = find_mode("local").run(request);
  REQUIRE(retried.completed());
  CHECK(*retried.learning_rate == Approx(0.5).epsilon(1e-12));
  CHECK(retried.diverged_learning_rates == std::vector<double>{0.5e6, 0.5e6 * 1e-3});
  request.run_dir = folder / "plain";
  std::filesystem::create_directories(request.run_dir);
  request.config.trainer.learning_rate = *retried.learning_rate;
  CHECK(find_mode("local").run(request).final_loss == retried.final_loss);
}

TEST_CASE("a run refuses a corpus other than the sweep's", "[train]") {
  const ff::test::TemporaryFolder folder;
  RunRequest request = small_request(folder / "run");
  request.data_identity = "something else";
  CHECK_THROWS_WITH(find_mode("local").run(request), ContainsSubstring("changed since ff-train"));
}

TEST_CASE("a plan that does not fit the data is refused before training", "[train]") {
  TrainConfig config;
  auto e = small_experiment();
  const auto check = find_mode("local").check;
  check({e}, config);
  e.architecture->seq_len = 32;
  CHECK_THROWS_WITH(check({e}, config),
                    ContainsSubstring("planned for dataset.seq_len=32, got 64"));
  e = small_experiment();
  e.architecture->vocab_size = 256;
  CHECK_THROWS_WITH(check({e}, config), ContainsSubstring("has vocab_size 256"));
  e.architecture.reset();
  CHECK_THROWS_WITH(check({e}, config), ContainsSubstring("no architecture"));
}

namespace {

/// Trains a model of width d with and without rounded products, and compares where they end.
void check_bfloat16(int64_t d) {
  const ff::train::TrainConfig config;
  const auto dataset = ff::data::open_dataset(config.dataset);
  const auto held_out = dataset->eval_set(20000);
  const ff::cost::Architecture arch{.d_model = d,
                                    .num_layers = 2,
                                    .num_heads = d / 8,
                                    .d_ff = 4 * d,
                                    .vocab_size = 488,
                                    .seq_len = 64};
  const auto p = ff::model::make_parametrization(arch, {});
  const auto final_loss = [&](bool bf16) {
    const auto engine =
        ff::engine::make_engine("fused", p, {.bf16_products = bf16, .emulate_bf16 = true}, 1);
    constexpr int64_t kRows = 8;
    constexpr int64_t kSteps = 200;
    std::vector<int32_t> tokens(kRows * 65);
    for (int64_t step = 0; step < kSteps; ++step) {
      dataset->fill_batch(1, step, kRows, tokens);
      const double left = 1.0 - static_cast<double>(step) / kSteps;
      static_cast<void>(
          engine->train_step({tokens, kRows, 64}, {.learning_rate = 1.0, .schedule_factor = left}));
    }
    return ff::train::evaluate(*engine, held_out).mean_nats;
  };
  const double exact = final_loss(false);
  const double rounded = final_loss(true);
  INFO("width " << d << ": " << exact << " and " << rounded);
  CHECK(exact < 2.0);  // it learned: ln 488 is 6.2
  CHECK(rounded != exact);
  CHECK(std::abs(rounded - exact) <= 0.005);
}

}  // namespace

TEST_CASE("bfloat16 products end within 0.005 nats of float32", "[train]") {
  check_bfloat16(32);
}

TEST_CASE("bfloat16 products end within 0.005 nats of float32, wider models", "[train][slow]") {
  check_bfloat16(GENERATE(48, 64));
}
