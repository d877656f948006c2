// SPDX-License-Identifier: MIT
// The key in whatever a service echoes.
#include "flops_fit/api/secret.h"

#include "support/catch.h"

#include <fmt/format.h>

#include <chrono>

using namespace ff::api;

namespace {

const std::string kValue = "S3CRET/key+\"odd\" & =<long>'";

/// Every character of the key through `encode`.
template <class Encode>
std::string each(const Encode& encode) {
  std::string out;
  for (const char c : kValue) {
    out += encode(c);
  }
  return out;
}

std::string format_byte(const char* form, char c) {
  return fmt::format(fmt::runtime(form), static_cast<unsigned>(static_cast<unsigned char>(c)));
}

}  // namespace

TEST_CASE("a key that a service echoes in an encoding of its own is hidden", "[api]") {
  const Secret key(kValue);
  std::vector<std::string> echoes = {
      kValue,
      "S3CRET/key+&quot;odd&quot; &amp; =&lt;long&gt;&#39;",
      "S3CRET/key+&#34;odd&#34; &#38; =&#60;long&#62;&apos;",
      "S3CRET&#x2F;key&#x2B;&quot;odd&quot;&#x20;&amp;&#x20;&#x3D;&lt;long&gt;&#x27;",
      "S3CRET&sol;key&plus;&quot;odd&quot; &amp; &equals;&lt;long&gt;&apos;",
      R"(S3CRET/key+\u0022odd\u0022 \u0026 =\u003clong\u003E\u0027)",
      R"(S3CRET\/key+\"odd\" & =<long>')",
      "S3CRET%2fkey%2B%22odd%22%20%26%20%3d%3Clong%3E%27",
      "S3CRET%2Fkey%2B%22odd%22+%26+%3D%3Clong%3E%27",
      "S3CRET/key%2B%22odd%22 %26 =<long>'",                                      // in part
      "S3CRET%252Fkey%252B%2522odd%2522%2520%2526%2520%253D%253Clong%253E%2527",  // twice
      "S3CRET/key+&amp;quot;odd&amp;quot; &amp;amp; =&amp;lt;long&amp;gt;&amp;#39;",
      R"(S3CRET/key+\\\"odd\\\" & =<long>')",  // JSON in JSON
      each([](char c) { return format_byte("%{:02x}", c); }),
      each([](char c) { return format_byte("&#{};", c); }),
      each([](char c) { return format_byte("&#X{:X};", c); }),
      each([](char c) { return format_byte("\\u{:04X}", c); }),
      each([](char c) { return format_byte("\\x{:02x}", c); }),
      each([](char c) { return format_byte("{:02x}", c); }),
      each([](char c) { return format_byte("{:02X}", c); }),
  };
  for (const std::string& echo : echoes) {
    INFO(echo);
    CHECK(key.occurs_in("x" + echo));
    CHECK(key.redacted("key [" + echo + "] is bad, [" + echo + "]") == "key [***] is bad, [***]");
    CHECK(printable(echo, key) == "***");
  }
}

TEST_CASE("a key in base64 is hidden, alone and inside what it was encoded with", "[api]") {
  const Secret key("SECRET?key>with~odd/bytes");
  // printf %s '...' | base64
  CHECK(printable("U0VDUkVUP2tleT53aXRofm9kZC9ieXRlcw==", key).find("U0VDUk") == std::string::npos);
  // user:SECRET?key>with~odd/bytes, u:..., us:... and with something behind it
  for (const std::string echo : {"dXNlcjpTRUNSRVQ/a2V5PndpdGh+b2RkL2J5dGVz",
                                 "dTpTRUNSRVQ/a2V5PndpdGh+b2RkL2J5dGVz",
                                 "dXM6U0VDUkVUP2tleT53aXRofm9kZC9ieXRlczp4eHg=",
                                 "dXNlcjpTRUNSRVQ_a2V5PndpdGh-b2RkL2J5dGVz",
                                 "dXNlcjpTRUNSRVQ%2Fa2V5PndpdGh%2Bb2RkL2J5dGVz"}) {
    INFO(echo);
    CHECK(key.occurs_in(echo));
    const std::string shown = printable("Basic " + echo + " refused", key);
    CHECK_THAT(shown, ContainsSubstring("***"));
    CHECK(shown.size() < 35);
  }
}

TEST_CASE("a text without the key stays as it is", "[api]") {
  const Secret key(kValue);
  for (const std::string text : {"",
                                 "%",
                                 "%zz &; &#; &#x; &#99999999999; \\u12 \\",
                                 "S3CRET/key+\"odd\" & =<long>",
                                 "&amp; &lt;b&gt; 100%25 a+b \\u0041",
                                 "\\ud83d\\ude00 \\ud83d"}) {
    CHECK(key.redacted(text) == text);
    CHECK_FALSE(key.occurs_in(text));
  }
  // A key that looks encoded itself.
  const Secret odd("a%41+b&amp;c\\u0041");
  CHECK(odd.redacted("x a%41+b&amp;c\\u0041 x") == "x *** x");
  CHECK(odd.redacted("x a%2541%2Bb%26amp%3Bc%5Cu0041 x") == "x *** x");
  const Secret umlaut("pa\xc3\x9fwort1");
  CHECK(umlaut.redacted("pa\\u00dfwort1 pa&#223;wort1 pa%C3%9Fwort1") == "*** *** ***");
}

TEST_CASE("what a service says moves no terminal", "[api]") {
  const std::string line = printable(
      "a\x1b[2J\xc2\x9b"
      "2J \xe2\x80\xae"
      "b",
      Secret());
  CHECK(line == "a[2J\\x9b2J \\u202eb");
}

TEST_CASE("sixteen megabytes of escapes are looked through in no time", "[api]") {
  const Secret key(kValue);
  std::string body;
  while (body.size() < (16 << 20)) {
    body += "S3CRET%2Fkey%2B%22odd%22&amp;\\u0026";
  }
  const auto start = std::chrono::steady_clock::now();
  CHECK(printable(body, key).size() <= 200);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}
