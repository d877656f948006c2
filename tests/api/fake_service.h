// SPDX-License-Identifier: MIT
#pragma once
// A training service on loopback, in the test's own process: a real HTTP or HTTPS server
// (cpp-httplib) that speaks one of the two public wire formats strictly, remembers what it was
// asked, and can be told to fail in every way that services do.
#include "fake_backends.h"

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ff::test {

/// What one request gets in place of its answer.
struct Fault {
  int status = 200;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  bool carry_out = false;  ///< the request is served all the same, and only its answer replaced
  bool hang = false;       ///< no answer until the service is destroyed
  bool drip = false;       ///< one byte every 20 ms, for ever
  bool cut = false;        ///< the connection breaks in the middle of the body
  size_t padding = 0;      ///< bytes of blanks behind the body
};

struct Certificate {
  std::filesystem::path certificate;
  std::filesystem::path key;
};
/// Self-signed, made by the openssl command; `names` as "DNS:localhost,IP:127.0.0.1".
[[nodiscard]] Certificate make_certificate(const std::filesystem::path& folder,
                                           const std::string& names);

class FakeService {
 public:
  /// On a port of 127.0.0.1, 0 = a free one; HTTPS if there is a certificate.
  explicit FakeService(std::shared_ptr<Backend> backend,
                       const Certificate* certificate = nullptr,
                       int port = 0);
  ~FakeService();
  FakeService(const FakeService&) = delete;
  FakeService& operator=(const FakeService&) = delete;

  [[nodiscard]] std::string url() const;
  [[nodiscard]] int port() const;

  /// No request is served while this is held: the backend may be looked at and changed.
  [[nodiscard]] std::unique_lock<std::mutex> pause() const;

  /// The next requests whose path starts with `path` get these faults, one each, in turn.
  void fail_next(const std::string& path, std::vector<Fault> faults);

  /// Everything asked so far whose path starts with `path`.
  [[nodiscard]] std::vector<Asked> asked(const std::string& path = "/") const;
  [[nodiscard]] size_t count(const std::string& path = "/") const { return asked(path).size(); }
  /// Waits until that many were asked; false after 20 s.
  [[nodiscard]] bool wait_for(const std::string& path, size_t count) const;

  /// From now on answers to `path` wait until `together` requests are there at once (or 2 s
  /// passed).
  void gather(const std::string& path, size_t together);
  /// Requests that were being served at the same time, at most.
  [[nodiscard]] size_t most_at_once() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ff::test
