// SPDX-License-Identifier: MIT
// `ulimit -u`: a sweep goes on with the processes and threads that it gets.
#include "support/few_processes.h"

#include "small_sweep.h"
#include "support/catch.h"
#include "support/process.h"
#include "support/sanitizer.h"

#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <unistd.h>

using ff::test::kNotPossible;
using ff::test::kTrain;
using ff::test::losses;
using ff::test::plan;
using ff::test::run;
using ff::test::TemporaryFolder;

namespace {

/// The exit code of ff-train in `folder` as a user with room for `more` processes and threads
/// besides ff-train itself; its output goes to <folder>/log.
int train_with(rlim_t more, const TemporaryFolder& folder) {
  const std::string program = (ff::test::bin_dir() / "ff-train").string();
  const std::string log = folder / "log";
  // One process, then threads for one core at most by the sum of both: two workers' cores go to
  // one.
  return ff::test::with_few_processes(
      more,
      [&] {
        if (::access(program.c_str(), X_OK) != 0 || ::chdir(folder.path().c_str()) != 0) {
          return kNotPossible;
        }
        ::setenv("OPENBLAS_NUM_THREADS", "1", 1);  // else OpenBLAS makes threads before main()
        const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
        ::dup2(fd, STDOUT_FILENO);
        ::dup2(fd, STDERR_FILENO);
        ::execl(program.c_str(),
                "ff-train",
                "evaluation.tokens=4000",
                "hardware.num_threads=4",
                "hardware.pin_workers=false",
                "engine=fused",
                nullptr);
        return ff::test::kThrew;
      },
      120);
}

}  // namespace

TEST_CASE("a worker that gets no further threads trains to the same loss", "[e2e]") {
  if (ff::test::kSanitizer) {
    WARN("skipped: sanitizers have threads of their own");
    return;
  }
  const TemporaryFolder folder;
  REQUIRE(run(plan("[1e9]", "[[16]]"), folder.path()).exit_code == 0);
  REQUIRE(run(kTrain + "engine=fused", folder.path()).exit_code == 0);
  const auto truth = losses(folder / "outputs/results.json");
  for (const rlim_t more : {1, 2}) {
    std::filesystem::remove_all(folder / "outputs/runs");
    std::filesystem::remove(folder / "outputs/results.json");
    REQUIRE(run("chmod -R a+rwX .", folder.path()).exit_code == 0);
    const int code = train_with(more, folder);
    if (code == kNotPossible) {
      WARN("skipped: this system does not let a test limit its processes");
      return;
    }
    INFO(ff::test::read_text(folder / "log"));
    CHECK(code == 0);
    CHECK(losses(folder / "outputs/results.json") == truth);
  }
}
