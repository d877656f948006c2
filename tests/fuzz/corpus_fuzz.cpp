// SPDX-License-Identifier: MIT
// Text and JSONL corpora. An input that starts with '{' is JSONL; both are read as text.
#include "support.h"
#include "targets.h"

#include "flops_fit/data/corpus.h"

namespace ff::fuzz {
namespace {

void read(const data::CorpusFile& file) {
  (void)data::for_each_document({file}, "text", [](std::string_view document) {
    int64_t replaced = 0;
    size_t first = 0;
    require(data::repair_utf8(document, replaced, first) == document && replaced == 0,
            "documents are UTF-8");
    for (const size_t limit : {size_t{8}, size_t{100}}) {
      std::string joined;
      data::for_each_piece(document, limit, [&](std::string_view piece) {
        require(!piece.empty() && piece.size() <= limit + 1, "pieces keep to their limit");
        joined += piece;
      });
      require(joined == document, "the pieces are the document");
    }
  });
}

}  // namespace

void corpus(const uint8_t* data, size_t size) {
  const auto path = file_of("corpus.txt", text_of(data, size));
  accepts([&] { read({path, data::FileKind::kText}); });
  if (size > 0 && data[0] == '{') {
    accepts([&] { read({path, data::FileKind::kJsonl}); });
  }
}

}  // namespace ff::fuzz
