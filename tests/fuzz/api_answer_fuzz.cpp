// SPDX-License-Identifier: MIT
// mode=api: what a service answers (the rest of the input), looked at through any pointers and
// templates (its first lines: loss, status, body template, limit).
#include "support.h"
#include "targets.h"

#include "flops_fit/api/answer.h"
#include "flops_fit/api/pointer.h"
#include "flops_fit/api/template.h"

#include <cmath>

void ff::fuzz::api_answer(const uint8_t* data, size_t size) {
  std::string_view rest = text_of(data, size);
  const std::string loss(take_line(rest));
  const std::string status(take_line(rest));
  const std::string text(take_line(rest));
  const std::string body(rest);
  accepts([&] { (void)api::placeholders(text, "api.submit.body"); });
  accepts([&] {
    api::ApiSection service;
    api::check_pointer(loss, "api.response.loss");
    api::check_pointer(status, "api.response.status");
    service.response.loss = loss;
    if (!status.empty()) {
      service.response.status = status;
    }
    const api::Secret key("secret");
    if (key.occurs_in(loss) || key.occurs_in(status)) {
      return;  // refused: refuse_key_in()
    }
    (void)api::reason_in(body, service, key);
    if (const auto document = api::parse_answer(body)) {
      const api::Answer answer = api::read_answer(*document, body, service, key);
      require(answer.kind != api::Answer::Kind::kDone || std::isfinite(answer.loss),
              "a run that is done has a finite loss");
      require(answer.reason.find("secret") == std::string::npos, "the key is not shown");
      require(api::holds_somewhere(*document, *document), "a document holds itself");
    }
  });
}
