// SPDX-License-Identifier: MIT
#include "flops_fit/api/check.h"

#include "flops_fit/api/fields.h"
#include "flops_fit/api/identity.h"
#include "flops_fit/api/limits.h"
#include "flops_fit/api/pointer.h"
#include "flops_fit/api/requests.h"
#include "flops_fit/api/template.h"
#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

namespace ff::api {
namespace {

constexpr std::string_view kKey = "api_key";
constexpr std::string_view kId = "id";

/// What may stand in braces in one template.
struct Allowed {
  bool fields = false;
  bool key = false;
  bool id = false;
};

void check_names(std::string_view text, std::string_view key, const Allowed& allowed) {
  for (const std::string& name : placeholders(text, key)) {
    if ((name == kKey && allowed.key) || (name == kId && allowed.id) ||
        (find_field(name) != nullptr && allowed.fields)) {
      continue;
    }
    if (name == kKey) {
      throw error<ConfigError>(
          "{}: {{api_key}} may stand only in api.headers and in queries, where it is never shown.",
          key);
    }
    std::string known = allowed.fields ? field_names() : "";
    for (const auto& [may, special] : {std::pair(allowed.key, kKey), std::pair(allowed.id, kId)}) {
      if (may) {
        known += (known.empty() ? "" : ", ") + std::string(special);
      }
    }
    throw error<ConfigError>(
        "{}: unknown name {{{}}}; known here: {}.", key, name, known.empty() ? "none" : known);
  }
}

void check_query(const std::vector<std::string>& query, std::string_view key, Allowed allowed) {
  allowed.key = true;
  for (const std::string& text : query) {
    check_names(parse_parameter(text, key).value, key, allowed);
  }
}

void check_header(const std::string& line) {
  const size_t colon = line.find(':');
  const bool named = colon != std::string::npos && colon > 0 &&
                     std::all_of(line.begin(),
                                 line.begin() + static_cast<std::ptrdiff_t>(colon),
                                 [](char c) { return c > ' ' && c < 0x7f; });
  const bool printable_line = std::none_of(line.begin(), line.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!named || !printable_line) {
    throw error<ConfigError>("api.headers: \"{}\" is not of the form \"Name: value\".", line);
  }
  check_names(line, "api.headers", {.key = true});
}

/// Whether a segment of the path is "." or "..", also as %2e: it would lead to another place.
bool has_dot_segment(std::string_view path) {
  const std::string text = config::lower(std::string(path.substr(0, path.find_first_of("?#"))));
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('/', begin), text.size());
    std::string segment = text.substr(begin, end - begin);
    for (size_t at = segment.find("%2e"); at != std::string::npos; at = segment.find("%2e")) {
      segment.replace(at, 3, ".");
    }
    if (segment == "." || segment == "..") {
      return true;
    }
    begin = end + 1;
  }
  return false;
}

void check_path(std::string_view path, std::string_view key) {
  if (has_dot_segment(path)) {
    throw error<ConfigError>(
        "{}: \"{}\" has a part \".\" or \"..\"; write out where it leads.", key, path);
  }
}

/// Those that libcurl looks at for http.
bool http_proxy_is_set() {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  return set("http_proxy") || set("all_proxy") || set("ALL_PROXY");
}

void check_base_url(const ApiSection& api, const Secret& key) {
  const std::string& url = api.base_url;
  if (url.empty()) {
    throw ConfigError(
        "api.base_url is empty; mode=api needs the address of the service, as "
        "api.base_url=https://host:port.");
  }
  const bool http = url.starts_with("http://");
  const bool printable_url = std::all_of(
      url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f && c != '{' && c != '}'; });
  if ((!http && !url.starts_with("https://")) || host_of(url).empty() || !printable_url ||
      url.find_first_of("?#") != std::string::npos) {
    throw error<ConfigError>(
        "api.base_url: \"{}\" is not of the form https://host[:port][/path] (or http://).",
        printable(url, key));
  }
  if (url.find('@') != std::string::npos) {
    throw ConfigError(
        "api.base_url holds a user name or password, which would be shown; send the key by "
        "{api_key} in api.headers or a query.");
  }
  check_path(std::string_view(url).substr(url.find("://") + 3), "api.base_url");
  if (http && !key.empty() && !is_loopback(host_of(url))) {
    spdlog::warn(
        "api.base_url={}: the key travels unencrypted, as the service is asked over http{}.",
        url,
        http_proxy_is_set() ? ", and through the proxy of $http_proxy or $all_proxy unless "
                              "$no_proxy exempts the service"
                            : "");
  }
}

io::Json parse_body(const ApiSection& api) {
  if (api.submit.body.empty()) {
    return nullptr;
  }
  try {
    return io::parse_json(api.submit.body);
  } catch (const io::JsonError& problem) {
    throw error<ConfigError>("api.submit.body is not JSON: {}.", problem.what());
  }
}

void check_templates(const ApiSection& api) {
  check_path(api.submit.path, "api.submit.path");
  check_path(api.poll.path, "api.poll.path");
  check_path(api.lookup.path, "api.lookup.path");
  check_path(api.budget.path, "api.budget.path");
  check_names(api.submit.path, "api.submit.path", {.fields = true});
  check_query(api.submit.query, "api.submit.query", {.fields = true});
  check_names(api.poll.path, "api.poll.path", {.id = true});
  check_query(api.poll.query, "api.poll.query", {.id = true});
  check_names(api.lookup.path, "api.lookup.path", {});
  check_query(api.lookup.query, "api.lookup.query", {});
  check_names(api.budget.path, "api.budget.path", {});
  check_query(api.budget.query, "api.budget.query", {});
  check_names(api.budget.cost, "api.budget.cost", {.fields = true});
  for (const std::string& header : api.headers) {
    check_header(header);
  }
  const io::Json body = parse_body(api);
  for (const std::string& leaf : string_leaves(body)) {
    check_names(leaf, "api.submit.body", {.fields = true});
  }
  if (!body.is_null() && api.submit.method == "GET") {
    throw ConfigError("api.submit.body: a GET has no body; use api.submit.query, or method=POST.");
  }
}

void check_response(const ApiSection& api) {
  const ResponseSection& response = api.response;
  check_pointer(response.id, "api.response.id");
  check_pointer(response.loss, "api.response.loss");
  check_pointer(response.status.value_or(""), "api.response.status");
  check_pointer(response.flops.value_or(""), "api.response.flops");
  check_pointer(response.wall_time.value_or(""), "api.response.wall_time");
  check_pointer(api.lookup.items, "api.lookup.items");
  check_pointer(api.lookup.id.value_or(""), "api.lookup.id");
  check_pointer(api.budget.value, "api.budget.value");
  for (const std::string& pointer : response.error) {
    check_pointer(pointer, "api.response.error");
  }
  if (!api.poll.path.empty() && !response.status) {
    throw ConfigError(
        "api.response.status is null, but api.poll.path is given: polling must see when a run has "
        "ended.");
  }
  if (!api.poll.path.empty() && response.waiting.empty()) {
    throw ConfigError("api.response.waiting is empty; polling needs the statuses to wait at.");
  }
  std::map<std::string, std::string> seen;
  const auto add = [&](const std::vector<std::string>& statuses, const char* list) {
    for (const std::string& status : statuses) {
      if (const auto [at, is_new] = seen.emplace(status, list); !is_new) {
        throw error<ConfigError>(
            "api.response: the status \"{}\" is in {} and in {}.", status, at->second, list);
      }
    }
  };
  add(response.done, "done");
  add(response.failed, "failed");
  add(response.waiting, "waiting");
  if (api.budget.kind == "used" && !api.budget.path.empty() && api.budget.limit <= 0) {
    throw ConfigError("api.budget.limit is 0; with kind=used it must say what may be used at all.");
  }
}

/// All fields that the requests use are there.
void check_experiment(const ApiSection& api,
                      const io::Json& body,
                      const io::Experiment& experiment,
                      std::string_view sweep) {
  std::vector<std::string> texts = string_leaves(body);
  texts.insert(texts.end(), api.submit.query.begin(), api.submit.query.end());
  texts.push_back(api.submit.path);
  texts.push_back(api.budget.cost);
  for (const std::string& text : texts) {
    for (const std::string& name : placeholders(text, "api")) {
      const Field* field = find_field(name);
      if (field != nullptr && field->of(experiment).is_null()) {
        throw error<ConfigError>(
            "{}: experiment {} has no {} ({}), which the request needs; plan it with ff-plan and "
            "model.shapes=search.",
            sweep,
            experiment.experiment_id,
            name,
            field->doc);
      }
    }
  }
  if (!api.budget.cost.empty()) {
    const io::Json cost = expand_json(api.budget.cost, experiment);
    const auto number = cost.is_number()
                            ? std::optional(cost.get<double>())
                            : config::parse_real(cost.is_string() ? cost.get<std::string>() : "");
    if (!number || !std::isfinite(*number) || *number < 0) {
      throw error<ConfigError>("api.budget.cost: \"{}\" is not a number for experiment {}.",
                               api.budget.cost,
                               experiment.experiment_id);
    }
  }
}

/// An entry of the service's list must fit one experiment only.
class LookupCheck {
 public:
  LookupCheck(const ApiSection& api, std::string_view sweep) : api_(api), sweep_(sweep) {
    if (!api.lookup.path.empty() && !says_which_experiment(api)) {
      throw ConfigError(
          "api.lookup.path: api.submit says nothing of the experiment that an entry of the "
          "service's "
          "list could be compared with, so that any would do; put {field}s into api.submit.body or "
          "api.submit.query, or leave api.lookup.path empty.");
    }
  }
  void add(const io::Experiment& experiment) {
    if (api_.lookup.path.empty()) {
      return;
    }
    std::string values;
    for (const io::Json& part : submitted_values(api_, experiment)) {
      values += io::json_text(part);
    }
    const auto [at, is_new] = known_.emplace(std::move(values), experiment.experiment_id);
    if (!is_new) {
      throw error<ConfigError>(
          "{}: experiments {} and {} cannot be told apart in the service's list (api.lookup.path), "
          "as only their names differ in what is submitted; put what tells them apart into "
          "api.submit.body or api.submit.query ({{seed}}?), or leave api.lookup.path empty.",
          sweep_,
          at->second,
          experiment.experiment_id);
    }
  }

 private:
  const ApiSection& api_;
  std::string_view sweep_;
  std::map<std::string, std::string> known_;
};

}  // namespace

void check_service(const ApiSection& api,
                   const Secret& key,
                   std::span<const io::Experiment> experiments,
                   std::string_view sweep) {
  check_base_url(api, key);
  check_templates(api);
  check_response(api);
  std::error_code failure;
  if (!api.ca_file.empty() && !std::filesystem::is_regular_file(api.ca_file, failure)) {
    throw error<ConfigError>("api.ca_file: there is no file {}{}.",
                             api.ca_file,
                             failure ? " (" + failure.message() + ")" : "");
  }
  const io::Json body = parse_body(api);
  std::map<std::string, std::string> asked;
  LookupCheck lookup(api, sweep);
  for (const io::Experiment& experiment : experiments) {
    check_experiment(api, body, experiment, sweep);
    check_limits(api.limits, experiment, sweep);
    const auto [at, is_new] =
        asked.emplace(request_hash(api, experiment), experiment.experiment_id);
    if (!is_new) {
      throw error<ConfigError>(
          "{}: experiments {} and {} make the same request, so that one run would count twice; put "
          "what tells them apart into api.submit ({{seed}}?), or plan with plan.seeds=1.",
          sweep,
          at->second,
          experiment.experiment_id);
    }
    lookup.add(experiment);
  }
}

}  // namespace ff::api
