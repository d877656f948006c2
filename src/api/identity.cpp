// SPDX-License-Identifier: MIT
#include "flops_fit/api/identity.h"

#include "flops_fit/api/fields.h"
#include "flops_fit/api/requests.h"
#include "flops_fit/api/template.h"
#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/hash.h"

#include <algorithm>
#include <set>

namespace ff::api {
namespace {

using io::Json;

/// A number as people write it: 1e-6, not 1e-06.
std::string number_text(const Json& value) {
  std::string text = io::json_text(value);
  const size_t e = text.find('e');
  if (e == std::string::npos) {
    return text;
  }
  const bool negative = text[e + 1] == '-';
  const size_t digits = text.find_first_not_of("+-0", e + 1);
  return text.substr(0, e + 1) + (negative ? "-" : "") +
         (digits == std::string::npos ? "0" : text.substr(digits));
}

std::string normal_text(const Json& value) {
  if (!value.is_structured()) {
    return value.is_number() ? number_text(value) : io::json_text(value);
  }
  std::string text;
  for (const auto& item : value.items()) {
    text += (text.empty() ? "" : ", ") +
            (value.is_object() ? io::json_text(item.key()) + ": " : std::string()) +
            normal_text(item.value());
  }
  return value.is_object() ? "{" + text + "}" : "[" + text + "]";
}

bool names_a_field(std::string_view text) {
  const auto names = placeholders(text, "api.submit");
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return find_field(name) != nullptr;
  });
}

bool holds_the_key(const std::string& text) {
  return text.find("{api_key}") != std::string::npos;
}

/// The parameters of the query that stand for the experiment.
std::vector<QueryParameter> telling_parameters(const ApiSection& api) {
  std::vector<QueryParameter> some;
  for (const std::string& text : api.submit.query) {
    QueryParameter parameter = parse_parameter(text, "api.submit.query");
    if (!holds_the_key(parameter.value) &&
        (api.submit.body.empty() || names_a_field(parameter.value))) {
      some.push_back(std::move(parameter));
    }
  }
  return some;
}

Json query_values(const std::vector<QueryParameter>& query, const io::Experiment& experiment) {
  Json values = Json::object();
  for (const QueryParameter& parameter : query) {
    Json value = expand_json(parameter.value, experiment);
    // A number written in the configuration is one for the service too.
    if (const auto number =
            value.is_string() ? config::parse_real(value.get<std::string>()) : std::nullopt) {
      value = *number;
    }
    values[parameter.name] = std::move(value);
  }
  return values;
}

/// The body and the query, as far as there are any.
std::vector<Json> body_and_query(const ApiSection& api, const io::Experiment& experiment) {
  std::vector<Json> parts;
  if (!api.submit.body.empty()) {
    parts.push_back(expand_json(io::parse_json(api.submit.body), experiment));
  }
  if (const auto query = telling_parameters(api); !query.empty()) {
    parts.push_back(query_values(query, experiment));
  }
  return parts;
}

/// The texts that make body_and_query().
std::vector<std::string> templates_of(const ApiSection& api) {
  std::vector<std::string> texts;
  if (!api.submit.body.empty()) {
    texts = string_leaves(io::parse_json(api.submit.body));
  }
  for (QueryParameter& parameter : telling_parameters(api)) {
    texts.push_back(std::move(parameter.value));
  }
  return texts;
}

/// The fields that the path alone names.
std::set<std::string> fields_of_path(const ApiSection& api) {
  const auto names = placeholders(api.submit.path, "api.submit.path");
  std::set<std::string> fields(names.begin(), names.end());
  fields.erase("experiment_id");
  for (const std::string& text : templates_of(api)) {
    for (const std::string& name : placeholders(text, "api.submit")) {
      fields.erase(name);
    }
  }
  return fields;
}

}  // namespace

std::string service_url(std::string_view base_url) {
  std::string url(base_url);
  while (url.ends_with('/')) {
    url.pop_back();
  }
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) {
    return url;
  }
  const size_t path = std::min(url.find('/', scheme + 3), url.size());
  return config::lower(url.substr(0, path)) + url.substr(path);
}

ApiSection normal_form(ApiSection api) {
  api.base_url = service_url(api.base_url);
  if (!api.submit.path.empty() && !api.submit.path.starts_with('/')) {
    api.submit.path.insert(0, "/");  // as shown_url() puts it
  }
  try {
    if (!api.submit.body.empty()) {
      api.submit.body = normal_text(io::parse_json(api.submit.body));
    }
  } catch (const io::JsonError&) {
    // check_service() says so.
  }
  return api;
}

std::vector<Json> submitted_values(const ApiSection& api, const io::Experiment& experiment) {
  std::vector<Json> parts = body_and_query(api, experiment);
  for (const std::string& name : fields_of_path(api)) {
    parts.push_back(Json::object({{name, find_field(name)->of(experiment)}}));
  }
  return parts;
}

bool says_which_experiment(const ApiSection& api) {
  const auto texts = templates_of(api);
  return !fields_of_path(api).empty() || std::any_of(texts.begin(), texts.end(), names_a_field);
}

std::string request_hash(const ApiSection& api, const io::Experiment& experiment) {
  const std::string path = expand(api.submit.path, [&](const std::string& name) {
    return as_text(find_field(name)->of(experiment));
  });
  std::string values;
  for (const Json& part : body_and_query(api, experiment)) {
    values += io::json_text(part);
  }
  return hash_text(fnv1a(fmt::format(
      "{} {} {}", api.submit.method, shown_url(api, path), values.empty() ? "{}" : values)));
}

}  // namespace ff::api
