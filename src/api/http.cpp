// SPDX-License-Identifier: MIT
#include "flops_fit/api/http.h"

#include "flops_fit/config/scalar.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/signals.h"
#include "flops_fit/util/version.h"

#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <cmath>
#include <csignal>
#include <curl/curl.h>
#include <netinet/in.h>
#include <new>
#include <string_view>

namespace ff::api {
namespace {

/// What the callbacks of one transfer fill.
struct Transfer {
  HttpResponse response;
  size_t max_bytes = 0;
  bool too_large = false;
  bool interruptible = true;
};

size_t on_body(char* data, size_t /*size*/, size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.response.body.size() + count > transfer.max_bytes) {
    transfer.too_large = true;
    return 0;  // ends the transfer
  }
  transfer.response.body.append(data, count);
  return count;
}

/// The value of "Name: value" if the line has that name.
bool header_value(std::string_view line, std::string_view name, std::string& value) {
  if (line.size() <= name.size() || line[name.size()] != ':') {
    return false;
  }
  for (size_t i = 0; i < name.size(); ++i) {
    if (std::tolower(static_cast<unsigned char>(line[i])) != name[i]) {
      return false;
    }
  }
  line.remove_prefix(name.size() + 1);
  const size_t first = line.find_first_not_of(" \t");
  const size_t last = line.find_last_not_of(" \t\r\n");
  value = first == std::string_view::npos ? "" : std::string(line.substr(first, last - first + 1));
  return true;
}

size_t on_header(char* data, size_t /*size*/, size_t count, void* user) {
  HttpResponse& response = static_cast<Transfer*>(user)->response;
  const std::string_view line(data, count);
  if (line.substr(0, 5) == "HTTP/") {  // after "100 Continue" another head follows
    response.retry_after.clear();
    response.location.clear();
  } else if (!header_value(line, "retry-after", response.retry_after)) {
    header_value(line, "location", response.location);
  }
  return count;
}

/// libcurl calls it about once a second, and whenever something moves.
int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->interruptible && stop_signal() != 0 ? 1 : 0;
}

HttpOutcome outcome_of(CURLcode code, bool too_large) {
  switch (code) {
    case CURLE_OK:
      return HttpOutcome::kAnswered;
    case CURLE_OPERATION_TIMEDOUT:
      return HttpOutcome::kTimeout;
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return HttpOutcome::kNoConnection;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return HttpOutcome::kTls;
    case CURLE_ABORTED_BY_CALLBACK:
      return HttpOutcome::kStopped;
    case CURLE_WRITE_ERROR:
      return too_large ? HttpOutcome::kTooLarge : HttpOutcome::kLost;
    default:
      return HttpOutcome::kLost;
  }
}

CURLcode start_libcurl() {
  // With CURLOPT_NOSIGNAL, which threads need, libcurl leaves this to us: a server that hangs up
  // while it is written to must not end the process.
  std::signal(SIGPIPE, SIG_IGN);
  return curl_global_init(CURL_GLOBAL_DEFAULT);
}

long milliseconds(double seconds) {
  return std::max(1L, std::lround(1000.0 * seconds));
}

/// A list of headers that lives as long as the transfer.
class HeaderList {
 public:
  void add(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_.get(), line.c_str());
    if (longer == nullptr) {
      throw std::bad_alloc();
    }
    static_cast<void>(list_.release());
    list_.reset(longer);
  }
  curl_slist* get() const { return list_.get(); }

 private:
  struct Free {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  std::unique_ptr<curl_slist, Free> list_;
};

}  // namespace

std::string host_of(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  if (!parsed) {
    throw std::bad_alloc();
  }
  char* host = nullptr;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) != CURLUE_OK) {
    return "";
  }
  const std::unique_ptr<char, decltype(&curl_free)> owned(host, &curl_free);
  const std::string text = host;
  return text.starts_with('[') && text.ends_with(']') ? text.substr(1, text.size() - 2) : text;
}

bool is_loopback(const std::string& host) {
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6{};
  if (::inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
  }
  return config::lower(host) == "localhost";
}

void HttpClient::Close::operator()(void* curl) const {
  curl_easy_cleanup(curl);
}

HttpClient::HttpClient(HttpLimits limits) : limits_(std::move(limits)) {
  // Once per process; the initialisation of a static is safe among threads.
  static const CURLcode ready = start_libcurl();
  if (ready != CURLE_OK) {
    throw error<>("libcurl does not start: {}.", curl_easy_strerror(ready));
  }
  curl_.reset(curl_easy_init());
  if (!curl_) {
    throw Error("libcurl does not start.");
  }
}

HttpResponse HttpClient::send(const HttpRequest& request) {
  Transfer transfer{.max_bytes = static_cast<size_t>(limits_.max_body_bytes),
                    .interruptible = request.interruptible};
  std::array<char, CURL_ERROR_SIZE> words{};
  HeaderList headers;
  headers.add("Accept: application/json");
  headers.add("Expect:");  // no waiting for 100 Continue
  if (!request.body.empty()) {
    headers.add("Content-Type: application/json");
  }
  for (const std::string& line : request.headers) {
    headers.add(line);
  }

  CURL* curl = curl_.get();
  curl_easy_reset(curl);  // keeps the connections
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);  // what is asked is what is checked
  if (is_loopback(host_of(request.url))) {
    // No proxy can reach this machine's own services, but it would see the key.
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  }
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!limits_.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, limits_.ca_file.c_str());
    curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  }
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(limits_.connect_timeout_s));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, milliseconds(limits_.timeout_s));
  curl_easy_setopt(curl, CURLOPT_USERAGENT, fmt::format("flops-fit/{}", version()).c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  if (request.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(
        curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    // On a kept connection that turns out dead libcurl would send it a second time by itself.
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
  }

  const CURLcode code = curl_easy_perform(curl);
  HttpResponse& response = transfer.response;
  response.outcome = outcome_of(code, transfer.too_large);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  response.status = response.outcome == HttpOutcome::kAnswered ? static_cast<int>(status) : 0;
  curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &response.seconds);
  if (code != CURLE_OK) {
    response.problem = words[0] != '\0' ? words.data() : curl_easy_strerror(code);
    response.body.clear();
  }
  return std::move(transfer.response);
}

}  // namespace ff::api
