// SPDX-License-Identifier: MIT
#pragma once
// What a service's answer says of a run. A loss that cannot be one is a failure, whatever the
// status says.
#include "flops_fit/api/config.h"
#include "flops_fit/api/secret.h"
#include "flops_fit/io/json.h"

#include <optional>
#include <string>

namespace ff::api {

/// Losses lie above 0 and at most here [nats/token]: ten times what guessing among 2^31 tokens
/// costs (the largest vocabulary), where mode=local calls a run diverged.
inline constexpr double kHighestLoss = 215.0;

struct Answer {
  enum class Kind {
    kDone,     ///< `loss` is there
    kWaiting,  ///< ask again later
    kFailed,   ///< there will be none, for this `reason`
    kUnclear,  ///< a status that the configuration does not list: as kFailed, but the id stays good
  };
  Kind kind = Kind::kFailed;
  double loss = 0.0;             ///< [nats/token]
  std::optional<double> flops;   ///< what the run took
  std::optional<double> wall_s;  ///< likewise
  std::string status;            ///< as the service calls it; printable
  std::string reason;            ///< printable
  std::string doubt;             ///< numbers left out as they make no sense; printable
};

/// `body` is the text that `document` was read from: its first line is the reason where the answer
/// has no better one.
[[nodiscard]] Answer read_answer(const io::Json& document,
                                 const std::string& body,
                                 const ApiSection& api,
                                 const Secret& key);

/// The service's words on what went wrong: at api.response.error, else the first line.
[[nodiscard]] std::string reason_in(const std::string& body,
                                    const ApiSection& api,
                                    const Secret& key);

/// Parses foreign text: none for what is not JSON, or nested so deeply that it is an attack.
[[nodiscard]] std::optional<io::Json> parse_answer(const std::string& body);

}  // namespace ff::api
