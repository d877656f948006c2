// SPDX-License-Identifier: MIT
// Settings, corpus files, text repair.
#include "flops_fit/data/corpus.h"

#include "support/capture.h"
#include "support/catch.h"
#include "support/environment.h"
#include "support/files.h"

#include "flops_fit/data/config.h"
#include "flops_fit/data/dataset.h"
#include "flops_fit/data/tokenize.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <string>
#include <vector>

namespace {

using namespace ff::data;

std::vector<std::string> documents(const std::string& path, const std::string& field = "text") {
  std::vector<std::string> result;
  (void)for_each_document(find_corpus_files(path, "auto", "dataset.path"),
                          field,
                          [&](std::string_view text) { result.emplace_back(text); });
  return result;
}

DatasetConfig with(const std::string& path) {
  DatasetConfig config;
  config.path = path;
  return config;
}

}  // namespace

TEST_CASE("dataset settings survive the trip through JSON", "[data]") {
  DatasetConfig config;
  config.path = "a \"quoted\" path";
  config.vocab_size = 512;
  config.zipf.seed = 7;
  const DatasetConfig back = from_json(to_json(config));
  CHECK(to_json(back) == to_json(config));
  CHECK(back.path == config.path);
  CHECK(back.vocab_size == 512);
  CHECK(back.zipf.seed == 7);
  CHECK_FALSE(from_json("{}").vocab_size.has_value());
  CHECK_THROWS_WITH(from_json("{\"pth\": 1}"), ContainsSubstring("dataset.pth"));
  CHECK_THROWS_WITH(from_json("{\"zipf\": {\"sed\": 1}}"), ContainsSubstring("dataset.zipf.sed"));
  CHECK_THROWS_WITH(from_json("{\"seq_len\": \"x\"}"), ContainsSubstring("dataset.seq_len"));
  CHECK_THROWS_AS(from_json("nonsense"), ff::ConfigError);
}

TEST_CASE("settings that cannot work are refused with what to do", "[data]") {
  const auto refuses = [](const DatasetConfig& config, const std::string& advice) {
    CHECK_THROWS_AS(check(config), ff::ConfigError);
    CHECK_THROWS_WITH(check(config), ContainsSubstring(advice));
  };
  DatasetConfig config;
  config.name = "c4";
  refuses(config, "dataset.path=");
  config.name = "roneneldan/TinyStories";
  refuses(config, "scripts/fetch_tinystories.sh");
  config = {};
  config.tokenizer = "gpt2";
  refuses(config, "dataset.tokenizer: 'gpt2' is not available");
  config.tokenizer = "none";
  refuses(config, "token files");
  config.tokenizer = "auto";
  config.vocab_size = 512;
  refuses(config, "dataset.tokenizer=sentencepiece");
  config.tokenizer = "sentencepiece";
  check(config);
  config.vocab_size = 8193;
  refuses(config, "256 to 8192");
  config = with("x.txt");
  config.tokenizer = "word";
  refuses(config, "sentencepiece");
  config = with("x.bin");
  config.vocab_size = 50257;
  config.tokenizer = "sentencepiece";
  refuses(config, "dataset.tokenizer=none");
  config = {};
  config.validation_path = "v.txt";
  refuses(config, "dataset.path");
}

TEST_CASE("the vocabulary is planned without a look at the corpus", "[data]") {
  DatasetConfig config = with("absent.txt");
  CHECK(planned_vocab_size(config) == 1024);
  config.vocab_size = 1001;
  CHECK(planned_vocab_size(config) == 1008);
}

TEST_CASE("text files are documents, and end-of-text lines split them", "[data]") {
  const ff::test::TemporaryFolder folder;
  ff::test::write_text(folder / "b.txt", "\xEF\xBB\xBFone\n<|endoftext|>\ntwo <|endoftext|>\n");
  ff::test::write_text(folder / "sub/a.jsonl",
                       "{\"text\": \"three\\nlines\"}\n\n{\"text\": \"\"}\n");
  ff::test::write_text(folder / "notes.md", "not a corpus");
  CHECK(documents(folder.path()) ==
        std::vector<std::string>{"one\n", "two <|endoftext|>\n", "three\nlines"});
  CHECK(documents((folder / "*.txt").string()).size() == 2);
  CHECK(documents((folder / "b.txt").string()).size() == 2);
}

TEST_CASE("corpora that are not there are refused in one line", "[data]") {
  const ff::test::TemporaryFolder folder;
  const auto find = [](const std::string& path) {
    return find_corpus_files(path, "auto", "dataset.path");
  };
  CHECK_THROWS_AS(find(folder / "absent.txt"), ff::FileError);
  CHECK_THROWS_WITH(find(folder / "absent.txt"), ContainsSubstring("no such file"));
  CHECK_THROWS_WITH(find(folder / "*.txt"), ContainsSubstring("no such file"));
  CHECK_THROWS_WITH(find(folder.path()), ContainsSubstring("has no .txt, .jsonl or .bin file"));
  ff::test::write_text(folder / "corpus.dat", "text");
  CHECK_THROWS_AS(find(folder / "corpus.dat"), ff::ConfigError);
  CHECK_THROWS_WITH(find(folder / "corpus.dat"), ContainsSubstring("dataset.format"));
  CHECK(find_corpus_files(folder / "corpus.dat", "text", "dataset.path").size() == 1);
  CHECK_THROWS_AS(open_dataset(with(folder / "absent.txt")), ff::FileError);
  // What cannot even be looked at is said in our words, too.
  const std::string long_name(300, 'x');
  CHECK_THROWS_AS(open_dataset(with(long_name)), ff::FileError);
  ff::test::write_text(folder / "a.txt", "some text");
  DatasetConfig cached = with(folder / "a.txt");
  cached.cache_dir = long_name;
  CHECK_THROWS_AS(open_dataset(cached), ff::FileError);
  CHECK_THROWS_WITH(open_dataset(cached), ContainsSubstring("File name too long"));
}

TEST_CASE("a bad line of a .jsonl file is refused by file and line", "[data]") {
  const ff::test::TemporaryFolder folder;
  const std::string path = folder / "c.jsonl";
  ff::test::write_text(path, "{\"text\": \"a\"}\n{\"text\": \n");
  CHECK_THROWS_AS(documents(path), ff::FileError);
  CHECK_THROWS_WITH(documents(path), ContainsSubstring("c.jsonl:2"));
  ff::test::write_text(path, "\n{\"story\": \"a\"}\n");
  CHECK_THROWS_WITH(documents(path),
                    ContainsSubstring("c.jsonl:2") && ContainsSubstring("it has 'story'"));
  CHECK(documents(path, "story") == std::vector<std::string>{"a"});
  ff::test::write_text(path, "[1]\n");
  CHECK_THROWS_WITH(documents(path), ContainsSubstring("c.jsonl:1"));
}

TEST_CASE("bytes that are not UTF-8 are replaced, one for one, and counted", "[data]") {
  int64_t replaced = 0;
  size_t first = 0;
  const std::string good = "a\u00e9\u20ac\U0001F600";
  CHECK(repair_utf8(good, replaced, first) == good);
  CHECK(replaced == 0);
  CHECK(repair_utf8("a\xFF"
                    "b\xC3",
                    replaced,
                    first) == "a\uFFFDb\uFFFD");
  CHECK(replaced == 2);
  CHECK(first == 1);
  // Overlong, surrogate, above U+10FFFF, NUL.
  for (const std::string bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80"}) {
    (void)repair_utf8(bad, replaced, first);
    CHECK(replaced == static_cast<int64_t>(bad.size()));
  }
  CHECK(repair_utf8(std::string(1, '\0'), replaced, first) == "\uFFFD");
}

TEST_CASE("a stray byte is tolerated, a file that is not text is refused", "[data]") {
  const ff::test::TemporaryFolder folder;
  ff::test::write_text(folder / "a.txt", std::string(200, 'a') + "\xFF");
  const CorpusSummary summary = for_each_document(
      find_corpus_files(folder / "a.txt", "auto", "dataset.path"), "text", [](std::string_view) {});
  CHECK(summary.replaced_bytes == 1);
  CHECK_THAT(summary.first_replaced, ContainsSubstring("a.txt: byte 200"));
  ff::test::write_text(folder / "b.txt", "\xFF\xFEh\0e\0l\0l\0o\0");
  CHECK_THROWS_WITH(documents(folder / "b.txt"), ContainsSubstring("not UTF-8"));
}

TEST_CASE("pieces join to the document and never cut a character", "[data]") {
  std::string text = "short\n\n" + std::string(30, 'x') + " word " + std::string(25, 'y') + "\n";
  for (int i = 0; i < 20; ++i) {
    text += "\u20ac";
  }
  std::string joined;
  for_each_piece(text, 10, [&](std::string_view piece) {
    CHECK(piece.size() <= 10);
    int64_t replaced = 0;
    size_t first = 0;
    (void)repair_utf8(piece, replaced, first);
    CHECK(replaced == 0);
    joined += piece;
  });
  CHECK(joined == text);
}

TEST_CASE("only text and cached stories need a token cache", "[data]") {
  const ff::test::TemporaryFolder folder;
  CHECK(token_cache_path({}).empty());
  ff::test::write_text(folder / "a.txt", "some text");
  DatasetConfig config = with(folder / "a.txt");
  config.cache_dir = folder / "cache";
  const auto first = token_cache_path(config);
  CHECK_THAT(first.string(), ContainsSubstring("cache/a-"));
  CHECK_THROWS_AS(open_dataset(config), ff::FileError);
  CHECK_THROWS_WITH(open_dataset(config), ContainsSubstring("ff-tokenize"));
  // The name follows contents and settings, not times.
  std::filesystem::last_write_time(folder / "a.txt", {});
  CHECK(token_cache_path(config) == first);
  config.vocab_size = 512;
  CHECK(token_cache_path(config) != first);
  config.vocab_size.reset();
  ff::test::write_text(folder / "a.txt", "some texs");
  CHECK(token_cache_path(config) != first);
}

TEST_CASE("ff-tokenize is given no secret, and its lines do nothing to a terminal", "[data]") {
  const ff::test::TemporaryFolder folder;
  ff::test::write_text(folder / "a.txt", "some text");
  DatasetConfig config = with(folder / "a.txt");
  config.cache_dir = folder / "cache";
  const std::filesystem::path program = folder / "ff-tokenize";
  ff::test::write_text(program,
                       "#!/bin/sh\nenv >" + ff::test::shell_quoted(folder / "seen") +
                           "\nprintf 'a\\033[2Jb\\nlast\\033]0;x\\007\\n' >&2\nexit 1\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const ff::test::EnvironmentVariable key("FLOPS_FIT_API_KEY", "sk-1");
  const ff::test::EnvironmentVariable plain("FF_TEST_PLAIN", "plain");
  std::string message;
  const std::string relayed = ff::test::stderr_of([&] {
    try {
      static_cast<void>(ensure_token_cache(config, program));
    } catch (const ff::Error& problem) {
      message = problem.what();
    }
  });
  CHECK(message == "ff-tokenize failed with exit code 1: last\\x1b]0;x\\x07");
  CHECK_THAT(relayed, ContainsSubstring("a\\x1b[2Jb\n"));
  CHECK_THAT(relayed, !ContainsSubstring("\x1b[2J"));
  const std::string seen = ff::read_file(folder / "seen");
  CHECK_THAT(seen, ContainsSubstring("FF_TEST_PLAIN=plain"));
  CHECK_THAT(seen, !ContainsSubstring("sk-1"));
}

TEST_CASE("ff-tokenize that is not there is reported", "[data]") {
  const ff::test::TemporaryFolder folder;
  ff::test::write_text(folder / "a.txt", "some text");
  DatasetConfig config = with(folder / "a.txt");
  config.cache_dir = folder / "cache";
  CHECK_THROWS_WITH(ensure_token_cache(config, folder / "ff-tokenize"),
                    ContainsSubstring("cannot run"));
  ensure_token_cache({}, folder / "ff-tokenize");  // nothing to do for the built-in corpus
}
