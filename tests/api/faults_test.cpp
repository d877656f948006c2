// SPDX-License-Identifier: MIT
// Services that hand out one id twice, make up losses, go away for a moment, or send the client
// elsewhere; and who else could see the key.
#include "fake_service.h"
#include "support/catch.h"
#include "support/environment.h"
#include "support/files.h"

#include "flops_fit/api/check.h"
#include "flops_fit/api/http.h"
#include "flops_fit/api/identity.h"
#include "flops_fit/api/service.h"
#include "flops_fit/api/submission.h"
#include "flops_fit/util/error.h"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <sstream>
#include <thread>

using namespace ff::api;
using namespace std::chrono_literals;
using ff::io::Json;
using ff::test::Asked;
using ff::test::EnvironmentVariable;
using ff::test::FakeService;
using ff::test::Reply;
using Kind = Answer::Kind;
using State = Submission::State;

namespace {

const Secret kKey("SECRET-KEY");

/// Gives every submission the id `id`; a run answers with `status`.
struct OneId : ff::test::Backend {
  Reply serve(const Asked& asked) override {
    if (asked.method == "POST") {
      configs.push_back(Json::parse(asked.body));
      return {200, Json{{"id", id}}.dump()};
    }
    if (asked.path == "/runs") {
      Json list = Json::array();
      for (const Json& config : configs) {
        list.push_back({{"id", id}, {"config", config}});
      }
      return {200, Json{{"data", list}}.dump()};
    }
    return {200, status};
  }
  std::string id = "7";
  std::string status = R"({"status": "done", "loss": 2.5})";
  std::vector<Json> configs;
};

struct Fixture {
  ff::test::TemporaryFolder folder;
  std::shared_ptr<OneId> backend = std::make_shared<OneId>();
  std::unique_ptr<FakeService> service = std::make_unique<FakeService>(backend);
  ApiSection api;

  Fixture() {
    api.base_url = service->url();
    api.headers = {"X-API-Key: {api_key}"};
    api.timeout_s = 10.0;
    api.max_attempts = 3;
    api.backoff_s = 0.01;
    api.submit.path = "/runs";
    api.submit.body = R"({"seed": "{seed}"})";
    api.poll.path = "/runs/{id}";
    api.poll.interval_s = 0.01;
    api.response.status = "/status";
  }
  /// Experiment number `n`, with a run folder of its own.
  Task task(int64_t n) const {
    const std::string id = "exp_000" + std::to_string(n);
    Task made{.experiment = {.experiment_id = id, .compute_budget = 1e13, .seed = n},
              .config_hash = "000000000000000" + std::to_string(n),
              .run_dir = folder / ("runs/" + id)};
    std::filesystem::create_directories(made.run_dir);
    return made;
  }
  Answer ask(int64_t n) const { return ask_for_loss(task(n), api, kKey); }
  /// What stops the sweep; empty if nothing does.
  std::string stop(int64_t n) const {
    try {
      static_cast<void>(ask(n));
    } catch (const ServiceError& problem) {
      return problem.what();
    }
    return "";
  }
  Submission saved(int64_t n) const { return *read_submission(task(n).run_dir); }
  size_t submissions() const {
    size_t posts = 0;
    for (const Asked& asked : service->asked("/runs")) {
      posts += asked.method == "POST" ? 1 : 0;
    }
    return posts;
  }
  void set(const std::function<void(OneId&)>& change) const {
    const auto pause = service->pause();
    change(*backend);
  }
  /// The service goes away and comes back on the same port.
  void go_away() { service.reset(); }
  void come_back(int port, const ff::test::Certificate* certificate = nullptr) {
    service = std::make_unique<FakeService>(backend, certificate, port);
  }
};

/// What is logged in its scope.
class Log {
 public:
  Log() : before_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
  }
  ~Log() { spdlog::set_default_logger(before_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  std::string text() const { return text_.str(); }

 private:
  std::shared_ptr<spdlog::logger> before_;
  std::ostringstream text_;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "one id for two submissions is refused, naming both", "[api]") {
  CHECK(ask(0).loss == 2.5);
  const std::string message = stop(1);
  CHECK_THAT(message,
             ContainsSubstring("gave exp_0001 the run 7, which is that of exp_0000 already"));
  CHECK_THAT(message, ContainsSubstring("delete " + (folder / "runs/exp_0000/api.json").string()));
  CHECK(saved(1).state == State::kSubmitting);
  CHECK(saved(1).id.empty());
  CHECK(ask(0).loss == 2.5);  // the first keeps it
  CHECK_FALSE(stop(1).empty());
  set([](OneId& s) { s.id = "8"; });
  CHECK(ask(1).loss == 2.5);
  CHECK(saved(1).id == "8");
}

TEST_CASE_METHOD(Fixture, "two experiments that have one id on disk do not both count", "[api]") {
  CHECK(ask(0).loss == 2.5);
  Submission copy = saved(0);
  copy.config_hash = task(1).config_hash;
  copy.request_hash = request_hash(api, task(1).experiment);
  SECTION("of this service") {
    write_submission(task(1).run_dir, copy);
    CHECK_THAT(stop(1), ContainsSubstring("exp_0001 the run 7, which is that of exp_0000"));
    CHECK(submissions() == 1);
  }
  SECTION("of an earlier version, which did not write the service down") {
    copy.service.clear();
    write_submission(task(1).run_dir, copy);
    CHECK_FALSE(stop(1).empty());
  }
  SECTION("of another service: numbers of its own") {
    Submission first = saved(0);
    first.service = "https://elsewhere";
    write_submission(task(0).run_dir, first);
    CHECK(ask(1).loss == 2.5);
  }
}

TEST_CASE_METHOD(Fixture, "threads that get one id do not all count it", "[api]") {
  std::vector<std::future<bool>> counted;
  for (int64_t n = 0; n < 4; ++n) {
    counted.push_back(std::async(std::launch::async, [this, n] { return stop(n).empty(); }));
  }
  int64_t losses = 0;
  for (auto& one : counted) {
    losses += one.get() ? 1 : 0;
  }
  CHECK(losses <= 1);
}

TEST_CASE_METHOD(Fixture, "what is looked up is not another experiment's run", "[api]") {
  api.lookup.path = "/runs";
  api.lookup.items = "/data";
  CHECK(ask(0).loss == 2.5);
  // The service's list says that run 7 holds the second's values as well.
  set([](OneId& s) { s.configs.push_back(Json{{"seed", 1}}); });
  service->fail_next("/runs", {{.status = 409}});
  const Answer answer = ask(1);
  CHECK(answer.kind == Kind::kFailed);
  CHECK_THAT(answer.reason, ContainsSubstring("but no entry of"));
}

TEST_CASE_METHOD(Fixture, "a run folder under another name goes on with its run", "[api]") {
  const bool named = GENERATE(false, true);
  api.submit.body = named ? R"({"seed": "{seed}", "name": "{experiment_id}"})" : api.submit.body;
  CHECK(ask(3).loss == 2.5);
  Task moved = task(3);
  moved.experiment.experiment_id = "exp_0004";
  moved.run_dir = folder / "runs/exp_0004";
  std::filesystem::rename(folder / "runs/exp_0003", moved.run_dir);
  CHECK(ask_for_loss(moved, api, kKey).loss == 2.5);
  CHECK(submissions() == 1);
  api.budget.path = "/budget";  // nothing is left to pay for, so it is not asked
  check_budget(std::vector<Task>{moved}, api, kKey);
  CHECK(service->count("/budget") == 0);
  // The id is in the request's identity only if it is in the request.
  CHECK((request_hash(api, moved.experiment) == request_hash(api, task(3).experiment)) != named);
}

TEST_CASE_METHOD(Fixture, "losses that cannot be are failures with their value", "[api]") {
  for (const auto& [loss, shown] : std::vector<std::pair<std::string, std::string>>{
           {"-5", "-5"}, {"0", "0"}, {"0.0", "0"}, {"1e300", "1e300"}, {"215.1", "215.1"}}) {
    set([&](OneId& s) { s.status = R"({"status": "done", "loss": )" + loss + "}"; });
    const Answer answer = ask(0);
    CHECK(answer.kind == Kind::kFailed);
    CHECK(answer.reason == "the loss at \"/loss\" is " + shown +
                               "; a loss in nats per token is above 0 and at most 215");
    CHECK(saved(0).state == State::kEnded);
  }
  set([](OneId& s) { s.status = R"({"status": "done", "loss": 0.001})"; });
  CHECK(ask(0).loss == 0.001);
}

TEST_CASE_METHOD(Fixture, "FLOPs and seconds that cannot be are left out with a warning", "[api]") {
  api.response.flops = "/flops";
  api.response.wall_time = "/s";
  for (const std::string flops : {"-1", "0", "1e46", "\"1e12\"", "null", "[1]"}) {
    set([&](OneId& s) {
      s.status = R"({"status": "done", "loss": 2.5, "s": -4, "flops": )" + flops + "}";
    });
    const Log log;
    const Answer answer = ask(0);
    CHECK(answer.loss == 2.5);
    CHECK_FALSE(answer.flops);
    CHECK_THAT(log.text(),
               ContainsSubstring("exp_0000: in the service's answer the FLOPs at \"/flops\" ("));
    CHECK_THAT(log.text(), ContainsSubstring("the seconds at \"/s\" (-4) is left out"));
  }
  set([](OneId& s) { s.status = R"({"status": "done", "loss": 2.5, "s": 4, "flops": 1e12})"; });
  const Log log;
  CHECK(ask(0).flops == 1e12);
  CHECK(ask(0).wall_s == 4);
  CHECK_THAT(log.text(), !ContainsSubstring("left out"));
}

TEST_CASE_METHOD(Fixture, "a service that restarts while it is polled stops nothing", "[api]") {
  set([](OneId& s) { s.status = R"({"status": "running"})"; });
  api.max_attempts = 200;
  api.backoff_s = 0.02;
  api.max_wait_s = 0.05;
  auto answer = std::async(std::launch::async, [this] { return ask(0); });
  REQUIRE(service->wait_for("/runs/7", 2));
  const int port = service->port();
  go_away();
  std::this_thread::sleep_for(300ms);
  backend->status = R"({"status": "done", "loss": 2.5})";
  come_back(port);
  CHECK(answer.get().loss == 2.5);
  CHECK(submissions() == 0);  // since it came back
}

TEST_CASE_METHOD(Fixture, "so does one that restarts when a run is submitted", "[api]") {
  CHECK(ask(0).loss == 2.5);
  const int port = service->port();
  go_away();
  backend->id = "8";
  api.max_attempts = 200;
  api.backoff_s = 0.02;
  api.max_wait_s = 0.05;
  auto answer = std::async(std::launch::async, [this] { return ask(1); });
  std::this_thread::sleep_for(300ms);
  come_back(port);
  CHECK(answer.get().loss == 2.5);
  CHECK(submissions() == 1);
}

TEST_CASE_METHOD(Fixture, "a service that shows a wrong certificate for a moment", "[api]") {
  const auto right = ff::test::make_certificate(folder.path(), "IP:127.0.0.1");
  std::filesystem::create_directory(folder / "other");
  const auto wrong = ff::test::make_certificate(folder / "other", "IP:127.0.0.1");
  const int port = service->port();
  go_away();
  come_back(port, &right);
  api.base_url = service->url();
  api.ca_file = right.certificate;
  api.max_attempts = 200;
  api.backoff_s = 0.02;
  api.max_wait_s = 0.05;
  set([](OneId& s) { s.status = R"({"status": "running"})"; });
  auto answer = std::async(std::launch::async, [this] { return ask(0); });
  REQUIRE(service->wait_for("/runs/7", 2));
  go_away();
  come_back(port, &wrong);
  std::this_thread::sleep_for(300ms);
  CHECK(service->count() == 0);
  go_away();
  backend->status = R"({"status": "done", "loss": 2.5})";
  come_back(port, &right);
  CHECK(answer.get().loss == 2.5);
}

TEST_CASE_METHOD(Fixture, "a service that stays away stops the sweep, and ids are kept", "[api]") {
  CHECK(ask(0).loss == 2.5);
  go_away();
  const std::string message = stop(0);
  CHECK_THAT(message, ContainsSubstring("(3 attempts, api.max_attempts); is the service running"));
  CHECK_THAT(message, ContainsSubstring("What was submitted is kept"));
  CHECK(saved(0).state == State::kSubmitted);
  CHECK(saved(0).id == "7");
  // One that never was there is not waited for.
  api.base_url = "http://127.0.0.1:1";
  api.backoff_s = 100;
  const auto start = std::chrono::steady_clock::now();
  CHECK_THAT(stop(1), !ContainsSubstring("attempts"));
  CHECK(std::chrono::steady_clock::now() - start < 10s);
}

TEST_CASE_METHOD(Fixture, "an id asks for its own place and no other", "[api]") {
  for (const std::string bad : {".", "..", "a\nb", ""}) {
    set([&](OneId& s) { s.id = bad; });
    CHECK_THAT(ask(0).reason, ContainsSubstring("no usable id at \"/id\""));
  }
  CHECK(service->count("/runs/") == 0);
  int64_t n = 1;
  for (const auto& [id, sent] :
       std::vector<std::pair<std::string, std::string>>{{"../runs", "/runs/..%2Fruns"},
                                                        {"%2e%2e", "/runs/%252e%252e"},
                                                        {"a?b=c#d", "/runs/a%3Fb%3Dc%23d"},
                                                        {"..;x", "/runs/..%3Bx"},
                                                        {"...", "/runs/..."}}) {
    set([&](OneId& s) { s.id = id; });
    CHECK(ask(n++).loss == 2.5);
    CHECK(service->asked("/").back().target == sent);
  }
  // An id that somebody wrote into api.json.
  Submission damaged = saved(1);
  damaged.id = "..";
  write_submission(task(1).run_dir, damaged);
  CHECK_THROWS_AS(ask(1), ff::FileError);
}

TEST_CASE("paths are sent as they are, and may not lead elsewhere", "[api]") {
  FakeService service(std::make_shared<OneId>());
  HttpClient client({});
  static_cast<void>(client.send({.url = service.url() + "/a/../b/./c"}));
  CHECK(service.asked().back().target == "/a/../b/./c");

  ApiSection api;
  api.base_url = service.url();
  const auto refusal = [&] {
    try {
      check_service(api, {}, {}, "sweep.json");
    } catch (const ff::ConfigError& problem) {
      return std::string(problem.what());
    }
    return std::string();
  };
  CHECK(refusal().empty());
  for (const std::string path : {"/..", "../x", "/a/./b", "/a/%2E%2e/b", "/a/.%2e", "/%2e?x=1"}) {
    INFO(path);
    api.submit.path = path;
    CHECK_THAT(refusal(), ContainsSubstring("api.submit.path: \"" + path + "\" has a part"));
  }
  api.submit.path = "/v1.2/..a/.../b..?x=..";
  CHECK(refusal().empty());
  api.base_url += "/v1/../v2";
  CHECK_THAT(refusal(), ContainsSubstring("api.base_url"));
}

TEST_CASE("only this machine's own addresses are loopback", "[api]") {
  for (const std::string host : {"127.0.0.1", "127.255.0.9", "localhost", "LOCALHOST"}) {
    CHECK(is_loopback(host_of("http://" + host + ":80/x")));
  }
  CHECK(is_loopback(host_of("http://[::1]/")));
  CHECK(is_loopback(host_of("http://[::ffff:127.0.0.1]:9/")));
  for (const std::string host : {"127.evil.example",
                                 "127.0.0.1.evil.example",
                                 "localhost.evil.example",
                                 "evil.example",
                                 "128.0.0.1",
                                 "10.0.0.1",
                                 "[::2]",
                                 "[fe80::1%25lo]",
                                 "[::ffff:10.0.0.1]",
                                 "127.0.0.1@evil.example",
                                 "localhost:1@evil.example"}) {
    INFO(host);
    CHECK_FALSE(is_loopback(host_of("http://" + host + "/x")));
  }
  CHECK(host_of("http://u:p@evil.example:8/x") == "evil.example");
  CHECK(host_of("http://").empty());
}

TEST_CASE("a key that would travel unencrypted is warned of", "[api]") {
  const auto warnings = [](const std::string& url, const Secret& key = kKey) {
    const Log log;
    ApiSection api;
    api.base_url = url;
    check_service(api, key, {}, "sweep.json");
    return log.text();
  };
  const EnvironmentVariable none("http_proxy", "");
  const EnvironmentVariable no_all("all_proxy", "");
  const EnvironmentVariable no_other("ALL_PROXY", "");
  for (const std::string host : {"127.evil.example", "evil.example", "localhost.evil.example:80"}) {
    CHECK_THAT(warnings("http://" + host), ContainsSubstring("the key travels unencrypted"));
    CHECK_THAT(warnings("http://" + host), !ContainsSubstring("proxy"));
    CHECK(warnings("https://" + host).empty());
    CHECK(warnings("http://" + host, Secret()).empty());
  }
  CHECK(warnings("http://127.0.0.1:1").empty());
  const EnvironmentVariable proxy("http_proxy", "http://proxy.example:3128");
  CHECK_THAT(warnings("http://evil.example"),
             ContainsSubstring("through the proxy of $http_proxy or $all_proxy"));
  CHECK(warnings("http://127.0.0.1:1").empty());  // goes past it
}

TEST_CASE_METHOD(Fixture, "a proxy sees nothing of what goes to this machine itself", "[api]") {
  FakeService proxy(std::make_shared<OneId>());
  const EnvironmentVariable exempt("no_proxy", "");
  for (const char* variable : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    const EnvironmentVariable set_proxy(variable, proxy.url());
    const size_t before = service->count();
    CHECK(ask(0).loss == 2.5);
    CHECK(service->count() > before);
    CHECK(proxy.count() == 0);
  }
}

TEST_CASE_METHOD(Fixture,
                 "bytes that are no text, and folders that are none, are errors",
                 "[api]") {
  ApiSection odd = api;
  odd.submit.query = {"a=\xff\xfe{seed}"};
  odd.submit.body.clear();
  CHECK(ff::io::Json::accept("\"" + request_hash(odd, task(0).experiment) + "\""));
  Task nowhere = task(0);
  ff::test::write_text(folder / "file", "");
  nowhere.run_dir = folder / "file/exp_0000";
  CHECK_THROWS_AS(ask_for_loss(nowhere, api, kKey), ff::Error);
  CHECK(service->count() == 0);  // nothing is sent that could not be kept
}
