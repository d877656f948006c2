// SPDX-License-Identifier: MIT
// Token files, shards of nanoGPT and llm.c, and the shuffle.
#include "flops_fit/data/token_file.h"

#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/data/dataset.h"
#include "flops_fit/data/shuffle.h"
#include "flops_fit/data/token_stream.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"
#include "flops_fit/util/signals.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace ff::data;
namespace fs = std::filesystem;

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// 0, 1, 2, ... modulo `modulus`.
template <class T>
std::vector<T> counting(size_t count, uint32_t modulus) {
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<T>(i % modulus);
  }
  return values;
}

std::string llmc(int32_t magic, int32_t version, int32_t count, const std::string& tokens) {
  std::vector<int32_t> header(256, 0);
  header[0] = magic;
  header[1] = version;
  header[2] = count;
  return bytes_of(header) + tokens;
}

void write_token_file(const fs::path& path, int64_t vocab_size) {
  TokenFileWriter writer(path, vocab_size, 77, 88);
  const std::vector<int32_t> ids = {5, 6, 7, static_cast<int32_t>(vocab_size - 1), 1};
  writer.mark_start();
  writer.append(ids);
  writer.add_text(20, 1);
  writer.begin_validation();
  writer.mark_start();
  writer.append(std::span(ids).first(2));
  writer.add_text(9, 1);
  (void)writer.finish();
}

DatasetConfig shard_config(const fs::path& path, int64_t vocab_size) {
  DatasetConfig config;
  config.path = path.string();
  config.vocab_size = vocab_size;
  config.seq_len = 8;
  return config;
}

}  // namespace

TEST_CASE("a token file comes back as it was written", "[data]") {
  const ff::test::TemporaryFolder folder;
  for (const int64_t vocab : {1000, 65536, 100000}) {
    const fs::path path = folder / "a.tokens";
    write_token_file(path, vocab);
    auto file = std::make_shared<const TokenFile>(path);
    const TokenFileHeader& h = file->header();
    CHECK(h.tokens == 7);
    CHECK(h.train_tokens == 5);
    CHECK(h.documents == 2);
    CHECK(h.text_bytes == 29);
    CHECK(h.train_text_bytes == 20);
    CHECK(h.vocab_size == vocab);
    CHECK(h.token_bytes == (vocab <= 65536 ? 2 : 4));
    CHECK(h.key == 77);
    CHECK(h.tokenizer_hash == 88);
    CHECK(std::vector<uint64_t>(file->starts().begin(), file->starts().end()) ==
          std::vector<uint64_t>{0, 5});
    TokenStream stream(vocab);
    stream.add({file, &file->file()}, file->tokens(), static_cast<int>(h.token_bytes), h.tokens);
    std::vector<int32_t> ids(7);
    stream.read(0, ids);
    CHECK(ids == std::vector<int32_t>{5, 6, 7, static_cast<int32_t>(vocab - 1), 1, 5, 6});
  }
}

TEST_CASE("a damaged token file is refused by name and reason", "[data]") {
  const ff::test::TemporaryFolder folder;
  const fs::path path = folder / "a.tokens";
  write_token_file(path, 1000);
  const std::string good = ff::read_file(path);
  const auto refuses = [&](const std::string& content, const std::string& why) {
    ff::test::write_text(path, content);
    CHECK_THROWS_AS(TokenFile(path), ff::FileError);
    CHECK_THROWS_WITH(TokenFile(path), ContainsSubstring(why) && ContainsSubstring("a.tokens"));
  };
  refuses("", "truncated");
  refuses(good.substr(0, 100), "truncated");
  refuses(good.substr(0, good.size() - 1), "truncated");
  refuses(good + "x", "expected");
  std::string bad = good;
  bad[0] = 'G';
  refuses(bad, "not a token file");
  bad = good;
  bad[8] = 1;
  refuses(bad, "version 1, this program reads version 2");
  bad = good;
  bad[23] = '\x7F';  // an absurd number of tokens
  refuses(bad, "header is damaged");
  bad = good;
  bad[bad.size() - 8] = 100;  // a row start behind the end
  refuses(bad, "row start 1");
  CHECK_THROWS_AS(TokenFile(folder / "absent.tokens"), ff::FileError);
}

TEST_CASE("the shuffle is a bijection that depends on its key", "[data]") {
  for (const uint64_t n : {1, 2, 3, 7, 64, 1000, 4097}) {
    std::set<uint64_t> seen;
    for (uint64_t i = 0; i < n; ++i) {
      seen.insert(shuffled(i, n, 42));
    }
    REQUIRE(seen.size() == n);
    REQUIRE(*seen.rbegin() == n - 1);
  }
  int same = 0;
  int fixed = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    same += shuffled(i, 1000, 1) == shuffled(i, 1000, 2) ? 1 : 0;
    fixed += shuffled(i, 1000, 1) == i ? 1 : 0;
  }
  CHECK(same < 10);
  CHECK(fixed < 10);
}

TEST_CASE("raw and llm.c shards are read, split, and joined", "[data]") {
  const ff::test::TemporaryFolder folder;
  ff::test::write_text(folder / "raw.bin", bytes_of(counting<uint16_t>(1000, 50257)));
  ff::test::write_text(folder / "gpt2.bin",
                       llmc(20240520, 1, 1000, bytes_of(counting<uint16_t>(1000, 50257))));
  ff::test::write_text(folder / "llama.bin",
                       llmc(20240801, 7, 1000, bytes_of(counting<uint32_t>(1000, 128256))));
  for (const char* name : {"raw.bin", "gpt2.bin", "llama.bin"}) {
    const auto data = open_dataset(shard_config(folder / name, 50257));
    CHECK(data->vocab_size() == 50264);
    CHECK(data->train_tokens() == 900);
    CHECK(std::isnan(data->bytes_per_token()));
    const EvalSet set = data->eval_set(1'000'000);
    CHECK(set.rows == 12);  // (100 - 1) / 8
    CHECK(set.scored_tokens == 96);
    CHECK(set.tokens.front() == 900);
    CHECK(set.tokens[9] == 908);  // rows overlap by one token: the last target is the next input
    CHECK_FALSE(set.floor_nats.has_value());
  }
  CHECK(planned_vocab_size(shard_config(folder / "raw.bin", 50257)) == 50264);
}

TEST_CASE("each epoch visits each row of the training part once", "[data]") {
  const ff::test::TemporaryFolder folder;
  ff::test::write_text(folder / "raw.bin", bytes_of(counting<uint16_t>(1000, 50257)));
  const auto data = open_dataset(shard_config(folder / "raw.bin", 50257));
  constexpr int64_t kRows = (900 - 8) / 8;
  std::vector<int32_t> first_epoch;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<int32_t> out(kRows * 9);
    data->fill_batch(1, epoch, kRows, out);
    std::set<int32_t> starts;
    for (size_t row = 0; row < kRows; ++row) {
      starts.insert(out[row * 9]);
      REQUIRE(out[row * 9 + 8] == out[row * 9] + 8);
    }
    CHECK(starts.size() == kRows);
    CHECK(*starts.begin() < 8);  // the offset of the epoch
    CHECK(*starts.rbegin() == *starts.begin() + (kRows - 1) * 8);
    if (epoch == 0) {
      first_epoch = out;
    } else {
      CHECK(out != first_epoch);
    }
  }
  std::vector<int32_t> other(kRows * 9);
  data->fill_batch(2, 0, kRows, other);
  CHECK(other != first_epoch);
}

TEST_CASE("shards are split by file name when both parts are there", "[data]") {
  const ff::test::TemporaryFolder folder;
  ff::test::write_text(folder / "x_train_1.bin", bytes_of(counting<uint16_t>(100, 50257)));
  ff::test::write_text(folder / "x_train_2.bin", bytes_of(counting<uint16_t>(60, 50257)));
  ff::test::write_text(folder / "x_val.bin", bytes_of(counting<uint16_t>(40, 50257)));
  const auto data = open_dataset(shard_config(folder.path(), 50257));
  CHECK(data->train_tokens() == 160);
  CHECK(data->eval_set(1000).scored_tokens == 32);
  ff::test::write_text(folder / "x_test.bin", bytes_of(counting<uint16_t>(40, 50257)));
  CHECK_THROWS_WITH(open_dataset(shard_config(folder.path(), 50257)),
                    ContainsSubstring("x_test.bin"));
}

TEST_CASE("a stop signal is heard while shards are checked", "[data]") {
  const ff::test::TemporaryFolder folder;
  ff::test::write_text(folder / "a.bin", std::string(4'000'000, '\0'));
  TokenStream stream(64);
  add_shard(stream, folder / "a.bin");
  ff::install_stop_handlers();
  std::raise(SIGTERM);
  CHECK_THROWS_AS(stream.check_vocabulary(stream.size()), ff::StoppedError);
  ff::clear_stop_signal();
  CHECK_NOTHROW(stream.check_vocabulary(stream.size()));
}

TEST_CASE("bad shards are refused by file, position and remedy", "[data]") {
  const ff::test::TemporaryFolder folder;
  const fs::path path = folder / "s.bin";
  const auto refuses = [&](const std::string& content, const std::string& why) {
    ff::test::write_text(path, content);
    CHECK_THROWS_AS(open_dataset(shard_config(path, 500)), ff::FileError);
    CHECK_THROWS_WITH(open_dataset(shard_config(path, 500)),
                      ContainsSubstring("s.bin") && ContainsSubstring(why));
  };
  const std::string tokens = bytes_of(counting<uint16_t>(400, 50257));
  std::vector<uint16_t> high = counting<uint16_t>(400, 50257);
  high[123] = 500;
  refuses(bytes_of(high), "token 500 at position 123");
  refuses(tokens + "x", "no raw uint16");
  refuses("", "0 bytes");
  refuses(llmc(20240520, 2, 400, tokens), "version 2");
  refuses(llmc(20240520, 1, 401, tokens), "truncated");
  refuses(llmc(20240801, 7, 400, tokens), "truncated");
  refuses(tokens.substr(0, 20), "too small");
  DatasetConfig config = shard_config(path, 500);
  config.vocab_size.reset();
  CHECK_THROWS_AS(open_dataset(config), ff::ConfigError);
  CHECK_THROWS_WITH(open_dataset(config), ContainsSubstring("50257"));
}
