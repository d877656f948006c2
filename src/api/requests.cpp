// SPDX-License-Identifier: MIT
#include "flops_fit/api/requests.h"

#include "flops_fit/api/fields.h"
#include "flops_fit/api/identity.h"
#include "flops_fit/api/template.h"
#include "flops_fit/util/error.h"

namespace ff::api {
namespace {

/// What a name in braces stands for in one request.
struct Names {
  const Secret* key = nullptr;
  const io::Experiment* experiment = nullptr;
  const std::string* id = nullptr;

  std::string operator()(const std::string& name) const {
    if (name == "api_key") {
      return key->value();
    }
    if (name == "id" && id != nullptr) {
      return *id;
    }
    return as_text(find_field(name)->of(*experiment));
  }
};

std::string query_text(const std::vector<std::string>& query, const Names& names) {
  std::string out;
  for (const std::string& text : query) {
    const QueryParameter parameter = parse_parameter(text, "query");
    out += (out.empty() ? "?" : "&") + url_encoded(parameter.name) + "=" +
           url_encoded(expand(parameter.value, names));
  }
  return out;
}

HttpRequest make_request(const ApiSection& api,
                         const std::string& method,
                         const std::string& path,
                         const std::vector<std::string>& query,
                         const Names& names) {
  const std::string expanded =
      expand(path, [&](const std::string& name) { return url_encoded(names(name)); });
  const std::string url = shown_url(api, expanded);
  HttpRequest request{
      .method = method, .url = url + query_text(query, names), .name = method + " " + url};
  for (const std::string& header : api.headers) {
    request.headers.push_back(expand(header, names));
  }
  return request;
}

}  // namespace

QueryParameter parse_parameter(const std::string& text, std::string_view key) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw error<ConfigError>("{}: \"{}\" is not of the form \"name=value\".", key, text);
  }
  return {.name = text.substr(0, equals), .value = text.substr(equals + 1)};
}

std::string shown_url(const ApiSection& api, const std::string& path) {
  return service_url(api.base_url) + (path.starts_with('/') || path.empty() ? "" : "/") + path;
}

HttpRequest submit_request(const ApiSection& api,
                           const Secret& key,
                           const io::Experiment& experiment,
                           const std::string& idempotency_key) {
  HttpRequest request = make_request(api,
                                     api.submit.method,
                                     api.submit.path,
                                     api.submit.query,
                                     {.key = &key, .experiment = &experiment});
  if (!api.submit.body.empty()) {
    request.body = io::json_text(expand_json(io::parse_json(api.submit.body), experiment));
  }
  request.headers.push_back("Idempotency-Key: " + idempotency_key);
  // The id of a run is lost if its answer is not waited for.
  request.interruptible = api.poll.path.empty();
  return request;
}

HttpRequest poll_request(const ApiSection& api, const Secret& key, const std::string& id) {
  HttpRequest request =
      make_request(api, "GET", api.poll.path, api.poll.query, {.key = &key, .id = &id});
  request.of_known_run = true;
  return request;
}

HttpRequest lookup_request(const ApiSection& api, const Secret& key) {
  HttpRequest request = make_request(api, "GET", api.lookup.path, api.lookup.query, {.key = &key});
  request.of_known_run = true;
  return request;
}

HttpRequest budget_request(const ApiSection& api, const Secret& key) {
  return make_request(api, "GET", api.budget.path, api.budget.query, {.key = &key});
}

}  // namespace ff::api
