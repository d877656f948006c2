// SPDX-License-Identifier: MIT
// bootstrap.sh with an apt-get and a dpkg-query that only pretend, and flops-fit.sh by other names.
#include "support/catch.h"
#include "support/process.h"

#include <string>

using ff::test::run;
using ff::test::shell_quoted;
using ff::test::TemporaryFolder;
using ff::test::write_text;
namespace fs = std::filesystem;

namespace {

/// All that is needed, in the flavours that bootstrap.sh would install.
const std::string kInstalled =
    "g++ cmake ninja-build ccache pkg-config libtorch-dev libopenblas0-openmp libcli11-dev "
    "libyaml-cpp-dev nlohmann-json3-dev libfmt-dev libspdlog-dev libceres-dev "
    "libsentencepiece-dev catch2 libcpp-httplib-dev libssl-dev openssl ";

/// A machine with some packages, on the PATH. Calls of apt-get are kept in `calls`.
struct Machine {
  TemporaryFolder folder;

  void program(const std::string& name, const std::string& body) const {
    write_text(folder / ("bin/" + name), "#!/bin/sh\n" + body);
    fs::permissions(folder / ("bin/" + name), fs::perms::owner_all);
  }
  /// `plan`: what a simulated installation prints.
  Machine(const std::string& installed, const std::string& plan, int simulate_code = 0) {
    program("dpkg-query",
            "for p in " + installed +
                "; do echo \"installed $p \"; done\n"
                "echo 'installed pkgconf pkg-config (= 1.8.1-1), pkg-config-bin'\n"
                "echo 'config-files gnuplot-qt gnuplot, gnuplot-nox'\n");
    write_text(folder / "plan", plan);
    program("apt-get",
            "echo \"$*\" >> " + shell_quoted(folder / "calls") + "\ncase $* in *--simulate*) cat " +
                shell_quoted(folder / "plan") + "; exit " + std::to_string(simulate_code) +
                " ;; *install*) echo Setting up; ls \"$TMPDIR\" > " +
                shell_quoted(folder / "logs") + " ;; esac\n");
    program("id", "echo 0\n");
    fs::create_directories(folder / "tmp");
  }
  ff::test::Outcome bootstrap() const {
    return run("PATH=\"$PWD/bin:$PATH\" TMPDIR=\"$PWD/tmp\" " +
                   shell_quoted(ff::test::source_dir() / "scripts/bootstrap.sh"),
               folder.path());
  }
  std::string calls() const { return ff::test::read_text(folder / "calls"); }
};

}  // namespace

TEST_CASE("bootstrap.sh takes the flavours of a package that are there", "[apps]") {
  for (const std::string flavours : {"gnuplot-qt libcurl4-gnutls-dev",
                                     "gnuplot-x11 libcurl4-nss-dev",
                                     "gnuplot-nox libcurl4-openssl-dev"}) {
    const Machine machine(kInstalled + flavours, "");
    const auto outcome = machine.bootstrap();
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.err == "bootstrap: all packages are installed\n");
    CHECK(machine.calls() == "");
  }
}

TEST_CASE("bootstrap.sh installs what is missing, and only that, and removes nothing", "[apps]") {
  const Machine machine(kInstalled + "gnuplot-qt", "Inst libcurl4-openssl-dev (7.88)\n");
  const auto outcome = machine.bootstrap();
  INFO(outcome.err << machine.calls());
  CHECK(outcome.exit_code == 0);
  CHECK_THAT(outcome.err, ContainsSubstring("installing libcurl4-openssl-dev\n"));
  CHECK_THAT(outcome.err, ContainsSubstring("log, as it goes: "));
  CHECK_THAT(outcome.err, ContainsSubstring(ff::test::read_text(machine.folder / "logs")));
  CHECK_THAT(machine.calls(), ContainsSubstring("--no-remove"));
  CHECK_THAT(machine.calls(), !ContainsSubstring("gnuplot"));
  CHECK(fs::is_empty(machine.folder / "tmp"));
}

TEST_CASE("bootstrap.sh stops where apt-get would remove something, and says what", "[apps]") {
  // Not installed, only its settings are left: so gnuplot is missing.
  const Machine machine(kInstalled + "libcurl4-openssl-dev",
                        "The following packages will be REMOVED:\n"
                        "Remv my-plotter [1.0] [other:amd64 ]\nRemv libodd:i386 [2.0]\n"
                        "Inst gnuplot-nox (5.4)\n");
  const auto outcome = machine.bootstrap();
  INFO(outcome.err << machine.calls());
  CHECK(outcome.exit_code == 1);
  CHECK_THAT(outcome.err, ContainsSubstring("my-plotter libodd:i386"));
  CHECK_THAT(outcome.err, ContainsSubstring("nothing was changed"));
  CHECK_THAT(outcome.err, ContainsSubstring("apt-get install gnuplot-nox"));
  CHECK_THAT(machine.calls(), !ContainsSubstring("--no-remove"));
}

TEST_CASE("bootstrap.sh shows what apt-get says where it finds no way", "[apps]") {
  const Machine machine(kInstalled + "gnuplot-nox", "E: Unable to correct problems\n", 100);
  const auto outcome = machine.bootstrap();
  CHECK(outcome.exit_code == 1);
  CHECK_THAT(outcome.err, ContainsSubstring("E: Unable to correct problems"));
  CHECK_THAT(outcome.err, ContainsSubstring("cannot install: libcurl4-openssl-dev"));
}

TEST_CASE("flops-fit.sh finds its checkout through symbolic links and odd paths", "[apps]") {
  const TemporaryFolder folder;
  const fs::path root = folder / "a b/it's here";
  fs::create_directories(root / "scripts");
  fs::copy(ff::test::source_dir() / "flops-fit.sh", root / "flops-fit.sh");
  write_text(root / "build/release/bin/ff-plan", "#!/bin/sh\necho \"$0\" \"$@\"\n");
  fs::permissions(root / "build/release/bin/ff-plan", fs::perms::owner_all);
  fs::create_directories(folder / "bin/more links");
  fs::create_symlink(root / "flops-fit.sh", folder / "bin/direct");
  fs::create_symlink("../direct", folder / "bin/more links/relative");
  fs::create_symlink("bin/more links/relative", folder / "flops-fit");
  const std::string expected = (root / "build/release/bin/ff-plan").string() + " a b  c\n";
  for (const std::string call : {"bin/direct",
                                 "'bin/more links/relative'",
                                 "./flops-fit",
                                 "sh flops-fit",
                                 "PATH=\"$PWD/bin:$PATH\" direct",
                                 "'a b/it'\"'\"'s here/flops-fit.sh'"}) {
    INFO(call);
    const auto outcome = run("unset FLOPS_FIT_PRESET; " + call + " plan 'a b ' c", folder.path());
    INFO(outcome.err);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out == expected);
  }
}
