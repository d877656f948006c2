// SPDX-License-Identifier: MIT
#include "flops_fit/api/service.h"

#include "conversation.h"

#include "flops_fit/api/fields.h"
#include "flops_fit/api/identity.h"
#include "flops_fit/api/pointer.h"
#include "flops_fit/api/requests.h"
#include "flops_fit/api/retry.h"
#include "flops_fit/api/submission.h"
#include "flops_fit/util/units.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace ff::api {
namespace {

using Clock = std::chrono::steady_clock;
using io::Json;
using State = Submission::State;

/// One experiment at the service, from whatever api.json says on.
class Run {
 public:
  Run(const Task& task, const ApiSection& api, const Secret& key)
      : task_(task),
        api_(api),
        key_(key),
        conversation_(api, key),
        values_(submitted_values(api, task.experiment)),
        now_{.config_hash = task.config_hash,
             .request_hash = request_hash(api, task.experiment),
             .service = service_url(api.base_url)} {}

  Answer answer() {
    try {
      Answer answer = go_on();
      if (!answer.doubt.empty()) {
        spdlog::warn("{}: in the service's answer {}", name(), answer.doubt);
      }
      if (answer.kind == Answer::Kind::kFailed) {
        save(State::kEnded);
      } else if (!answer.wall_s) {
        // Over restarts, so by the wall clock, which may have been set back.
        answer.wall_s = std::max(0.0, static_cast<double>(std::time(nullptr) - now_.submitted_at));
      }
      return answer;
    } catch (const Failure& failure) {
      if (failure.final) {
        save(State::kEnded);
      }
      return {.kind = Answer::Kind::kFailed, .reason = failure.reason};
    } catch (const Error&) {
      throw;  // of the service or of this machine: not this experiment's alone
    } catch (const Stopped&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw error<ResourceError>("{}: too little memory for the service's answer.", name());
    } catch (const std::exception& problem) {  // what is on disk stays as it is
      return {.kind = Answer::Kind::kFailed, .reason = printable(problem.what(), key_)};
    }
  }

 private:
  Answer go_on() {
    const auto known = read_submission(task_.run_dir);
    if (known && known->config_hash == now_.config_hash) {
      now_.attempt = known->attempt + (known->state == State::kEnded ? 1 : 0);
      if (known->state != State::kEnded) {
        now_ = *known;
        now_.service = service_url(api_.base_url);
        if (now_.state == State::kSubmitted) {
          check_own();
          spdlog::info("{}: polling run {} on", name(), now_.id);
          return poll();
        }
        if (const auto entry = has_lookup() ? look_up() : std::nullopt) {
          return adopt(*entry);
        }
      }
    }
    return submit();
  }

  Answer submit() {
    now_.request_hash = request_hash(api_, task_.experiment);  // under today's name
    now_.submitted_at = std::time(nullptr);
    save(State::kSubmitting);
    const HttpRequest request =
        submit_request(api_, key_, task_.experiment, now_.idempotency_key());
    std::optional<Json> entry;
    const HttpResponse response = conversation_.send(request, [&](const HttpResponse& so_far) {
      if (outcome_unknown(so_far) && has_lookup()) {
        entry = look_up();
      }
      return entry.has_value();
    });
    if (entry) {
      return adopt(*entry);
    }
    if (response.status == 409) {
      return adopt(the_conflicting_one(request, response));
    }
    const Json document = conversation_.document(request, response);
    if (api_.poll.path.empty()) {
      return settled(document, api_.response.id, response.body);
    }
    return poll_as(id_in(document, api_.response.id, response.body));
  }

  Json the_conflicting_one(const HttpRequest& request, const HttpResponse& response) {
    const std::string said = fmt::format("{}: {}", request.name, conversation_.describe(response));
    if (!has_lookup()) {
      throw Failure{said + " (api.lookup.path would tell where to find it)", true};
    }
    auto entry = look_up();
    if (!entry) {
      throw Failure{said + ", but no entry of " + shown_url(api_, api_.lookup.path) + " matches",
                    true};
    }
    return std::move(*entry);
  }

  bool has_lookup() const { return !api_.lookup.path.empty(); }

  /// The service's entry for this submission; of several, the last that has not failed.
  std::optional<Json> look_up() {
    const HttpRequest request = lookup_request(api_, key_);
    const HttpResponse response = conversation_.send(request);
    const Json document = document_kept(request, response);
    const Json* items = find_at(document, api_.lookup.items);
    if (items == nullptr || !items->is_array()) {
      throw Failure{fmt::format("{}: no list at \"{}\" (api.lookup.items): {}",
                                request.name,
                                api_.lookup.items,
                                printable(response.body, key_))};
    }
    const Json* best = nullptr;
    for (const Json& item : *items) {
      if (!fits(item) || is_of_another(item)) {
        continue;
      }
      const bool failed =
          api_.response.status &&
          read_answer(item, io::json_text(item), api_, key_).kind == Answer::Kind::kFailed;
      if (best == nullptr || !failed) {
        best = &item;
      }
    }
    return best == nullptr ? std::nullopt : std::optional(*best);
  }

  /// Whether an entry of the list says all that was submitted. (check_service() has seen that this
  /// is something.)
  bool fits(const Json& entry) const {
    return std::all_of(values_.begin(), values_.end(), [&](const Json& part) {
      return holds_somewhere(entry, part);
    });
  }

  /// Goes on with a run that the service already has.
  Answer adopt(const Json& entry) {
    if (now_.submitted_at == 0) {
      now_.submitted_at = std::time(nullptr);
    }
    if (api_.poll.path.empty()) {
      return settled(entry, id_pointer(), io::json_text(entry));
    }
    return poll_as(id_in(entry, id_pointer(), io::json_text(entry)));
  }

  /// To the id in an entry of the service's list.
  const std::string& id_pointer() const {
    return api_.lookup.id ? *api_.lookup.id : api_.response.id;
  }

  /// An entry of the list that another experiment has already.
  bool is_of_another(const Json& entry) const {
    Submission its = now_;
    its.id = id_at(entry, id_pointer());
    return !its.id.empty() && !other_owner_of(its, task_.run_dir).empty();
  }

  /// What a service without polling answers: there is no later answer. Such a service need not
  /// have ids, but if it has, one run's loss is one experiment's there, too.
  Answer settled(const Json& document, const std::string& id_pointer, const std::string& body) {
    Answer answer = read_answer(document, body, api_, key_);
    if (answer.kind == Answer::Kind::kWaiting) {
      answer.kind = Answer::Kind::kUnclear;
      answer.reason = fmt::format(
          "the service answers \"{}\", and api.poll.path does not say where to ask again",
          answer.status);
    }
    now_.id = id_at(document, id_pointer);
    if (answer.kind == Answer::Kind::kDone && !now_.id.empty()) {
      save(State::kSubmitting);  // the request is made again if its loss is not on disk
      check_own();
    }
    return answer;
  }

  /// Empty if there is none that can be used.
  std::string id_at(const Json& document, const std::string& pointer) const {
    const Json* found = find_at(document, pointer);
    const bool fits = found != nullptr && (found->is_string() || found->is_number());
    std::string id = fits ? as_text(*found) : "";
    return is_run_id(id) && printable(id, key_) == id ? id : std::string();
  }

  std::string id_in(const Json& document,
                    const std::string& pointer,
                    const std::string& body) const {
    std::string id = id_at(document, pointer);
    if (id.empty()) {
      throw Failure{fmt::format("no usable id at \"{}\": {}", pointer, printable(body, key_))};
    }
    return id;
  }

  Answer poll_as(const std::string& id) {
    now_.id = id;
    save(State::kSubmitted);
    check_own();
    spdlog::info("{}: submitted, run {}", name(), id);
    return poll();
  }

  /// One run at the service is one experiment's. It is on disk as this one's already, so that of
  /// two that come to the same id at once not both go on.
  void check_own() {
    const std::filesystem::path other = other_owner_of(now_, task_.run_dir);
    if (other.empty()) {
      return;
    }
    const std::string id = std::exchange(now_.id, "");
    save(State::kSubmitting);
    throw error<ServiceError>(
        "the service gave {} the run {}, which is that of {} already; one loss would count for "
        "both. If the service numbers its runs anew, delete {}{}.",
        name(),
        id,
        other.filename().string(),
        (other / "api.json").string(),
        api_.poll.path.empty() ? "; if this is no run's number, api.response.id points to the "
                                 "wrong place"
                               : "");
  }

  Answer poll() {
    const HttpRequest request = poll_request(api_, key_, now_.id);
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(api_.poll.timeout_s));
    while (true) {
      const HttpResponse response = conversation_.send(request);
      if (response.status == 404 || response.status == 410) {
        now_.id.clear();  // the service may give it to another run
        throw Failure{fmt::format("{}: {}", request.name, conversation_.describe(response)), true};
      }
      Answer answer = read_answer(document_kept(request, response), response.body, api_, key_);
      if (answer.kind != Answer::Kind::kWaiting) {
        return answer;
      }
      const auto interval = std::chrono::duration<double>(api_.poll.interval_s);
      if (Clock::now() + interval > end) {
        throw Failure{fmt::format(
            "still \"{}\" after api.poll.timeout_s={}; run {} is kept, and the next call polls on",
            answer.status,
            format_number(api_.poll.timeout_s),
            now_.id)};
      }
      if (!sleep_unless_stopped(api_.poll.interval_s)) {
        throw Stopped();
      }
    }
  }

  /// As document() where a refusal says nothing of the run: it may well be there.
  Json document_kept(const HttpRequest& request, const HttpResponse& response) const {
    try {
      return conversation_.document(request, response);
    } catch (Failure& failure) {
      failure.final = false;
      throw;
    }
  }

  void save(State state) {
    now_.state = state;
    write_submission(task_.run_dir, now_);
  }

  const std::string& name() const { return task_.experiment.experiment_id; }

  const Task& task_;
  const ApiSection& api_;
  const Secret& key_;
  Conversation conversation_;
  std::vector<Json> values_;
  Submission now_;
};

}  // namespace

Answer ask_for_loss(const Task& task, const ApiSection& api, const Secret& key) {
  return Run(task, api, key).answer();
}

}  // namespace ff::api
