// SPDX-License-Identifier: MIT
#pragma once
// runs/<id>/api.json: what is known of a run at the service, written before each step that could be
// interrupted, so that a later call goes on where this one stopped and pays for nothing twice.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace ff::api {

struct Submission {
  enum class State {
    /// The request went out, or was about to; the service may have it. With an `id` where a service
    /// without polling answered with the loss.
    kSubmitting,
    kSubmitted,  ///< the service has it, under `id`
    kEnded,      ///< refused, failed or forgotten there: the next call submits it anew
  };
  std::string config_hash;
  std::string request_hash;
  State state = State::kSubmitting;
  std::string id;       ///< the service's; one that it has forgotten is not kept
  std::string service;  ///< service_url(); empty where an earlier version did not say
  /// 1, and one more for each submission that ended without a loss: part of the Idempotency-Key, as
  /// a service would answer the old one with the old failure.
  int64_t attempt = 1;
  int64_t submitted_at = 0;  ///< Unix time

  [[nodiscard]] std::string idempotency_key() const;
};

/// Whether a run's id can be part of a request's path: 1 to 200 bytes, neither "." nor "..", and no
/// control characters. (All but letters, digits and -._~ are percent-encoded there.)
[[nodiscard]] bool is_run_id(std::string_view id);

void write_submission(const std::filesystem::path& run_dir, const Submission& submission);

/// None if there is no file. Throws FileError for a damaged one: submitting again could pay twice.
[[nodiscard]] std::optional<Submission> read_submission(const std::filesystem::path& run_dir);

/// Another run folder whose api.json has the same id of the same service for another request: one
/// loss would count as two. Looks beside `run_dir` (runs/<id>) and in replaced/ beside runs/, where
/// the runs of other configurations are. Empty if there is none. What this process writes is seen at
/// once, what others write after a while. Thread-safe.
[[nodiscard]] std::filesystem::path other_owner_of(const Submission& submission,
                                                   const std::filesystem::path& run_dir);

}  // namespace ff::api
