// SPDX-License-Identifier: MIT
#pragma once
// runs/<id>/api.json: what is known of a run at the service, written before each step that could be
// interrupted, so that a later call goes on where this one stopped and pays for nothing twice.
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace ff::api {

struct Submission {
  enum class State {
    kSubmitting,  ///< the request went out, or was about to; the service may have it
    kSubmitted,   ///< the service has it, under `id`
    kEnded,       ///< refused, failed or forgotten there: the next call submits it anew
  };
  std::string config_hash;
  std::string request_hash;
  State state = State::kSubmitting;
  std::string id;
  /// 1, and one more for each submission that ended without a loss: part of the Idempotency-Key, as
  /// a service would answer the old one with the old failure.
  int64_t attempt = 1;
  int64_t submitted_at = 0;  ///< Unix time

  [[nodiscard]] std::string idempotency_key() const;
};

void write_submission(const std::filesystem::path& run_dir, const Submission& submission);

/// None if there is no file. Throws FileError for a damaged one: submitting again could pay twice.
[[nodiscard]] std::optional<Submission> read_submission(const std::filesystem::path& run_dir);

}  // namespace ff::api
