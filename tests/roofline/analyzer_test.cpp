// SPDX-License-Identifier: MIT
// A program that is asked for module entries: a real one, of a few lines of shell.
#include "roofline/support.h"

#include <chrono>

using namespace ff::test;
using ff::io::Json;
namespace fs = std::filesystem;

namespace {

const std::string kEntry = R"({"full_class_name": "my.Mixer",
  "parameters": [{"name": "n", "type": "int"}],
  "formulas": {"matmul_flops": "3 * {n}", "elementwise_flops": "0", "weight_bytes": "0",
               "read_bytes": "{n}", "write_bytes": "{n}", "saved_bytes": "0"},
  "origin": "user", "human_validated": true})";

/// An executable script in the folder.
void script(const fs::path& path, const std::string& body) {
  write_text(path, "#!/bin/sh\n" + body);
  fs::permissions(path, fs::perms::owner_all);
}

void answering(const TemporaryFolder& folder, const std::string& entry) {
  write_text(folder / "answer.json", entry);
  script(folder / "tool", "cat > question.json\ncat answer.json\n");
}

const std::string kAdd = "modules add my.Mixer --analyzer ./tool";

}  // namespace

TEST_CASE("an analyzer's entry is stored as its word, not as checked by a human", "[roofline]") {
  const TemporaryFolder folder;
  answering(folder, kEntry);
  write_text(folder / "tree.json", R"({"model_id": "mine", "layers": [
    {"name": "a", "class": "my.Mixer", "parameters": {"n": "{tokens}"}},
    {"name": "b", "class": "my.Mixer", "parameters": {"n": 7}}]})");
  REQUIRE(run("ff-roofline modules check tree.json --analyzer ./tool", folder.path()).exit_code ==
          0);
  const Json question = ff::io::read_json(folder / "question.json", "");
  CHECK(question["protocol"] == 1);
  CHECK(question["class"] == "my.Mixer");
  CHECK(question["instances"].size() == 2);
  CHECK(question["instances"][0] == Json{{"path", "a"}, {"parameters", {{"n", "{tokens}"}}}});
  CHECK(question["instances"][1]["parameters"]["n"] == 7);
  CHECK(question["schema"]["properties"].contains("formulas"));
  const Json stored = ff::io::read_json(folder / "ff_modules.json", "")["modules"]["my_Mixer"];
  CHECK(stored["origin"] == "external:./tool");
  CHECK(stored["human_validated"] == false);
  const Json counted =
      json_of("analyze tree.json --seq-len 10 --w-bit 16 --a-bit 16", folder.path());
  CHECK(counted["matmul"] == 3 * 10 + 3 * 7);
  CHECK(counted["unvalidated"]["flops_share"] == 1.0);
}

TEST_CASE("an answer that is not wholly right leaves the database untouched", "[roofline]") {
  const TemporaryFolder folder;
  run("ff-roofline modules stub my.Other", folder.path());
  const std::string before = read_text(folder / "ff_modules.json");
  const auto refused =
      [&](int exit_code, const std::string& expected, const std::string& flags = "") {
        check_refused(kAdd + flags, folder.path(), exit_code, expected);
        CHECK(read_text(folder / "ff_modules.json") == before);
      };
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string entry = kEntry;
    entry.replace(entry.find(from), from.size(), to);
    answering(folder, entry);
  };
  answering(folder, "I think it costs about 3n FLOPs.");
  refused(3, "not valid JSON");
  answering(folder, "");
  refused(3, "the answer of ./tool");
  answering(folder, kEntry + kEntry);
  refused(3, "the answer of ./tool");
  changed("my.Mixer", "my.Blender");
  refused(3, "is about my.Blender");
  changed("3 * {n}", "3 * {m}");
  refused(3, "{m}");
  changed("3 * {n}", "{n} - 2");
  refused(3, "less than nothing");
  changed("3 * {n}", "");
  refused(3, "is empty");
  changed("3 * {n}", "1 / ({n} - 1)");
  refused(3, "division by zero");
  changed("\"origin\"", "\"orign\"");
  refused(3, "orig");
  script(folder / "tool", "cat answer.json; exit 7\n");
  refused(1, "exit code 7");
  script(folder / "tool", "yes | head -c 3000000\n");
  refused(1, "more than 1 MiB");
  script(folder / "tool", "kill -9 $$\n");
  refused(1, "137");
  fs::remove(folder / "tool");
  refused(1, "cannot start ./tool");
}

TEST_CASE("an analyzer that does not answer is stopped, with what it has started", "[roofline]") {
  const TemporaryFolder folder;
  const auto begin = std::chrono::steady_clock::now();
  script(folder / "tool", "sleep 1000 & echo $! > pid\nsleep 1000\n");
  check_refused(kAdd + " --analyzer-timeout-s 0.5", folder.path(), 1, "within 0.5 s");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  // Gone, or dead and not yet collected by its new parent.
  CHECK(run("grep -q '^State:.[RSD]' /proc/$(cat pid)/status", folder.path()).exit_code != 0);
  CHECK(!fs::exists(folder / "ff_modules.json"));
}

TEST_CASE("an analyzer's command line is no shell's", "[roofline]") {
  const TemporaryFolder folder;
  answering(folder, kEntry);
  check_refused("modules add my.Mixer --analyzer './tool; touch broken'",
                folder.path(),
                1,
                "cannot start ./tool; touch broken");
  CHECK(!fs::exists(folder / "broken"));
  CHECK(run("ff-roofline modules add my.Mixer 'analyzer=[/bin/sh,./tool]'", folder.path())
            .exit_code == 0);
}
