// SPDX-License-Identifier: MIT
#include "runtime_names.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace ff::cost {
namespace {

constexpr int64_t kIndexBytes = 4;

using Context = const NameContext&;

const Query& this_query(Context c) {
  if (c.query == nullptr) {
    throw NameError("the module is counted per batch");
  }
  return *c.query;
}

const Query& only_length(Context c) {
  if (c.batch->kinds.size() != 1) {
    throw NameError("the queries differ in length; use {tokens}");
  }
  return c.batch->kinds.front().first;
}

/// Another parameter of the leaf, which must be a number.
Num own_number(Context c, const char* name) {
  for (const auto& [given, value] : c.leaf->parameters) {
    if (given == name && value.is_constant()) {
      return value.eval({});
    }
  }
  throw NameError(fmt::format("the layer has no number {}", name));
}

struct Name {
  std::string_view name;
  Num (*value)(Context);
};

constexpr std::array kNames = {
    Name{"tokens", [](Context c) { return c.batch->tokens; }},
    Name{"logit_tokens", [](Context c) { return c.batch->logit_tokens; }},
    Name{"batch_size",
         [](Context c) { return Num(static_cast<int64_t>(c.batch->workload->queries.size())); }},
    Name{"seq_len", [](Context c) { return Num(only_length(c).new_tokens); }},
    Name{"cache_len", [](Context c) { return Num(only_length(c).cached_tokens); }},
    Name{"new_tokens", [](Context c) { return Num(this_query(c).new_tokens); }},
    Name{"cached_tokens", [](Context c) { return Num(this_query(c).cached_tokens); }},
    Name{"causal", [](Context c) { return Num(c.batch->workload->causal ? 1 : 0); }},
    Name{"mask_tile", [](Context c) { return Num(c.batch->workload->mask_tile); }},
    Name{"w_dtype_bytes", [](Context c) { return c.batch->workload->w_bytes; }},
    Name{"a_dtype_bytes", [](Context c) { return c.batch->workload->a_bytes; }},
    Name{"dtype_bytes", [](Context c) { return c.batch->workload->a_bytes; }},
    Name{"kv_dtype_bytes", [](Context c) { return c.batch->workload->kv_bytes; }},
    Name{"index_dtype_bytes", [](Context) { return Num(kIndexBytes); }},
    Name{"touched_experts",
         [](Context c) {
           return touched_experts(
               own_number(c, "num_experts"), own_number(c, "experts_per_token"), c.batch->tokens);
         }},
};

}  // namespace

Batch::Batch(const Workload& w)
    : workload(&w), tokens(tokens_of(w)), logit_tokens(logit_tokens_of(w)) {
  std::map<std::pair<int64_t, int64_t>, int64_t> counted;
  for (const Query& query : w.queries) {
    ++counted[{query.cached_tokens, query.new_tokens}];
  }
  for (const auto& [lengths, count] : counted) {
    kinds.emplace_back(Query{lengths.first, lengths.second}, count);
  }
}

bool is_runtime_name(std::string_view name) {
  return std::any_of(
      kNames.begin(), kNames.end(), [&](const Name& known) { return known.name == name; });
}

Num value_of_name(const std::string& name, const NameContext& context) {
  for (const Name& known : kNames) {
    if (known.name == name) {
      return known.value(context);
    }
  }
  std::string names;
  for (const Name& known : kNames) {
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  throw NameError("there are: " + names);
}

}  // namespace ff::cost
