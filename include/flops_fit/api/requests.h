// SPDX-License-Identifier: MIT
#pragma once
// The requests of mode: api, made from the configuration's templates.
#include "flops_fit/api/config.h"
#include "flops_fit/api/http.h"
#include "flops_fit/api/secret.h"
#include "flops_fit/io/sweep.h"

#include <string>
#include <string_view>
#include <vector>

namespace ff::api {

/// "name=value" as it stands in api.*.query; the value is a template.
struct QueryParameter {
  std::string name;
  std::string value;
};
/// Throws ConfigError, naming the configuration key `key`, without a name or "=".
[[nodiscard]] QueryParameter parse_parameter(const std::string& text, std::string_view key);

/// A run to ask for. `idempotency_key` goes along as a header: a service that knows it does not
/// start the same run twice.
[[nodiscard]] HttpRequest submit_request(const ApiSection& api,
                                         const Secret& key,
                                         const io::Experiment& experiment,
                                         const std::string& idempotency_key);
[[nodiscard]] HttpRequest poll_request(const ApiSection& api,
                                       const Secret& key,
                                       const std::string& id);
[[nodiscard]] HttpRequest lookup_request(const ApiSection& api, const Secret& key);
[[nodiscard]] HttpRequest budget_request(const ApiSection& api, const Secret& key);

/// The address without its query, for messages: "https://host/path".
[[nodiscard]] std::string shown_url(const ApiSection& api, const std::string& path);

}  // namespace ff::api
