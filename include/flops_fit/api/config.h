// SPDX-License-Identifier: MIT
#pragma once
// The configuration of `mode: api`: how an experiment becomes a request to an external training
// service, and where its loss stands in the answer. Text in braces is a field of the experiment
// ({d_model}; api/fields.h lists them). The key is not here: only the name of its variable is.
#include "flops_fit/config/field.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ff::api {

struct SubmitSection {
  std::string method = "POST";
  std::string path = "/submit";
  std::vector<std::string> query;
  std::string body;

  template <class V>
  void visit(V& v) {
    v("method", method, {.doc = "HTTP method.", .choices = {"GET", "POST", "PUT"}});
    v("path", path, {.doc = "Path below api.base_url; {field} stands for an experiment's field."});
    v("query",
      query,
      {.doc = "Query parameters, each \"name=value\" with {field}s; {api_key} is the key."});
    v("body",
      body,
      {.doc = "JSON text. A string that is just \"{field}\" becomes the field's value, numbers as "
              "numbers; elsewhere inside strings it becomes text. Empty = no body."});
  }
};

struct PollSection {
  std::string path;
  std::vector<std::string> query;
  double interval_s = 10.0;
  double timeout_s = 86400.0;

  template <class V>
  void visit(V& v) {
    v("path",
      path,
      {.doc = "Where to ask (GET) for the run {id} that was submitted. Empty = the service answers "
              "the submission itself with the loss."});
    v("query", query, {.doc = "As api.submit.query; {id} too."});
    v("interval_s",
      interval_s,
      {.doc = "Time between two polls.", .unit = "s", .min = 0.01, .max = 1e6});
    v("timeout_s",
      timeout_s,
      {.doc = "How long to poll for one experiment; it then counts as failed, but its id is kept "
              "and the next call polls on.",
       .unit = "s",
       .min = 0.01,
       .max = 1e9});
  }
};

/// Pointers are JSON pointers (RFC 6901): /status/val_losses/0; -1 is the last of an array, and the
/// empty pointer the whole answer.
struct ResponseSection {
  std::string id = "/id";
  std::string loss = "/loss";
  std::optional<std::string> status;
  std::vector<std::string> done = {"completed", "succeeded", "done"};
  std::vector<std::string> failed = {"failed", "error", "cancelled"};
  std::vector<std::string> waiting = {"queued", "pending", "running"};
  std::vector<std::string> error = {"/error", "/message", "/detail"};
  std::optional<std::string> flops;
  std::optional<std::string> wall_time;

  template <class V>
  void visit(V& v) {
    v("id",
      id,
      {.doc = "JSON pointer to the run's id in the answer to a submission. In all pointers -1 is "
              "the last of an array; the empty pointer is the whole answer.",
       .identity = false});
    v("loss",
      loss,
      {.doc = "JSON pointer to the held-out loss. Anything but a number above 0 and at most 215 "
              "there is a failure.",
       .unit = "nats/token"});
    v("status",
      status,
      {.doc = "JSON pointer to the run's status; null = the answer has none. It must be in one of "
              "the next three lists."});
    v("done", done, {.doc = "Statuses of a run that has its loss."});
    v("failed", failed, {.doc = "Statuses of a run that will have none.", .identity = false});
    v("waiting", waiting, {.doc = "Statuses of a run to poll again.", .identity = false});
    v("error",
      error,
      {.doc = "JSON pointers to the reason of a failure; the first that is there counts. Without, "
              "the reason is the first line of the answer.",
       .identity = false});
    v("flops",
      flops,
      {.doc = "JSON pointer to the FLOPs that the run took; null = as planned. What makes no sense "
              "there is left out with a warning.",
       .unit = "FLOP"});
    v("wall_time",
      wall_time,
      {.doc = "JSON pointer to the seconds that the run took; null = from submission to answer. "
              "What makes no sense there is left out with a warning.",
       .unit = "s",
       .identity = false});
  }
};

struct LookupSection {
  std::string path;
  std::vector<std::string> query;
  std::string items;
  std::optional<std::string> id;

  template <class V>
  void visit(V& v) {
    v("path",
      path,
      {.doc =
           "Where the service lists (GET) what it was sent. Asked after 409 Conflict and when it "
           "is unknown whether a submission arrived: the entry that holds all values of the "
           "submission (of its body and query, and the {field}s of its path under their names) is "
           "the run. Empty = it has no such list."});
    v("query", query, {.doc = "As api.submit.query."});
    v("items", items, {.doc = "JSON pointer to the list in that answer."});
    v("id", id, {.doc = "JSON pointer to the id in an entry; null = api.response.id."});
  }
};

struct BudgetSection {
  std::string path;
  std::vector<std::string> query;
  std::string value;
  std::string kind = "remaining";
  double limit = 0.0;
  std::string cost;

  template <class V>
  void visit(V& v) {
    v("path",
      path,
      {.doc =
           "Where the service says (GET) what may still be spent; asked once, before anything is "
           "submitted. Empty = it does not say."});
    v("query", query, {.doc = "As api.submit.query."});
    v("value", value, {.doc = "JSON pointer to the number in that answer."});
    v("kind",
      kind,
      {.doc = "What the number is: what remains, or what is used of api.budget.limit.",
       .choices = {"remaining", "used"}});
    v("limit",
      limit,
      {.doc = "The whole budget, in the service's unit, for kind=used.", .min = 0.0});
    v("cost",
      cost,
      {.doc =
           "What one experiment costs, in the service's unit: a number or a {field}. A sweep that "
           "costs more than remains is refused. Empty = any, as long as something remains."});
  }
};

struct ApiSection {
  std::string base_url;
  std::string key_env = "FLOPS_FIT_API_KEY";
  std::vector<std::string> headers;
  std::string ca_file;
  std::vector<std::string> limits;
  int64_t concurrency = 4;
  double timeout_s = 60.0;
  double connect_timeout_s = 10.0;
  int64_t max_attempts = 6;
  double backoff_s = 1.0;
  double max_wait_s = 600.0;
  SubmitSection submit;
  PollSection poll;
  ResponseSection response;
  LookupSection lookup;
  BudgetSection budget;

  template <class V>
  void visit(V& v) {
    v("base_url", base_url, {.doc = "The service: https://host[:port][/path]."});
    v("key_env",
      key_env,
      {.doc = "Environment variable that holds the key, which {api_key} in headers and queries "
              "stands for. The key is never written or shown.",
       .identity = false});
    v("headers", headers, {.doc = "Headers of every request, each \"Name: value\"."});
    v("ca_file",
      ca_file,
      {.doc = "Certificates (PEM) to trust in place of the system's; for a private service.",
       .identity = false});
    v("limits",
      limits,
      {.doc = "What the service accepts, checked before anything is sent: \"d_model=64..1024\" "
              "(a range), \"batch_size=128|256\" (one of), \"num_tokens=*512\" (a multiple).",
       .identity = false});
    v("concurrency",
      concurrency,
      {.doc = "Experiments under way at once.", .min = 1, .max = 1000, .identity = false});
    v("timeout_s",
      timeout_s,
      {.doc = "Longest time of one request, answer included; a service that answers the submission "
              "with the loss needs as long as it trains.",
       .unit = "s",
       .min = 0.01,
       .max = 1e6,
       .identity = false});
    v("connect_timeout_s",
      connect_timeout_s,
      {.doc = "Longest time to connect.", .unit = "s", .min = 0.01, .max = 1e6, .identity = false});
    v("max_attempts",
      max_attempts,
      {.doc = "Times that a request is tried while the answer is 429, 5xx or none in time, or, "
              "once the service was there, while it cannot be reached.",
       .min = 1,
       .max = 1000,
       .identity = false});
    v("backoff_s",
      backoff_s,
      {.doc =
           "The first wait between attempts is random, up to this; each further one up to twice as "
           "long. A Retry-After comes on top.",
       .unit = "s",
       .min = 0.0,
       .max = 1e6,
       .identity = false});
    v("max_wait_s",
      max_wait_s,
      {.doc = "Longest wait between attempts; a Retry-After above it is a failure.",
       .unit = "s",
       .min = 0.0,
       .max = 1e6,
       .identity = false});
    v("submit", submit, {.doc = "The request that asks for a run."});
    v("poll", poll, {.doc = "Asking for its result.", .identity = false});
    v("response", response, {.doc = "Where things stand in the answers."});
    v("lookup", lookup, {.doc = "Finding what was submitted before.", .identity = false});
    v("budget", budget, {.doc = "Asking what may be spent.", .identity = false});
  }
};

}  // namespace ff::api
