// SPDX-License-Identifier: MIT
#include "flops_fit/config/override.h"
#include "flops_fit/util/error.h"

namespace ff::config {
namespace {

/// Back to the built-in default; an optional value to none; a key the struct lacks goes away.
void reset_key(Node& tree, const std::string& key, const Schema& schema) {
  const Schema* known = schema.find(key);
  if (known == nullptr) {
    const auto dot = key.rfind('.');
    Node* parent = dot == std::string::npos ? &tree : tree.find_path(key.substr(0, dot));
    if (parent == nullptr || !parent->erase(dot == std::string::npos ? key : key.substr(dot + 1))) {
      throw error<ConfigError>("~{}: only keys can be deleted, not the items of a list.", key);
    }
    return;
  }
  Node value = known->is_group() ? values(*known) : known->value;
  tree.set_path(key, known->optional ? Node::null("built-in default") : std::move(value));
}

void delete_key(Node& tree, const Override& change, const Schema& schema) {
  const Node* present = tree.find_path(change.key);
  if (present == nullptr) {
    throw error<ConfigError>("{}: could not delete {}, there is no such key.{}",
                             change.origin(),
                             change.key,
                             suggestion(change.key, keys(schema)));
  }
  // Compared as text: 1e6 in a file is not 1000000 here, as in Hydra.
  if (change.value && show(*present) != show(*change.value)) {
    throw error<ConfigError>("{}: the value of {} is {} and not {}.",
                             change.origin(),
                             change.key,
                             show(*present),
                             show(*change.value));
  }
  reset_key(tree, change.key, schema);
}

}  // namespace

void apply_override(Node& tree, const Override& change, const Schema& schema) {
  if (const Schema* refused = schema.find_refused(change.key)) {
    throw error<ConfigError>(
        "{}: {} is not used here: {}.", change.origin(), change.key, refused->refusal);
  }
  if (change.kind == Override::Kind::kDelete) {
    delete_key(tree, change, schema);
    return;
  }
  Node* present = tree.find_path(change.key);
  if (present == nullptr) {
    // The keys are those of a struct, so + cannot add one either.
    throw error<ConfigError>(
        "{}: unknown key {}.{}", change.origin(), change.key, suggestion(change.key, keys(schema)));
  }
  const bool merges = present->is_map() && change.value->is_map();
  if (change.kind == Override::Kind::kAdd && !present->is_null() && !merges) {
    throw error<ConfigError>(
        "{}: {} has a value already ({}). Remove the + to change it, or write ++{}=... to set it "
        "in "
        "any case.",
        change.origin(),
        change.key,
        show(*present),
        change.key);
  }
  if (merges) {
    merge(*present, *change.value);
  } else {
    *present = *change.value;
  }
}

std::string ambiguous_value(const Override& change) {
  const auto equal = change.text.find('=');
  const std::string key = change.text.substr(0, equal);
  const std::string value = change.text.substr(equal + 1);
  if (value.find('(') != std::string::npos) {  // choice(), range(), glob(): meant as a sweep
    return fmt::format("{}: a sweep needs --multirun.", change.origin());
  }
  return fmt::format(
      "{}: the value is ambiguous. For a list, write {}=[{}]; for one text, quote it: '{}=\"{}\"'; "
      "to "
      "run once for each value, add --multirun.",
      change.origin(),
      key,
      value,
      key,
      value);
}

}  // namespace ff::config
