// SPDX-License-Identifier: MIT
// Token files and shards are what they were: hashes, and what is handed to workers in their place.
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/data/dataset.h"
#include "flops_fit/data/token_file.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <vector>

namespace {

using namespace ff::data;
namespace fs = std::filesystem;

/// A token file of 4000 tokens, two row starts and a vocabulary of 1000.
void write_token_file(const fs::path& path, uint64_t key, int32_t first = 3) {
  fs::create_directories(path.parent_path());
  TokenFileWriter writer(path, 1000, key, 88);
  std::vector<int32_t> ids(3600);
  for (size_t i = 0; i < ids.size(); ++i) {
    ids[i] = (first + static_cast<int32_t>(i) * 7) % 1000;
  }
  writer.mark_start();
  writer.append(ids);
  writer.add_text(9000, 1);
  writer.begin_validation();
  writer.mark_start();
  writer.append(std::span(ids).first(400));
  writer.add_text(1000, 1);
  (void)writer.finish();
}

/// Why a reader that checks everything refuses the file; empty if it does not.
std::string refusal(const fs::path& path) {
  try {
    return TokenFile(path).content_problem().value_or("");
  } catch (const ff::FileError& problem) {
    return problem.what();
  }
}

DatasetConfig shard_config(const ff::test::TemporaryFolder& folder) {
  DatasetConfig config;
  config.path = folder / "data.bin";
  config.cache_dir = folder / "cache";
  config.vocab_size = 64;
  config.seq_len = 16;
  return config;
}

}  // namespace

TEST_CASE("bytes that come in pieces have the hash of the whole", "[data]") {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    bytes += static_cast<char>(i * i % 251);
  }
  for (const size_t size : {0, 1, 31, 32, 33, 64, 1000}) {
    const std::string_view whole = std::string_view(bytes).substr(0, size);
    for (const size_t piece : {1, 5, 32, 100}) {
      ContentHash hash;
      for (size_t at = 0; at < size; at += piece) {
        hash.add(whole.substr(at, piece));
      }
      CHECK(hash.value() == content_hash(whole));
    }
  }
  // Of the first release with hashes: checkpoints and caches on disk hold such numbers.
  CHECK(content_hash("flops-fit") != content_hash("flops-fis"));
  CHECK(content_hash("") != content_hash(std::string(1, '\0')));
}

TEST_CASE("one changed bit or one zeroed block of a token file is found", "[data]") {
  const ff::test::TemporaryFolder folder;
  const fs::path path = folder / "a.tokens";
  write_token_file(path, 77);
  const std::string good = ff::read_file(path);
  CHECK(refusal(path).empty());
  const auto refuses = [&](const std::string& bad, const std::string& why) {
    ff::test::write_text(path, bad);
    CHECK_THAT(refusal(path), ContainsSubstring(why) && ContainsSubstring("a.tokens"));
  };
  for (const size_t at : {size_t{128}, size_t{129}, good.size() / 2, good.size() - 17}) {
    std::string bad = good;
    bad[at] ^= 0x10;
    refuses(bad, "damaged");
  }
  std::string zeroed = good;
  zeroed.replace(4096, 1024, 1024, '\0');
  refuses(zeroed, "damaged: its tokens are not those that were written");
  // Every byte of the header counts: with other train_tokens, held-out text would be trained on.
  for (size_t at = 0; at < sizeof(TokenFileHeader); ++at) {
    std::string bad = good;
    bad[at] ^= 1;
    ff::test::write_text(path, bad);
    INFO("byte " << at);
    CHECK_FALSE(refusal(path).empty());
  }
  std::string other_split = good;
  other_split[offsetof(TokenFileHeader, train_tokens)] ^= 1;
  refuses(other_split, "the header is damaged");
}

TEST_CASE("a worker opens the token file that was checked, and reads no corpus", "[data]") {
  const ff::test::TemporaryFolder folder;
  DatasetConfig config;
  config.path = folder / "absent.txt";  // whoever reads it fails
  config.cache_dir = folder / "cache";
  config.seq_len = 16;
  write_token_file(token_file_path(config, 77), 77);
  const TokenFileHeader header = TokenFile(token_file_path(config, 77)).header();
  const std::string identity =
      fmt::format("text tokens=000000000000004d content={:016x} vocab=1000", header.content_hash);
  const auto data = open_dataset(config, identity);
  CHECK(data->identity() == identity);
  CHECK(data->train_tokens() == 3600);

  // Damage that came after the start is noticed: the note beside it is of another file.
  TokenFile(token_file_path(config, 77)).note();
  CHECK(open_dataset(config, identity)->identity() == identity);
  {
    std::fstream file(token_file_path(config, 77), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1000);
    file.put('\1');
  }
  CHECK_THROWS_WITH(open_dataset(config, identity), ContainsSubstring("damaged"));

  // Another file of the same key, as whole as the first.
  write_token_file(token_file_path(config, 77), 77, 4);
  CHECK_THROWS_WITH(open_dataset(config, identity), ContainsSubstring("changed since"));
  // Not a name that leads elsewhere.
  for (const std::string bad : {"text tokens=../../000000000d content=1 vocab=1",
                                "text tokens=4d vocab=1000",
                                "text",
                                "shards train=1 validation=2 split=3 vocab=4"}) {
    CHECK_THROWS_WITH(open_dataset(config, bad), ContainsSubstring("names no token file"));
  }
  CHECK_THROWS_AS(open_dataset(config, "text tokens=000000000000004e content=1 vocab=1"),
                  ff::FileError);
}

TEST_CASE("shards that were read once are not read again by the workers", "[data]") {
  const ff::test::TemporaryFolder folder;
  const DatasetConfig config = shard_config(folder);
  ff::test::write_text(folder / "data.bin", std::string(size_t{64} << 20, '\0'));
  const std::string identity = prepare_dataset(config)->identity();
  CHECK(open_dataset(config)->identity() == identity);

  CHECK(open_dataset(config, identity)->identity() == identity);
  // A note that lies is believed, so nobody reads; without it the shards are read.
  std::string lie = identity;
  lie.replace(lie.find("train=") + 6, 16, "0123456789abcdef");
  const auto note_of = [&](const std::string& name) {
    return fs::path(config.cache_dir) /
           fmt::format("shards-{}.note", ff::hash_text(ff::fnv1a(name)));
  };
  CHECK_THROWS_WITH(open_dataset(config, lie), ContainsSubstring("changed since"));
  std::string note = ff::read_file(note_of(identity));
  ff::test::write_text(note_of(lie), note.replace(note.find(identity), identity.size(), lie));
  CHECK(open_dataset(config, lie)->identity() == lie);

  // Who wrote to the file in between is found out, even if the time of the last write is set back.
  struct stat before {};
  REQUIRE(::stat(config.path.c_str(), &before) == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the file system's clock has ticks
  {
    std::fstream file(config.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(1000);
    file.put('\1');
  }
  const std::array<timespec, 2> times = {before.st_atim, before.st_mtim};
  REQUIRE(::utimensat(AT_FDCWD, config.path.c_str(), times.data(), 0) == 0);
  CHECK_THROWS_WITH(open_dataset(config, identity), ContainsSubstring("changed since"));
}

TEST_CASE("a note about shards that is damaged or cannot be written costs a reading", "[data]") {
  const ff::test::TemporaryFolder folder;
  DatasetConfig config = shard_config(folder);
  ff::test::write_text(folder / "data.bin", std::string(4000, '\0'));
  const std::string identity = prepare_dataset(config)->identity();
  for (const auto& entry : fs::directory_iterator(config.cache_dir)) {
    ff::test::write_text(entry.path(), "something else");
  }
  CHECK(open_dataset(config, identity)->identity() == identity);
  ff::test::write_text(folder / "file", "");
  config.cache_dir = folder / "file/cache";
  CHECK(prepare_dataset(config)->identity() == identity);
  CHECK(open_dataset(config, identity)->identity() == identity);
}
