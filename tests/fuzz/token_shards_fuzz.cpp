// SPDX-License-Identifier: MIT
// Token files: our cache, the shards of nanoGPT and llm.c, and the size of a sentencepiece model.
#include "support.h"
#include "targets.h"

#include "flops_fit/data/dataset.h"
#include "flops_fit/data/token_file.h"
#include "flops_fit/data/token_stream.h"
#include "flops_fit/data/tokenize.h"

#include <cstring>

namespace ff::fuzz {
namespace {

void read_all(const data::TokenStream& stream) {
  std::vector<int32_t> tokens(static_cast<size_t>(stream.size()));
  stream.read(0, tokens);
  stream.slice(stream.size() / 3, stream.size()).check_vocabulary(1 << 20);
}

/// The input with a header whose version and hash are right, so that what lies behind them is
/// reached.
std::string sealed(std::string bytes) {
  data::TokenFileHeader header;
  if (bytes.size() >= sizeof header) {
    std::memcpy(&header, bytes.data(), sizeof header);
    header.version = data::kTokenFileVersion;
    header.header_hash = data::hash_of(header);
    std::memcpy(bytes.data(), &header, sizeof header);
  }
  return bytes;
}

}  // namespace

void token_shards(const uint8_t* data, size_t size) {
  const auto path = file_of("shard.bin", text_of(data, size));
  accepts([&] { (void)data::TokenFile(path).content_problem(); });
  accepts([&] {
    const auto file = std::make_shared<const data::TokenFile>(
        file_of("sealed.tokens", sealed(text_of(data, size))));
    const data::TokenFileHeader& h = file->header();
    data::TokenStream stream(h.vocab_size);
    stream.add({file, &file->file()}, file->tokens(), static_cast<int>(h.token_bytes), h.tokens);
    read_all(stream);
  });
  accepts([&] {
    data::TokenStream stream(50257);
    data::add_shard(stream, path);
    data::add_shard(stream, path);
    read_all(stream);
  });
  accepts([&] { require(data::model_vocab_size(path) > 0, "a model has pieces"); });
  accepts([&] {
    data::DatasetConfig config;
    config.path = path.string();
    config.vocab_size = 50257;
    config.seq_len = 4;
    const auto dataset = data::open_dataset(config);
    std::vector<int32_t> rows(3 * 5);
    dataset->fill_batch(1, 7, 3, rows);
    (void)dataset->eval_set(1 << 10);
  });
}

}  // namespace ff::fuzz
