// SPDX-License-Identifier: MIT
// What is damaged in the cache is said, and made again to the same bytes.
#include "support/catch.h"
#include "support/files.h"

#include "flops_fit/data/dataset.h"
#include "flops_fit/data/token_file.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/data/zipf/world.h"
#include "flops_fit/tokenize/sentencepiece.h"
#include "flops_fit/tokenize/tokenize.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <string>
#include <sys/stat.h>

namespace {

using namespace ff::data;
namespace fs = std::filesystem;

struct Cache {
  ff::test::TemporaryFolder folder;
  DatasetConfig config;
  TokenizeJob job;
  std::string tokens, model;  ///< as they shall be

  Cache() {
    const zipf::World world{zipf::WorldOptions{}};
    std::string text;
    for (uint64_t i = 0; i < 1000; ++i) {
      text += world.story(i).text + "\n";
    }
    ff::test::write_text(folder / "corpus.txt", text);
    config.path = folder / "corpus.txt";
    config.cache_dir = folder / "cache";
    config.vocab_size = 512;
    job = *ensure_token_cache(config, helper());
    tokens = ff::read_file(job.tokens_path);
    model = ff::read_file(job.model_path);
  }
  static fs::path helper() { return ff::test::bin_dir() / "data_tokenize_helper"; }
  void check_whole() const {
    CHECK(ff::read_file(job.tokens_path) == tokens);
    CHECK(ff::read_file(job.model_path) == model);
  }
};

}  // namespace

TEST_CASE("a token cache with a zeroed block or another split is made again", "[data]") {
  const Cache cache;
  std::string zeroed = cache.tokens;
  zeroed.replace(4096, 4096, 4096, '\0');
  std::string other_split = cache.tokens;
  other_split[offsetof(TokenFileHeader, train_tokens) + 1] ^= 1;
  std::string old_version = cache.tokens;
  old_version[offsetof(TokenFileHeader, version)] = 1;
  for (const std::string& bad : {zeroed, other_split, old_version}) {
    ff::test::write_text(cache.job.tokens_path, bad);
    CHECK(cache_problem(cache.job));
    CHECK_THROWS_AS(open_dataset(cache.config), ff::FileError);
    CHECK(prepare_dataset(cache.config, Cache::helper())->unchanged());
    cache.check_whole();
  }
  ff::test::write_text(cache.job.tokens_path, zeroed);
  CHECK_FALSE(ff::tokenize::tokenize(cache.config).reused);
  cache.check_whole();
}

TEST_CASE("a damaged tokenizer model that still loads is trained again", "[data]") {
  const Cache cache;
  // One letter of one piece: the model loads, has as many pieces, and makes other tokens.
  std::string bad = cache.model;
  const size_t piece = bad.rfind("Meet");
  REQUIRE(piece != std::string::npos);
  bad[piece] = 'N';
  ff::test::write_text(cache.job.model_path, bad);
  REQUIRE(ff::tokenize::SentencePiece(cache.job.model_path).vocab_size() == 512);
  static_cast<void>(prepare_dataset(cache.config, Cache::helper()));
  cache.check_whole();
}

TEST_CASE("a worker reads the prepared token file alone", "[data]") {
  const Cache cache;
  const std::string identity = prepare_dataset(cache.config)->identity();
  CHECK(open_dataset(cache.config)->identity() == identity);
  fs::remove(cache.config.path);
  CHECK(open_dataset(cache.config, identity)->identity() == identity);
}
