// SPDX-License-Identifier: MIT
// Which files a corpus path names, and what they are.
#include "flops_fit/data/corpus.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <glob.h>
#include <optional>
#include <system_error>

namespace ff::data {
namespace {

namespace fs = std::filesystem;

std::optional<FileKind> kind_by_name(const fs::path& path) {
  const std::string extension = path.extension().string();
  if (extension == ".txt") {
    return FileKind::kText;
  }
  if (extension == ".jsonl") {
    return FileKind::kJsonl;
  }
  if (extension == ".bin") {
    return FileKind::kTokens;
  }
  return std::nullopt;
}

std::optional<FileKind> kind_by_format(const std::string& format) {
  if (format == "text") {
    return FileKind::kText;
  }
  if (format == "jsonl") {
    return FileKind::kJsonl;
  }
  if (format == "tokens") {
    return FileKind::kTokens;
  }
  if (format != "auto") {
    throw error<ConfigError>("dataset.format: expected auto, text, jsonl or tokens, got '{}'.",
                             format);
  }
  return std::nullopt;
}

bool is_text(FileKind kind) {
  return kind != FileKind::kTokens;
}

std::vector<fs::path> expand_glob(const std::string& pattern) {
  glob_t matches{};
  std::vector<fs::path> paths;
  if (::glob(pattern.c_str(), GLOB_TILDE, nullptr, &matches) == 0) {
    paths.assign(matches.gl_pathv, matches.gl_pathv + matches.gl_pathc);
  }
  ::globfree(&matches);
  return paths;
}

/// All files below a folder that the format allows: with `auto`, text if there is any, else tokens.
std::vector<CorpusFile> files_in_folder(const fs::path& folder,
                                        std::optional<FileKind> wanted,
                                        std::string_view key) {
  std::vector<CorpusFile> text, tokens;
  std::error_code failure;
  fs::recursive_directory_iterator entry(folder, failure);
  for (; !failure && entry != fs::recursive_directory_iterator(); entry.increment(failure)) {
    std::error_code ignored;
    const auto kind = kind_by_name(entry->path());
    if (kind && entry->is_regular_file(ignored) && (!wanted || *kind == *wanted)) {
      (is_text(*kind) ? text : tokens).push_back({entry->path(), *kind});
    }
  }
  if (failure) {
    throw error<FileError>(
        "{}: cannot read the folder {}: {}.", key, folder.string(), failure.message());
  }
  if (text.empty() && tokens.empty()) {
    throw error<FileError>(
        "{}: the folder {} has no {} file; give a file, a glob, or a folder with a corpus.",
        key,
        folder.string(),
        !wanted                       ? ".txt, .jsonl or .bin"
        : *wanted == FileKind::kText  ? ".txt"
        : *wanted == FileKind::kJsonl ? ".jsonl"
                                      : ".bin");
  }
  return text.empty() ? tokens : text;
}

bool has_wildcard(const std::string& path) {
  return path.find_first_of("*?[") != std::string::npos;
}

}  // namespace

std::vector<CorpusFile> find_corpus_files(const std::string& path,
                                          const std::string& format,
                                          std::string_view key) {
  const std::optional<FileKind> wanted = kind_by_format(format);
  std::error_code ignored;
  std::vector<CorpusFile> files;
  if (fs::is_directory(path, ignored)) {
    files = files_in_folder(path, wanted, key);
  } else {
    std::vector<fs::path> paths = {path};
    if (!fs::exists(path, ignored)) {
      paths = has_wildcard(path) ? expand_glob(path) : std::vector<fs::path>{};
    }
    for (const fs::path& file : paths) {
      if (fs::is_directory(file, ignored)) {
        continue;  // a glob may match folders beside files
      }
      const std::optional<FileKind> kind = wanted ? wanted : kind_by_name(file);
      if (!kind) {
        throw error<ConfigError>(
            "{}: cannot tell the format of {} from its name; set dataset.format to text, jsonl or "
            "tokens.",
            key,
            file.string());
      }
      files.push_back({file, *kind});
    }
    if (files.empty()) {
      throw error<FileError>("{}: no such file: {}; give a file, a glob, or a folder.", key, path);
    }
  }
  std::sort(files.begin(), files.end(), [](const CorpusFile& a, const CorpusFile& b) {
    return a.path < b.path;
  });
  if (std::any_of(files.begin(), files.end(), [&](const CorpusFile& f) {
        return is_text(f.kind) != is_text(files[0].kind);
      })) {
    throw error<ConfigError>(
        "{}: {} names both text and token files; choose one kind with a narrower glob or "
        "dataset.format.",
        key,
        path);
  }
  return files;
}

bool is_token_corpus(const DatasetConfig& config) {
  std::optional<FileKind> kind = kind_by_format(config.format);
  std::error_code unreadable;  // which whoever opens it says
  if (!kind && !fs::is_directory(config.path, unreadable)) {
    kind = kind_by_name(config.path);  // also for a glob such as shards/*.bin
  }
  if (!kind) {
    kind = find_corpus_files(config.path, config.format, "dataset.path").front().kind;
  }
  return !is_text(*kind);
}

}  // namespace ff::data
