// SPDX-License-Identifier: MIT
// What an analyzer may not do: outlive ff-roofline, see keys, lose answers.
#include "roofline/support.h"

#include "flops_fit/roofline/module_file.h"

#include <chrono>
#include <fcntl.h>
#include <sys/file.h>
#include <thread>
#include <unistd.h>

using namespace ff::test;
using ff::io::Json;
namespace fs = std::filesystem;

namespace {

std::string entry_of(const std::string& cls, const std::string& formula) {
  return R"({"full_class_name": ")" + cls + R"(", "parameters": [{"name": "n", "type": "int"}],
    "formulas": {"matmul_flops": ")" +
         formula + R"(", "elementwise_flops": "0",
      "weight_bytes": "0", "read_bytes": "{n}", "write_bytes": "{n}", "saved_bytes": "0"},
    "origin": "user", "human_validated": false})";
}

void script(const fs::path& path, const std::string& body) {
  write_text(path, "#!/bin/sh\n" + body);
  fs::permissions(path, fs::perms::owner_all);
}

}  // namespace

TEST_CASE("an analyzer ends with ff-roofline, whatever signal ends that", "[roofline]") {
  const TemporaryFolder folder;
  // It ignores what can be ignored, and has started something.
  script(folder / "tool",
         "trap '' INT TERM HUP\nsleep 1000 &\necho $$ $! > pids.new\n"
         "mv pids.new pids\nsleep 1000\n");
  for (const auto& [signal, code] : {std::pair<std::string, std::string>("INT", "130"),
                                     std::pair<std::string, std::string>("TERM", "143"),
                                     std::pair<std::string, std::string>("HUP", "129"),
                                     std::pair<std::string, std::string>("KILL", "137")}) {
    INFO(signal);
    fs::remove(folder / "pids");
    // bash, as sh starts what runs in the background with SIGINT ignored.
    const Outcome outcome =
        run("bash -c 'set -m; ff-roofline modules add my.Mixer --analyzer ./tool & p=$!; "
            "for i in $(seq 500); do [ -e pids ] && break; sleep 0.02; done; kill -" +
                signal + " $p; wait $p; echo ended $?'",
            folder.path());
    CHECK_THAT(outcome.out, ContainsSubstring("ended " + code));
    REQUIRE(fs::exists(folder / "pids"));
    // Gone, or dead and not yet collected by their new parent.
    CHECK(run("for i in $(seq 100); do alive=0; for p in $(cat pids); do "
              "grep -q '^State:.[RSD]' /proc/$p/status 2>/dev/null && alive=1; done; "
              "[ $alive = 0 ] && exit 0; sleep 0.02; done; exit 1",
              folder.path())
              .exit_code == 0);
  }
  CHECK(!fs::exists(folder / "ff_modules.json"));
}

TEST_CASE("an analyzer sees no service's key, by whatever name the configuration has it",
          "[roofline]") {
  const TemporaryFolder folder;
  script(folder / "tool", "env > seen\nexit 1\n");
  fs::copy(source_dir() / "conf", folder / "conf", fs::copy_options::recursive);
  write_text(folder / "conf/presets/mine.yaml", "trainer:\n  api:\n    key_env: MY_VARIABLE\n");
  const std::string variables =
      "FLOPS_FIT_API_KEY=sk-1 CS336_API_KEY=sk-2 MY_VARIABLE=sk-3 OWN_TOKEN=sk-4 OTHER=sk-5 "
      "FLOPS_FIT_CONF=\"$PWD/conf\" ff-roofline modules add my.Mixer --analyzer ./tool";
  CHECK(run(variables, folder.path()).exit_code == 1);
  const std::string seen = read_text(folder / "seen");
  for (const char* key : {"sk-1", "sk-2", "sk-3", "sk-4"}) {
    CHECK_THAT(seen, !ContainsSubstring(key));
  }
  CHECK_THAT(seen, ContainsSubstring("OTHER=sk-5"));
  CHECK(run(variables + " 'analyzer_env=[OWN_TOKEN]'", folder.path()).exit_code == 1);
  CHECK_THAT(read_text(folder / "seen"), ContainsSubstring("OWN_TOKEN=sk-4"));
  CHECK_THAT(read_text(folder / "seen"), !ContainsSubstring("sk-1"));
}

TEST_CASE("an analyzer's good answers are kept when a later one is wrong", "[roofline]") {
  const TemporaryFolder folder;
  write_text(folder / "answer.a", entry_of("my.A", "3 * {n}"));
  write_text(folder / "answer.b", "no idea");
  script(folder / "tool",
         "case $(cat) in *'\"class\":\"my.A\"'*) cat answer.a ;; *) cat answer.b ;; esac\n");
  write_text(folder / "tree.json", R"({"model_id": "mine", "layers": [
    {"name": "a", "class": "my.A", "parameters": {"n": 5}},
    {"name": "b", "class": "my.B", "parameters": {"n": 7}}]})");
  const std::string check = "modules check tree.json --analyzer ./tool";
  check_refused(check, folder.path(), 3, "the answer of ./tool");
  const Json kept = ff::io::read_json(folder / "ff_modules.json", "")["modules"];
  CHECK(kept.contains("my_A"));
  CHECK(!kept.contains("my_B"));
  write_text(folder / "answer.b", entry_of("my.B", "{n}"));
  CHECK(run("ff-roofline " + check, folder.path()).exit_code == 0);
}

TEST_CASE("module databases lose nothing when several write at once", "[roofline]") {
  const TemporaryFolder folder;
  CHECK(run("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do "
            "ff-roofline modules stub my.Class$i --modules below/mine.json & done; wait",
            folder.path())
            .err == "");
  const Json stored = ff::io::read_json(folder / "below/mine.json", "")["modules"];
  CHECK(stored.size() == 12);
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder / "below")) {
    ++files;
  }
  CHECK(files == 1);
}

TEST_CASE("a module database that another process has locked is waited for", "[roofline]") {
  const TemporaryFolder folder;
  const std::string lock =
      "mkdir -p db; flock --no-fork db sleep 1000 & l=$!; "
      "while flock --nonblock db true; do sleep 0.02; done; ";
  const std::string stub = "ff-roofline modules stub my.Mixer --modules db/mine.json";
  const std::string wait =
      "for i in $(seq 500); do grep -q waiting said && break; sleep 0.02; done; ";
  const Outcome stopped = run(lock + "( exec " + stub + " ) 2>said & p=$!; " + wait +
                                  "kill -TERM $p; wait $p; echo ended $?; kill $l; cat said >&2",
                              folder.path());
  CHECK_THAT(stopped.out, ContainsSubstring("ended 143"));
  CHECK_THAT(stopped.err, ContainsSubstring("waiting for another process that has locked it"));
  CHECK(!fs::exists(folder / "db/mine.json"));
  const Outcome released = run(
      lock + "( exec " + stub + " ) 2>said & p=$!; " + wait + "kill $l; wait $p", folder.path());
  CHECK(released.exit_code == 0);
  CHECK(fs::exists(folder / "db/mine.json"));
}

TEST_CASE("a module database that stays locked is an error", "[roofline]") {
  const TemporaryFolder folder;
  const fs::path file = folder / "mine.json";
  const auto change = [&] {
    ff::roofline::change_user_modules(
        file, [](ff::cost::ModuleDb&) {}, std::chrono::milliseconds(100));
  };
  // A lock belongs to what was opened, so that it keeps this process out, too.
  const int holder = ::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(holder >= 0);
  REQUIRE(::flock(holder, LOCK_EX) == 0);
  CHECK_THROWS_WITH(change(), ContainsSubstring("another process keeps it locked"));
  CHECK(!fs::exists(file));
  ::close(holder);
  change();
  CHECK(fs::exists(file));
}

TEST_CASE("a module database that cannot be looked at is not an empty one", "[roofline]") {
  const TemporaryFolder folder;
  const std::string name(300, 'x');
  check_refused("modules list modules=" + name, folder.path(), 3, name);
}
