// SPDX-License-Identifier: MIT
#pragma once
// Requests to one service, repeated where that helps, with the answers sorted into what concerns
// one experiment and what concerns them all.
#include "flops_fit/api/config.h"
#include "flops_fit/api/http.h"
#include "flops_fit/api/secret.h"
#include "flops_fit/io/json.h"

#include <functional>
#include <string>

namespace ff::api {

/// Ends one experiment, or one attempt to look something up.
struct Failure {
  std::string reason;  ///< printable
  /// The service will not change its mind: it refused the submission, or no longer knows the run.
  bool final = false;
};

class Conversation {
 public:
  Conversation(const ApiSection& api, const Secret& key);

  /// Asked after an answer that may be repeated; true = no need to.
  using NoNeed = std::function<bool(const HttpResponse&)>;

  /// The last answer, after up to api.max_attempts. Throws Stopped and ServiceError: the latter if
  /// the service cannot be reached, at once where it never was, for want of anything to wait for.
  [[nodiscard]] HttpResponse send(const HttpRequest& request, const NoNeed& no_need = {});

  /// The document of a good answer; throws Failure for any other.
  [[nodiscard]] io::Json document(const HttpRequest& request, const HttpResponse& response) const;

  /// "HTTP 503: out of memory", "no answer within 60 s".
  [[nodiscard]] std::string describe(const HttpResponse& response) const;

 private:
  void stop_if_all_fail(const HttpRequest& request, const HttpResponse& response) const;
  [[noreturn]] void stop_unreachable(const HttpRequest& request,
                                     const HttpResponse& response,
                                     int64_t attempts) const;

  const ApiSection& api_;
  const Secret& key_;
  HttpClient client_;
};

}  // namespace ff::api
