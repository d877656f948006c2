// SPDX-License-Identifier: MIT
// YAML to Node through yaml-cpp's event interface. Its own Node type is not used: it accepts
// duplicate keys, loses the difference between 12 and "12" in conversions, and reads 010 as 8.
#include "flops_fit/config/node.h"
#include "flops_fit/util/atomic_file.h"
#include "flops_fit/util/error.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_set>

namespace ff::config {
namespace {

// What no configuration comes near. Looking up a key is a linear search and an alias is a copy, so
// that a small file could ask for minutes and for all memory ("billion laughs").
constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr size_t kMaxNodes = 20'000;
constexpr size_t kMaxAliasBytes = size_t{4} << 20;
constexpr size_t kMaxDepth = 100;
constexpr size_t kMaxKeyBytes = 200;  // escaped, a key has to stay within YAML's 1024 characters

/// Nodes of a tree, and the text in them.
struct Weight {
  size_t nodes = 0;
  size_t bytes = 0;
};
void weigh(const Node& node, Weight& weight) {
  ++weight.nodes;
  weight.bytes += node.text.size();
  for (const std::string& key : node.keys) {
    weight.bytes += key.size();
  }
  for (const Node& item : node.items) {
    weigh(item, weight);
  }
}

bool is_null_word(const std::string& text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

/// Builds the tree bottom up: containers under construction stand on a stack.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(std::string name) : name_(std::move(name)) {}

  Node result = Node::map();

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    count(1, mark);
    add(Node::null(at(mark)), anchor);
  }
  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& value) override {
    count(1, mark);
    // yaml-cpp tags quoted scalars "!" and plain ones "?".
    const bool quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    add(!quoted && is_null_word(value) ? Node::null(at(mark))
                                       : Node::scalar(value, quoted, at(mark)),
        anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw error<ConfigError>("{}: an alias to something that is not finished.", at(mark));
    }
    Weight weight;
    weigh(found->second, weight);
    alias_bytes_ += weight.bytes;
    count(weight.nodes, mark);
    add(Node(found->second), 0);
  }
  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string&,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::list(at(mark)), anchor, mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark,
                  const std::string&,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::map(at(mark)), anchor, mark);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    std::optional<Node> key = std::nullopt;
    std::unordered_set<std::string> names = {};  ///< of the keys of a map
  };

  std::string at(const YAML::Mark& mark) const {
    return fmt::format("{}:{}", name_, mark.line + 1);
  }

  void count(size_t nodes, const YAML::Mark& mark) {
    nodes_ += nodes;
    if (nodes_ > kMaxNodes || alias_bytes_ > kMaxAliasBytes) {
      throw error<ConfigError>(
          "{}: more than {} values{}; a configuration has some hundreds.",
          at(mark),
          kMaxNodes,
          alias_bytes_ > 0 ? ", or too much text, with what its aliases (*name) repeat" : "");
    }
  }

  void open(Node node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    count(1, mark);
    if (stack_.size() == kMaxDepth) {
      throw error<ConfigError>("{}: nested more than {} deep.", node.origin, kMaxDepth);
    }
    if (!stack_.empty() && stack_.back().node.is_map() && !stack_.back().key) {
      throw error<ConfigError>("{}: a key must be a word, not a list or a group.", node.origin);
    }
    stack_.push_back({std::move(node), anchor});
  }

  void close() {
    Open done = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(done.node), done.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      anchors_[anchor] = node;
    }
    if (stack_.empty()) {
      result = std::move(node);
      return;
    }
    Open& top = stack_.back();
    if (top.node.is_list()) {
      top.node.items.push_back(std::move(node));
    } else if (!top.key) {
      if (!node.is_scalar()) {
        throw error<ConfigError>("{}: a key must be a word, not {}.", node.origin, show(node));
      }
      if (node.text.size() > kMaxKeyBytes) {
        throw error<ConfigError>(
            "{}: a key of more than {} bytes: {}.", node.origin, kMaxKeyBytes, show(node));
      }
      if (!top.names.insert(node.text).second) {
        throw error<ConfigError>("{}: the key {} is given twice, first at {}.",
                                 node.origin,
                                 full_key(node.text),
                                 top.node.find(node.text)->origin);
      }
      top.key = std::move(node);
    } else {
      // The key's line, also for a value that starts on the next one.
      node.origin = top.key->origin;
      top.node.keys.push_back(top.key->text);  // known to be new; set() would search for it
      top.node.items.push_back(std::move(node));
      top.key.reset();
    }
  }

  std::string full_key(const std::string& last) const {
    std::string path;
    for (const Open& open : stack_) {
      path = open.key ? join_key(path, open.key->text) : path;
    }
    return join_key(path, last);
  }

  std::string name_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, Node> anchors_;
  size_t nodes_ = 0;
  size_t alias_bytes_ = 0;  ///< of text, so far
};

}  // namespace

Node parse_yaml(std::string_view text, const std::string& name) {
  Builder builder(name);
  try {
    // yaml-cpp takes a quote that is open at the end of the file for closed; an explicit end of the
    // document makes it an error.
    std::istringstream stream(std::string(text) + "\n...\n");
    YAML::Parser parser(stream);
    parser.HandleNextDocument(builder);
    Builder rest(name);
    if (parser.HandleNextDocument(rest)) {
      throw error<ConfigError>("{}: expected one YAML document, found a second (---).", name);
    }
  } catch (const YAML::Exception& problem) {
    std::string what = problem.msg;
    std::replace(what.begin(), what.end(), '\n', ' ');
    const std::string where =
        problem.mark.is_null() ? name : fmt::format("{}:{}", name, problem.mark.line + 1);
    throw error<ConfigError>("{}: not valid YAML: {}.", where, what);
  }
  if (builder.result.is_null()) {
    builder.result = Node::map(name);
  }
  if (!builder.result.is_map()) {
    throw error<ConfigError>("{}: expected keys at the top level, found {}.",
                             builder.result.origin,
                             show(builder.result));
  }
  return std::move(builder.result);
}

Node read_yaml(const std::filesystem::path& path) {
  try {
    return parse_yaml(read_file(path, kMaxFileBytes), display_path(path));
  } catch (const FileError& problem) {
    // A configuration is part of the command line: exit code 2, not 3.
    throw ConfigError(problem.what());
  }
}

}  // namespace ff::config
