// SPDX-License-Identifier: MIT
// Where the key comes from, and where it must not be.
#include "flops_fit/api/check.h"
#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"

#include <algorithm>
#include <cstdlib>

namespace ff::api {
namespace {

constexpr const char* kInClear =
    "holds the service's key itself, and the configuration is shown and written to files; write "
    "{api_key}, in api.headers or a query.";

void find_key(const config::Node& node, const std::string& name, const Secret& key) {
  if (node.is_scalar() && node.quoted && key.occurs_in(node.text)) {
    throw error<ConfigError>("{}: {}", name, kInClear);
  }
  for (size_t i = 0; i < node.items.size(); ++i) {
    find_key(node.items[i], node.is_map() ? config::join_key(name, node.keys[i]) : name, key);
  }
}

/// What stands in the variable; nullptr if it is not set, or there is none.
const char* variable_of(const ApiSection& api) {
  return api.key_env.empty() ? nullptr : std::getenv(api.key_env.c_str());
}

}  // namespace

Secret key_from_environment(const ApiSection& api) {
  const auto uses_key = [](const std::vector<std::string>& texts) {
    return std::any_of(texts.begin(), texts.end(), [](const std::string& text) {
      return text.find("{api_key}") != std::string::npos;
    });
  };
  const bool needed = uses_key(api.headers) || uses_key(api.submit.query) ||
                      uses_key(api.poll.query) || uses_key(api.lookup.query) ||
                      uses_key(api.budget.query);
  const char* value = variable_of(api);
  if (value == nullptr || *value == '\0') {
    if (needed) {
      throw error<ConfigError>(
          "the environment variable {} (api.key_env), which holds the service's key, is {}; export "
          "it before ff-train starts.",
          api.key_env.empty() ? "\"\"" : api.key_env,
          value == nullptr ? "not set" : "empty");
    }
    return {};
  }
  const std::string text = value;
  const bool odd = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (odd || text.front() == ' ' || text.back() == ' ') {
    throw error<ConfigError>(
        "the environment variable {} (api.key_env) holds a key with a line break, control "
        "character "
        "or outer blank; set it to the key alone.",
        api.key_env);
  }
  return Secret(text);
}

void refuse_key_in(const config::Node& configuration, const Secret& key) {
  if (!key.empty()) {
    find_key(configuration, "", key);
  }
}

void refuse_key_in_call(const ApiSection& api,
                        const config::Node& configuration,
                        std::span<const std::string> overrides) {
  const char* value = variable_of(api);
  if (value == nullptr || *value == '\0') {
    return;
  }
  const Secret key(value);
  refuse_key_in(configuration, key);
  for (const std::string& text : overrides) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      continue;
    }
    const std::string_view given = std::string_view(text).substr(equals + 1);
    if (!config::parse_real(given) && key.occurs_in(given)) {  // numbers are no text, as above
      throw error<ConfigError>("{}: {}", text.substr(0, equals), kInClear);
    }
  }
}

}  // namespace ff::api
