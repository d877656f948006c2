// SPDX-License-Identifier: MIT
#include "flops_fit/api/submission.h"

#include "flops_fit/io/json.h"
#include "flops_fit/util/error.h"

#include <array>
#include <utility>

namespace ff::api {
namespace {

using State = Submission::State;

constexpr std::array<std::pair<State, const char*>, 3> kStates = {
    {{State::kSubmitting, "submitting"},
     {State::kSubmitted, "submitted"},
     {State::kEnded, "ended"}}};

std::filesystem::path file_of(const std::filesystem::path& run_dir) {
  return run_dir / "api.json";
}

}  // namespace

std::string Submission::idempotency_key() const {
  return attempt == 1 ? config_hash : fmt::format("{}-{}", config_hash, attempt);
}

void write_submission(const std::filesystem::path& run_dir, const Submission& submission) {
  const char* state = "";
  for (const auto& [value, name] : kStates) {
    if (value == submission.state) {
      state = name;
    }
  }
  io::write_json(file_of(run_dir),
                 {{"config_hash", submission.config_hash},
                  {"request_hash", submission.request_hash},
                  {"state", state},
                  {"id", submission.id.empty() ? io::Json() : io::Json(submission.id)},
                  {"attempt", submission.attempt},
                  {"submitted_at", submission.submitted_at}});
}

std::optional<Submission> read_submission(const std::filesystem::path& run_dir) {
  const std::filesystem::path path = file_of(run_dir);
  if (!std::filesystem::exists(path)) {
    return std::nullopt;
  }
  const char* remedy = "or delete it to submit the run again (which may pay for it twice)";
  const io::Json json = io::read_json(path, remedy);
  const io::ObjectReader object(json, path.string());
  Submission submission{.config_hash = object.hash("config_hash"),
                        .request_hash = object.hash("request_hash"),
                        .id = object.text_or("id", ""),
                        .attempt = object.integer("attempt"),
                        .submitted_at = object.integer("submitted_at")};
  const std::string state = object.text("state");
  for (const auto& [value, name] : kStates) {
    if (state == name && (value != State::kSubmitted || !submission.id.empty())) {
      submission.state = value;
      return submission;
    }
  }
  throw error<FileError>("{}: state \"{}\"{} makes no sense; restore the file, {}.",
                         path.string(),
                         state,
                         submission.id.empty() ? " without an id" : "",
                         remedy);
}

}  // namespace ff::api
