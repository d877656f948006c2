// SPDX-License-Identifier: MIT
#pragma once
// One HTTP(S) request and its answer, over libcurl. TLS is always verified, redirects are not
// followed (the key would travel along), and an answer has a size and a time limit. Nothing here
// repeats anything, and nothing throws for what a network can do: the outcome is a value.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ff::api {

struct HttpLimits {
  double connect_timeout_s = 10.0;
  /// Of the whole request: also ends an answer that comes byte by byte. (No lower limit on the
  /// speed: a service that trains before it answers is silent for long.)
  double timeout_s = 60.0;
  int64_t max_body_bytes = 16 << 20;
  std::string ca_file;  ///< empty = the system's certificates
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;   ///< may hold the key in its query: never to be shown
  std::string name;  ///< what messages call it: method and address without the query
  std::vector<std::string> headers;
  std::string body;
  /// False for what must not be cut off by Ctrl-C: a submission whose id would be lost.
  bool interruptible = true;
  /// About what the service took before, so that it exists and is worth waiting for.
  bool of_known_run = false;
};

enum class HttpOutcome {
  kAnswered,      ///< `status` and `body` are the server's
  kTimeout,       ///< no complete answer in time
  kLost,          ///< the connection broke, or what came is not HTTP
  kNoConnection,  ///< the name is unknown, or nobody listens
  kTls,           ///< the certificate or the handshake is not good
  kTooLarge,      ///< the answer is above max_body_bytes
  kStopped,       ///< a stop signal arrived
};

struct HttpResponse {
  HttpOutcome outcome = HttpOutcome::kLost;
  int status = 0;
  std::string body;
  std::string retry_after;  ///< header, as sent; empty if there is none
  std::string location;     ///< header, as sent
  std::string problem;      ///< libcurl's words unless kAnswered; foreign text
  double seconds = 0.0;

  [[nodiscard]] bool ok() const {
    return outcome == HttpOutcome::kAnswered && status >= 200 && status < 300;
  }
};

/// The host that libcurl would ask for this address: "127.0.0.1" of http://127.1:80/x, "::1" of
/// http://[::1]. Empty if it is no address.
[[nodiscard]] std::string host_of(const std::string& url);

/// Whether the host is this machine itself, by its number (127.x.x.x, ::1) or as localhost.
[[nodiscard]] bool is_loopback(const std::string& host);

/// Connections are kept between the requests of one client; not for use by several threads at once.
class HttpClient {
 public:
  explicit HttpClient(HttpLimits limits);
  [[nodiscard]] HttpResponse send(const HttpRequest& request);

 private:
  struct Close {
    void operator()(void* curl) const;
  };
  HttpLimits limits_;
  std::unique_ptr<void, Close> curl_;
};

}  // namespace ff::api
