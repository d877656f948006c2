// SPDX-License-Identifier: MIT
#include "flops_fit/data/corpus.h"

#include "flops_fit/data/mapped_file.h"
#include "flops_fit/io/json.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <cstring>

namespace ff::data {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kEndOfText = "<|endoftext|>";

/// Length of the UTF-8 character at the start of `text`, or 0 if there is none. Refuses overlong
/// forms, surrogates and what lies above U+10FFFF, as Unicode asks.
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) {
    return lead == 0 ? 0 : 1;
  }
  const size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                        : lead >= 0xE0 && lead <= 0xEF ? 3
                        : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                       : 0;
  if (length == 0 || text.size() < length) {
    return 0;
  }
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) {
      return 0;
    }
  }
  const unsigned char second = byte(1);
  const bool bad = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                   (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return bad ? 0 : length;
}

/// The offset of the first byte that is not UTF-8, or npos.
size_t first_invalid(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  constexpr uint64_t kHigh = 0x8080808080808080ULL;
  for (size_t at = 0; at < text.size();) {
    if (at + 8 <= text.size()) {
      // Eight ASCII characters at once: no high bit, and no zero byte.
      uint64_t word = 0;
      std::memcpy(&word, text.data() + at, 8);
      if (((word | (word - kOnes)) & kHigh) == 0) {
        at += 8;
        continue;
      }
    }
    const size_t length = character_length(text.substr(at));
    if (length == 0) {
      return at;
    }
    at += length;
  }
  return std::string_view::npos;
}

int64_t count_invalid(std::string_view text) {
  int64_t count = 0;
  for (size_t at = 0; (at = first_invalid(text)) != std::string_view::npos; ++count) {
    text.remove_prefix(at + 1);
  }
  return count;
}

/// Throws FileError for a file that is no text; `replaced` bytes of it are not UTF-8. Known before
/// anything is repaired, because repaired binary data are three times as long.
void check_share(const std::filesystem::path& path, int64_t replaced, size_t size) {
  if (replaced * 100 > static_cast<int64_t>(size)) {
    throw error<FileError>(
        "{}: {} of {} bytes are not UTF-8 text; convert the file (iconv -t UTF-8), or leave it "
        "out.",
        path.string(),
        replaced,
        size);
  }
}

/// Hands documents on, repaired and counted.
class Documents {
 public:
  explicit Documents(const std::function<void(std::string_view)>& visit) : visit_(visit) {}

  void add(std::string_view text, const std::string& where) {
    if (text.empty()) {
      return;
    }
    ++summary_.documents;
    if (first_invalid(text) == std::string_view::npos) {
      summary_.bytes += static_cast<int64_t>(text.size());
      visit_(text);
      return;
    }
    int64_t replaced = 0;
    size_t first = 0;
    const std::string repaired = repair_utf8(text, replaced, first);
    if (summary_.replaced_bytes == 0) {
      summary_.first_replaced = fmt::format("{}: byte {}", where, first);
    }
    summary_.replaced_bytes += replaced;
    summary_.bytes += static_cast<int64_t>(repaired.size());
    visit_(repaired);
  }

  CorpusSummary& summary() { return summary_; }

 private:
  const std::function<void(std::string_view)>& visit_;
  CorpusSummary summary_;
};

void read_text(std::string_view text, const std::string& where, Documents& documents) {
  size_t begin = 0;
  for (size_t at = 0; (at = text.find(kEndOfText, at)) != std::string_view::npos;) {
    size_t end = at + kEndOfText.size();
    const bool starts_line = at == 0 || text[at - 1] == '\n';
    if (end < text.size() && text[end] == '\r') {
      ++end;
    }
    if (starts_line && (end >= text.size() || text[end] == '\n')) {
      documents.add(text.substr(begin, at - begin), where);
      begin = std::min(end + 1, text.size());
    }
    at = end;
  }
  documents.add(text.substr(begin), where);
}

io::Json parse_line(std::string_view line, const std::string& where) {
  const auto fail = [&](std::string_view why) -> FileError {
    return error<FileError>("{}: expected one JSON object a line, found '{}'{}{}; fix the line.",
                            where,
                            line.substr(0, 40),
                            line.size() > 40 ? "..." : "",
                            why);
  };
  try {
    io::Json object = io::parse_json(line);
    if (!object.is_object()) {
      throw fail("");
    }
    return object;
  } catch (const io::JsonError& problem) {
    throw fail(fmt::format(" ({})", problem.what()));
  }
}

void read_jsonl(std::string_view text,
                const std::string& path,
                const std::string& field,
                Documents& documents) {
  int64_t line_number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
      continue;
    }
    const std::string where = fmt::format("{}:{}", path, line_number);
    // Invalid bytes would fail the JSON parser; repair first, as in plain text.
    int64_t replaced = 0;
    size_t first = 0;
    std::string repaired;
    if (first_invalid(line) != std::string_view::npos) {
      repaired = repair_utf8(line, replaced, first);
      if (documents.summary().replaced_bytes == 0) {
        documents.summary().first_replaced = fmt::format("{}: byte {}", where, first);
      }
      documents.summary().replaced_bytes += replaced;
      line = repaired;
    }
    const io::Json object = parse_line(line, where);
    const auto found = object.find(field);
    if (found == object.end() || !found->is_string()) {
      throw error<FileError>(
          "{}: the object has no text in a field '{}'; set dataset.text_field to the name of its "
          "text field{}.",
          where,
          field,
          object.empty() ? "" : fmt::format(" (it has '{}')", object.begin().key()));
    }
    documents.add(found->get_ref<const std::string&>(), where);
  }
}

}  // namespace

std::string repair_utf8(std::string_view text, int64_t& replaced, size_t& first) {
  std::string repaired;
  repaired.reserve(text.size() + 16);
  replaced = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t length = character_length(text.substr(at));
    if (length == 0) {
      first = replaced == 0 ? at : first;
      ++replaced;
      repaired += kReplacement;
      ++at;
    } else {
      repaired += text.substr(at, length);
      at += length;
    }
  }
  return repaired;
}

void for_each_piece(std::string_view document,
                    size_t limit,
                    const std::function<void(std::string_view)>& visit) {
  for (size_t at = 0; at < document.size();) {
    // Every search stays within the limit: in a line of a gigabyte, each would go through all of it.
    const std::string_view rest = document.substr(at, limit + 1);
    const size_t newline = rest.substr(0, limit).find('\n');
    size_t end = at + (newline == std::string_view::npos ? rest.size() : newline + 1);
    if (end - at > limit) {
      const size_t space = rest.rfind(' ');
      end = at + space;
      if (space == std::string_view::npos || space == 0) {
        end = at + limit;
        while (end > at + 1 && (static_cast<unsigned char>(document[end]) & 0xC0) == 0x80) {
          --end;  // not inside a character
        }
      }
    }
    visit(document.substr(at, end - at));
    at = end;
  }
}

CorpusSummary for_each_document(const std::vector<CorpusFile>& files,
                                const std::string& text_field,
                                const std::function<void(std::string_view)>& visit) {
  Documents documents(visit);
  for (const CorpusFile& file : files) {
    const MappedFile mapped(file.path);
    std::string_view text = mapped.bytes();
    if (text.starts_with(kByteOrderMark)) {
      text.remove_prefix(kByteOrderMark.size());
    }
    check_share(file.path, count_invalid(text), text.size());
    if (file.kind == FileKind::kJsonl) {
      read_jsonl(text, file.path.string(), text_field, documents);
    } else {
      read_text(text, file.path.string(), documents);
    }
  }
  return documents.summary();
}

}  // namespace ff::data
