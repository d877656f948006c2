// SPDX-License-Identifier: MIT
// The prediction of training speed. Only one case measures; the others bring their own clock.
#include "flops_fit/engine/speed.h"

#include "support/catch.h"
#include "support/environment.h"
#include "support/files.h"

#include "flops_fit/engine/engine.h"
#include "flops_fit/io/json.h"
#include "flops_fit/model/parametrization.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/hash.h"

#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <span>

using namespace ff::engine;
using ff::cost::Architecture;
using ff::cost::TokenSeconds;
using ff::test::TemporaryFolder;

namespace {

Architecture gpt(int64_t d_model, int64_t layers = 2, int64_t vocab = 488, int64_t seq_len = 64) {
  return {.d_model = d_model,
          .num_layers = layers,
          .num_heads = d_model / std::gcd(d_model, int64_t{8}),
          .d_ff = 4 * d_model,
          .vocab_size = vocab,
          .seq_len = seq_len};
}

double flops(const SpeedShape& shape) {
  return ff::cost::train_flops_per_token(shape.arch);
}

/// 1 GFLOP/s for every model, and how often it was asked.
struct Clock {
  int calls = 0;
  SpeedOptions options(const std::filesystem::path& cache, double patience_s = 1e9) {
    return {.threads = 2,
            .cache = cache,
            .patience_s = patience_s,
            .measure = [this](const SpeedShape& shape, int64_t threads) {
              ++calls;
              CHECK(threads == 2);
              return TokenSeconds{.train = flops(shape) / 1e9, .evaluate = flops(shape) / 3e9};
            }};
  }
};

/// A file as the cache writes it.
std::string cache_file(const std::string& speeds) {
  return "{\"format\": \"flops-fit speeds 2\", \"speeds\": " + speeds + ", \"hash\": \"" +
         ff::hash_text(ff::fnv1a(ff::io::parse_json(speeds).dump())) + "\"}";
}

}  // namespace

TEST_CASE("a model within the limits stands for itself", "[engine]") {
  for (const int64_t d : {8, 16, 48, 128}) {
    const SpeedShape shape{.arch = gpt(d), .batch_rows = 16};
    CHECK(stand_in(shape) == shape);
  }
}

TEST_CASE("a stand-in can be measured quickly, whatever it stands for", "[engine]") {
  const SpeedLimits limits;
  for (const int64_t d : {4, 20, 64, 250, 880, 5032, 20000}) {
    for (const int64_t layers : {1, 2, 60}) {
      for (const int64_t vocab : {488, 1000, 50257}) {
        for (const int64_t seq_len : {1, 64, 2048, 1 << 20}) {
          const SpeedShape shape{.arch = gpt(d - d % 2, layers, vocab, seq_len),
                                 .batch_rows = 1000};
          INFO("d " << d << " L " << layers << " V " << vocab << " T " << seq_len);
          const SpeedShape small = stand_in(shape, limits);
          CHECK(small.batch_rows >= 1);
          CHECK(flops(small) * static_cast<double>(small.batch_rows * small.arch.seq_len) <=
                limits.step_flops);
          CHECK(ff::cost::count_params(small.arch).total <= limits.params);
          CHECK(small.arch.d_model % small.arch.num_heads == 0);
        }
      }
    }
  }
}

TEST_CASE("a large batch gives up rows before the model gives up layers", "[engine]") {
  const SpeedShape small = stand_in({.arch = gpt(192), .batch_rows = 128});
  CHECK(small.arch == gpt(192));
  CHECK(small.batch_rows < 128);
  CHECK(small.batch_rows * 64 >= 512);
  CHECK(stand_in({.arch = gpt(512, 8), .batch_rows = 128}).arch.num_layers == 1);
}

TEST_CASE("a stand-in's seconds are scaled by exact FLOPs", "[engine]") {
  const SpeedShape large{.arch = gpt(128, 32), .batch_rows = 8};
  const SpeedShape small{.arch = gpt(128, 1), .batch_rows = 8};
  const TokenSeconds scaled = scaled_to(large, small, {.train = 1e-6, .evaluate = 4e-7});
  CHECK(scaled.train == Approx(1e-6 * flops(large) / flops(small)));
  CHECK(scaled.evaluate == Approx(4e-7 * flops(large) / flops(small)));
}

TEST_CASE("speeds are measured once and then known", "[engine]") {
  const TemporaryFolder folder;
  const auto cache = folder / "deep/er/speed.json";
  const std::vector<SpeedShape> shapes = {{.arch = gpt(8), .batch_rows = 4},
                                          {.arch = gpt(16), .batch_rows = 4},
                                          {.arch = gpt(8), .batch_rows = 4},
                                          {.arch = gpt(8), .batch_rows = 5}};
  Clock clock;
  const Speeds first = training_speeds(shapes, clock.options(cache));
  CHECK(clock.calls == 3);
  CHECK(first.measured == 3);
  REQUIRE(first.of.size() == 4);
  for (size_t i = 0; i < shapes.size(); ++i) {
    CHECK(first.of[i].train == Approx(flops(shapes[i]) / 1e9));
    CHECK(first.of[i].evaluate == Approx(flops(shapes[i]) / 3e9));
  }
  const Speeds again = training_speeds(shapes, clock.options(cache));
  CHECK(clock.calls == 3);
  CHECK(again.measured == 0);
  CHECK(again.of[1].train == first.of[1].train);
  // Another number of cores at work is another measurement.
  auto alone = clock.options(cache);
  alone.threads = 1;
  alone.measure = [](const SpeedShape&, int64_t) { return TokenSeconds{1.0, 1.0}; };
  CHECK(training_speeds(shapes, alone).measured == 3);
}

TEST_CASE("every part of the question is in the key", "[engine]") {
  const SpeedShape shape{.arch = gpt(16), .batch_rows = 4};
  std::set<std::string> keys = {speed_key(shape, 1), speed_key(shape, 2)};
  for (int64_t Architecture::*field : {&Architecture::d_model,
                                       &Architecture::num_layers,
                                       &Architecture::num_heads,
                                       &Architecture::d_ff,
                                       &Architecture::vocab_size,
                                       &Architecture::seq_len}) {
    SpeedShape other = shape;
    other.arch.*field += 1;
    keys.insert(speed_key(other, 1));
  }
  keys.insert(speed_key({.arch = shape.arch, .batch_rows = 5}, 1));
  keys.insert(speed_key({.arch = shape.arch, .batch_rows = 4, .norm_gains = true}, 1));
  CHECK(keys.size() == 10);
}

TEST_CASE("a damaged or foreign cache is measured anew and replaced", "[engine]") {
  const TemporaryFolder folder;
  const auto cache = folder / "speed.json";
  const std::vector<SpeedShape> shapes = {{.arch = gpt(8), .batch_rows = 4}};
  const std::string key = speed_key(shapes[0], 2);
  for (const std::string& content :
       {std::string("{\"format\": \"flops-f"),
        std::string("[1, 2]"),
        std::string("{\"format\": \"another program's\", \"speeds\": {}}"),
        std::string("{\"format\": \"flops-fit speeds 1\", \"speeds\": {}}"),
        std::string("{\"format\": \"flops-fit speeds 2\", \"speeds\": {}}"),
        cache_file("3"),
        cache_file("{\"" + key + "\": {\"train_s_per_token\": -1, \"evaluate_s_per_token\": 1}}"),
        cache_file("{\"" + key + "\": {}}")}) {
    INFO(content);
    ff::test::write_text(cache, content);
    Clock clock;
    CHECK(training_speeds(shapes, clock.options(cache)).of[0].train ==
          Approx(flops(shapes[0]) / 1e9));
    CHECK(clock.calls == 1);
    static_cast<void>(training_speeds(shapes, clock.options(cache)));
    CHECK(clock.calls == 1);  // it is ours now
  }
}

TEST_CASE("a speed with another digit is no speed of this machine", "[engine]") {
  const TemporaryFolder folder;
  const auto cache = folder / "speed.json";
  const std::vector<SpeedShape> shapes = {{.arch = gpt(8), .batch_rows = 4}};
  Clock clock;
  static_cast<void>(training_speeds(shapes, clock.options(cache)));
  static_cast<void>(training_speeds(shapes, clock.options(cache)));
  REQUIRE(clock.calls == 1);
  std::string text = ff::read_file(cache);
  const size_t number = text.find("train_s_per_token") + 20;
  const size_t digit = text.find_first_of("123456789", number);
  text[digit] = text[digit] == '9' ? '8' : static_cast<char>(text[digit] + 1);
  ff::test::write_text(cache, text);
  CHECK(training_speeds(shapes, clock.options(cache)).of[0].train ==
        Approx(flops(shapes[0]) / 1e9));
  CHECK(clock.calls == 2);
}

TEST_CASE("a cache that cannot be written costs nothing but the next measurement", "[engine]") {
  const TemporaryFolder folder;
  ff::test::write_text(folder / "file", "");
  Clock clock;
  const std::vector<SpeedShape> shapes = {{.arch = gpt(8), .batch_rows = 4}};
  CHECK(training_speeds(shapes, clock.options(folder / "file/speed.json")).measured == 1);
  CHECK(training_speeds(shapes, clock.options("")).measured == 1);
  CHECK(clock.calls == 2);
}

TEST_CASE("what patience does not reach takes its neighbour's FLOP/s", "[engine]") {
  std::vector<SpeedShape> shapes;
  for (int64_t d = 8; d <= 160; d += 8) {
    shapes.push_back({.arch = gpt(d), .batch_rows = 4});
  }
  Clock clock;
  const Speeds speeds = training_speeds(shapes, clock.options("", 0.0));
  CHECK(speeds.measured == 1);
  CHECK(speeds.estimated == static_cast<int64_t>(shapes.size()) - 1);
  for (size_t i = 0; i < shapes.size(); ++i) {
    CHECK(speeds.of[i].train == Approx(flops(shapes[i]) / 1e9));
  }
}

TEST_CASE("the neighbour is the one that a look at all that was measured finds", "[engine]") {
  std::mt19937 random(7);
  const auto pick = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  std::vector<SpeedShape> shapes;  // some of them cost the same and are not the same
  for (int i = 0; i < 300; ++i) {
    shapes.push_back(
        {.arch = gpt(8 * pick(1, 16), pick(1, 4), 488 + 8 * pick(0, 3)), .batch_rows = pick(2, 5)});
    REQUIRE(stand_in(shapes.back()) == shapes.back());
  }
  const TemporaryFolder folder;
  struct Known {
    SpeedShape shape;
    TokenSeconds speed;
  };
  std::map<std::string, Known> known;
  SpeedOptions options{.threads = 2, .cache = folder / "speed.json", .patience_s = 1e9};
  options.measure = [&](const SpeedShape& shape, int64_t threads) {
    const double s = flops(shape) * static_cast<double>(pick(1000, 2000)) * 1e-12;
    known[speed_key(shape, threads)] = {shape, {.train = s, .evaluate = s / 3}};
    return TokenSeconds{.train = s, .evaluate = s / 3};
  };
  static_cast<void>(training_speeds(std::span(shapes).first(40), options));
  options.patience_s = 0.0;
  const Speeds speeds = training_speeds(shapes, options);
  REQUIRE(speeds.measured == 1);
  REQUIRE(speeds.estimated > 100);
  for (size_t i = 0; i < shapes.size(); ++i) {
    const auto distance = [&](const Known& other) {
      return std::abs(std::log(flops(other.shape) / flops(shapes[i])));
    };
    const Known* best = nullptr;
    if (const auto own = known.find(speed_key(shapes[i], 2)); own != known.end()) {
      best = &own->second;
    } else {
      for (const auto& [key, other] : known) {
        best = best == nullptr || distance(other) < distance(*best) ? &other : best;
      }
    }
    const TokenSeconds expected = scaled_to(shapes[i], best->shape, best->speed);
    CHECK(speeds.of[i].train == expected.train);
    CHECK(speeds.of[i].evaluate == expected.evaluate);
  }
}

TEST_CASE("the cache lies where the XDG specification says", "[engine]") {
  const ff::test::EnvironmentVariable home("HOME", "/home/someone");
  {
    const ff::test::EnvironmentVariable xdg("XDG_CACHE_HOME", "/var/cache/x");
    CHECK(default_speed_cache() == "/var/cache/x/flops-fit/speed.json");
  }
  const ff::test::EnvironmentVariable relative("XDG_CACHE_HOME", "not/absolute");
  CHECK(default_speed_cache() == "/home/someone/.cache/flops-fit/speed.json");
}

TEST_CASE("measuring trains: seconds are positive, and evaluating takes fewer", "[engine]") {
  const TokenSeconds speed = measure_speed({.arch = gpt(16), .batch_rows = 8}, 2);
  CHECK(speed.train > 0.0);
  CHECK(std::isfinite(speed.train));
  CHECK(speed.evaluate > 0.0);
  CHECK(speed.evaluate < speed.train);
}
