// SPDX-License-Identifier: MIT
// The HTTP client against a real server on loopback.
#include "flops_fit/api/http.h"

#include "fake_service.h"
#include "support/catch.h"
#include "support/environment.h"
#include "support/files.h"

#include "flops_fit/util/signals.h"
#include "flops_fit/util/version.h"

#include <csignal>
#include <thread>

using namespace ff::api;
using ff::test::Asked;
using ff::test::FakeService;
using ff::test::Fault;
using ff::test::Reply;

namespace {

struct Echo : ff::test::Backend {
  Reply serve(const Asked& asked) override { return {200, asked.method + " " + asked.body}; }
};

HttpLimits quick() {
  return {.connect_timeout_s = 10.0, .timeout_s = 20.0};
}

}  // namespace

TEST_CASE("a request arrives as it was meant", "[api]") {
  FakeService service(std::make_shared<Echo>());
  HttpClient client(quick());
  const HttpResponse posted = client.send({.method = "POST",
                                           .url = service.url() + "/a?x=1%202",
                                           .headers = {"X-Test: 7"},
                                           .body = "{}"});
  REQUIRE(posted.ok());
  CHECK(posted.body == "POST {}");
  CHECK(client.send({.url = service.url() + "/b"}).body == "GET ");
  CHECK(client.send({.method = "PUT", .url = service.url() + "/c", .body = "1"}).body == "PUT 1");
  const Asked seen = service.asked("/a").at(0);
  CHECK(seen.query.at("x") == "1 2");
  CHECK(seen.headers.at("x-test") == "7");
  CHECK(seen.headers.at("content-type") == "application/json");
  CHECK(seen.headers.at("user-agent") == std::string("flops-fit/") + ff::version());
  CHECK(seen.headers.count("expect") == 0);
}

TEST_CASE("every way to fail has its outcome", "[api]") {
  FakeService service(std::make_shared<Echo>());
  HttpLimits limits = quick();
  limits.timeout_s = 0.5;
  HttpClient client(limits);
  const HttpRequest get{.url = service.url() + "/x"};

  service.fail_next("/x", {{.hang = true}, {.drip = true}, {.cut = true}});
  CHECK(client.send(get).outcome == HttpOutcome::kTimeout);
  CHECK(client.send(get).outcome == HttpOutcome::kTimeout);  // slow loris
  const HttpResponse cut = client.send(get);
  CHECK(cut.outcome == HttpOutcome::kLost);
  CHECK(cut.body.empty());
  CHECK_FALSE(cut.problem.empty());

  service.fail_next("/x", {{.status = 302, .headers = {{"Location", service.url() + "/y"}}}});
  const HttpResponse moved = client.send(get);
  CHECK(moved.status == 302);
  CHECK(moved.location == service.url() + "/y");
  CHECK(service.count("/y") == 0);

  service.fail_next("/x", {{.status = 429, .headers = {{"Retry-After", "  7 "}}}});
  CHECK(client.send(get).retry_after == "7");
  CHECK(client.send(get).retry_after.empty());  // the next answer has none

  CHECK(client.send({.url = "http://127.0.0.1:1/"}).outcome == HttpOutcome::kNoConnection);
  CHECK(client.send({.url = "http://no-such-host.invalid/"}).outcome == HttpOutcome::kNoConnection);
  CHECK(client.send({.url = "file:///etc/passwd"}).outcome == HttpOutcome::kLost);
}

TEST_CASE("an answer may have 16 MiB and no more", "[api]") {
  FakeService service(std::make_shared<Echo>());
  HttpClient client(quick());
  service.fail_next("/", {{.body = "{}", .padding = (16 << 20) - 2}, {.padding = (16 << 20) + 1}});
  CHECK(client.send({.url = service.url()}).body.size() == 16 << 20);
  const HttpResponse larger = client.send({.url = service.url()});
  CHECK(larger.outcome == HttpOutcome::kTooLarge);
  CHECK(larger.body.empty());
}

TEST_CASE("TLS is verified: the issuer and the name", "[api]") {
  const ff::test::TemporaryFolder folder;
  const auto good = ff::test::make_certificate(folder.path(), "DNS:localhost,IP:127.0.0.1");
  FakeService service(std::make_shared<Echo>(), &good);
  const HttpRequest get{.url = service.url() + "/x?api_key=SECRET"};

  HttpClient trusting_nobody(quick());
  const HttpResponse refused = trusting_nobody.send(get);
  CHECK(refused.outcome == HttpOutcome::kTls);
  CHECK_THAT(refused.problem, ContainsSubstring("certificate"));
  CHECK(service.count() == 0);  // nothing was sent, the key least of all

  HttpLimits limits = quick();
  limits.ca_file = good.certificate.string();
  CHECK(HttpClient(limits).send(get).ok());

  std::filesystem::create_directories(folder / "other");
  const auto other = ff::test::make_certificate(folder / "other", "DNS:elsewhere.example");
  FakeService impostor(std::make_shared<Echo>(), &other);
  limits.ca_file = other.certificate.string();
  CHECK(HttpClient(limits).send({.url = impostor.url() + "/x"}).outcome == HttpOutcome::kTls);
  CHECK(impostor.count() == 0);
  // Plain HTTP on the other end is no TLS either.
  FakeService plain(std::make_shared<Echo>());
  const std::string url = "https" + plain.url().substr(4);
  CHECK(HttpClient(limits).send({.url = url}).outcome == HttpOutcome::kTls);
}

TEST_CASE("a stop signal cuts a request off, unless that would lose something", "[api]") {
  ff::install_stop_handlers();
  FakeService service(std::make_shared<Echo>());
  HttpLimits limits = quick();
  HttpClient client(limits);
  service.fail_next("/x", {{.hang = true}, {.hang = true}});
  std::thread stopper([&] {
    if (service.wait_for("/x", 1)) {
      std::raise(SIGTERM);
    }
  });
  CHECK(client.send({.url = service.url() + "/x"}).outcome == HttpOutcome::kStopped);
  stopper.join();
  limits.timeout_s = 0.3;
  CHECK(HttpClient(limits).send({.url = service.url() + "/x", .interruptible = false}).outcome ==
        HttpOutcome::kTimeout);
  ff::clear_stop_signal();
}
