// SPDX-License-Identifier: MIT
#pragma once
// Private to compose.cpp: reading one configuration file with its defaults list.
#include "flops_fit/config/compose.h"

#include <map>

namespace ff::config {

/// `group=option` from the command line or from an `override` entry, by group.
struct GroupChoice {
  std::string option;
  std::string origin;
  bool used = false;
};

class FileLoader {
 public:
  FileLoader(const ComposeRequest& request, std::map<std::string, GroupChoice>& choices)
      : request_(&request), choices_(&choices) {}

  /// What the file, and the files of its defaults list, say to this stage.
  [[nodiscard]] Node load(const std::filesystem::path& file);
  /// The file of `group=option`, below the key of the group.
  [[nodiscard]] Node load_option(const std::string& group,
                                 const std::string& option,
                                 const std::string& origin,
                                 bool optional = false);
  /// "no such configuration", with the search path and the names there are.
  [[noreturn]] void missing(const std::string& origin, const std::string& name) const;

  [[nodiscard]] const std::vector<std::filesystem::path>& files() const { return files_; }

 private:
  Node section_of(Node tree, const std::filesystem::path& file) const;
  Node load_name(const std::string& name, const std::string& origin, bool optional);
  void apply_entry(const Node& entry, Node& result);
  void note_overrides(const Node& defaults);

  const ComposeRequest* request_;
  std::map<std::string, GroupChoice>* choices_;
  std::vector<std::filesystem::path> files_;
  int loads_ = 0;
  std::vector<std::filesystem::path> open_;  ///< being read, to find circles
};

}  // namespace ff::config
