// SPDX-License-Identifier: MIT
#include "fake_service.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <httplib.h>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

namespace ff::test {

using namespace std::chrono_literals;

namespace {

Asked asked_of(const httplib::Request& request) {
  Asked asked{.method = request.method,
              .path = request.path,
              .body = request.body,
              .target = request.target};
  for (const auto& [name, value] : request.params) {
    asked.query[name] = value;
  }
  for (const auto& [name, value] : request.headers) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
      return static_cast<char>(std::tolower(c));
    });
    asked.headers[lower] = value;
  }
  return asked;
}

}  // namespace

struct FakeService::Impl {
  std::shared_ptr<Backend> backend;
  std::unique_ptr<httplib::Server> server;
  std::thread thread;
  int port = 0;
  bool tls = false;

  mutable std::mutex mutex;
  mutable std::condition_variable news;
  bool stopping = false;
  std::vector<Asked> log;
  std::vector<std::pair<std::string, std::deque<Fault>>> faults;
  std::string gathered_path;
  size_t together = 0;
  size_t being_served = 0;
  size_t most = 0;

  std::optional<Fault> next_fault(const std::string& path) {
    for (auto& [prefix, queue] : faults) {
      if (path.starts_with(prefix) && !queue.empty()) {
        Fault fault = queue.front();
        queue.pop_front();
        return fault;
      }
    }
    return std::nullopt;
  }

  void serve(const httplib::Request& request, httplib::Response& response) {
    const Asked asked = asked_of(request);
    std::unique_lock lock(mutex);
    log.push_back(asked);
    most = std::max(most, ++being_served);
    const std::optional<Fault> fault = next_fault(asked.path);
    news.notify_all();
    if (together > 0 && asked.path.starts_with(gathered_path)) {
      news.wait_for(lock, 1s, [&] { return stopping || being_served >= together; });
      // All that came together are seen together before the first of them leaves.
      news.wait_for(lock, 50ms, [&] { return stopping; });
    }
    if (!fault || fault->carry_out) {
      const Reply reply = backend->serve(asked);
      response.status = reply.status;
      response.set_content(reply.body, "application/json");
    }
    if (fault) {
      fail(*fault, response, lock);
    }
    --being_served;
    news.notify_all();
  }

  void fail(const Fault& fault, httplib::Response& response, std::unique_lock<std::mutex>& lock) {
    if (fault.hang) {
      news.wait(lock, [&] { return stopping; });
    }
    response.status = fault.status;
    for (const auto& [name, value] : fault.headers) {
      response.set_header(name, value);
    }
    if (fault.drip || fault.cut) {
      response.body.clear();
      response.set_content_provider(
          100000,
          "application/json",
          [this, drip = fault.drip](size_t offset, size_t, httplib::DataSink& sink) {
            if (!drip && offset > 0) {
              return false;
            }
            std::unique_lock inner(mutex);
            news.wait_for(inner, 20ms, [&] { return stopping; });
            return !stopping && sink.write(" ", 1);
          });
      return;
    }
    response.set_content(fault.body + std::string(fault.padding, ' '), "application/json");
  }
};

FakeService::FakeService(std::shared_ptr<Backend> backend, const Certificate* certificate, int port)
    : impl_(std::make_unique<Impl>()) {
  ::setenv("no_proxy", "127.0.0.1,localhost", 1);
  impl_->backend = std::move(backend);
  impl_->tls = certificate != nullptr;
  if (certificate != nullptr) {
    impl_->server = std::make_unique<httplib::SSLServer>(certificate->certificate.c_str(),
                                                         certificate->key.c_str());
  } else {
    impl_->server = std::make_unique<httplib::Server>();
  }
  httplib::Server& server = *impl_->server;
  // Hanging requests take a thread each.
  server.new_task_queue = [] { return new httplib::ThreadPool(24); };
  server.set_keep_alive_timeout(1);
  server.set_tcp_nodelay(true);
  const auto handler = [this](const httplib::Request& request, httplib::Response& response) {
    impl_->serve(request, response);
  };
  server.Get(".*", handler);
  server.Post(".*", handler);
  server.Put(".*", handler);
  impl_->port = port == 0                                ? server.bind_to_any_port("127.0.0.1")
                : server.bind_to_port("127.0.0.1", port) ? port
                                                         : 0;
  if (!server.is_valid() || impl_->port <= 0) {
    throw std::runtime_error("the fake service cannot listen on 127.0.0.1");
  }
  impl_->thread = std::thread([&server] { server.listen_after_bind(); });
  while (!server.is_running()) {
    std::this_thread::sleep_for(1ms);
  }
}

FakeService::~FakeService() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->news.notify_all();
  impl_->server->stop();
  impl_->thread.join();
}

std::string FakeService::url() const {
  return std::string(impl_->tls ? "https" : "http") + "://127.0.0.1:" + std::to_string(impl_->port);
}

int FakeService::port() const {
  return impl_->port;
}

std::unique_lock<std::mutex> FakeService::pause() const {
  return std::unique_lock(impl_->mutex);
}

void FakeService::fail_next(const std::string& path, std::vector<Fault> faults) {
  const std::lock_guard lock(impl_->mutex);
  impl_->faults.emplace_back(path, std::deque<Fault>(faults.begin(), faults.end()));
}

std::vector<Asked> FakeService::asked(const std::string& path) const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<Asked> some;
  std::copy_if(
      impl_->log.begin(), impl_->log.end(), std::back_inserter(some), [&](const Asked& asked) {
        return asked.path.starts_with(path);
      });
  return some;
}

bool FakeService::wait_for(const std::string& path, size_t count) const {
  std::unique_lock lock(impl_->mutex);
  return impl_->news.wait_for(lock, 20s, [&] {
    return static_cast<size_t>(
               std::count_if(impl_->log.begin(), impl_->log.end(), [&](const Asked& asked) {
                 return asked.path.starts_with(path);
               })) >= count;
  });
}

void FakeService::gather(const std::string& path, size_t together) {
  const std::lock_guard lock(impl_->mutex);
  impl_->gathered_path = path;
  impl_->together = together;
}

size_t FakeService::most_at_once() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->most;
}

Certificate make_certificate(const std::filesystem::path& folder, const std::string& names) {
  Certificate made{.certificate = folder / "certificate.pem", .key = folder / "key.pem"};
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
      "-subj /CN=flops-fit-test -addext 'subjectAltName=" +
      names + "' -keyout '" + made.key.string() + "' -out '" + made.certificate.string() +
      "' >/dev/null 2>&1";
  if (std::system(command.c_str()) != 0) {
    throw std::runtime_error("openssl cannot make a certificate");
  }
  return made;
}

}  // namespace ff::test
