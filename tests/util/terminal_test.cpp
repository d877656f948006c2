// SPDX-License-Identifier: MIT
#include "flops_fit/util/terminal.h"

#include "support/capture.h"
#include "support/catch.h"

#include "flops_fit/util/log.h"

#include <spdlog/spdlog.h>

#include <string>

TEST_CASE("printable text holds nothing that a terminal obeys", "[util]") {
  using ff::printable_text;
  CHECK(printable_text("exp_0001, 3.5 \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80") ==
        "exp_0001, 3.5 \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(printable_text("a\x1b]0;title\x07z") == "a\\x1b]0;title\\x07z");
  CHECK(printable_text(std::string_view("nul\0del\x7f", 8)) == "nul\\x00del\\x7f");
  CHECK(printable_text("csi \xc2\x9b"
                       "31m") == "csi \\x9b31m");  // C1, as UTF-8
  CHECK(printable_text("csi \x9b"
                       "31m") ==
        "csi \xef\xbf\xbd"
        "31m");  // and as a byte
  CHECK(printable_text("\xe2\x80\xaegpj.exe\xe2\x81\xa6\xef\xbb\xbf\xe2\x80\xa8") ==
        "\\u202egpj.exe\\u2066\\ufeff\\u2028");
  CHECK(printable_text("\xf3\xa0\x81\x81") == "\\U000e0041");  // a tag: an A that is not seen
  CHECK(printable_text("a\rb\nc\td") == "a\\x0db c d");
  CHECK(printable_text("a\nb\tc\x1b", ff::Newlines::kKeep) == "a\nb\tc\\x1b");
  // No UTF-8: overlong, a surrogate, beyond the last character, cut off.
  for (const std::string bad : {"\xc0\x9b", "\xe0\x82\x9b", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    for (const char c : printable_text(bad)) {
      CHECK_THAT("\xef\xbf\xbd", ContainsSubstring(std::string(1, c)));
    }
  }
  CHECK(printable_text("\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("log lines hold nothing that a terminal obeys", "[util]") {
  const auto before = spdlog::default_logger();
  const std::string log = ff::test::stderr_of([] {
    ff::init_logging(ff::Verbosity::kNormal);
    spdlog::warn("run {}\nerror: forged", "exp\x1b[2J");
  });
  spdlog::set_default_logger(before);
  CHECK(log == "warning: run exp\\x1b[2J error: forged\n");
}
