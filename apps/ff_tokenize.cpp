// SPDX-License-Identifier: MIT
#include "cli.h"
#include "stages.h"

#include "flops_fit/tokenize/config.h"
#include "flops_fit/tokenize/tokenize.h"
#include "flops_fit/util/error.h"
#include "flops_fit/util/long_work.h"

#include <csignal>
#include <string>
#include <sys/prctl.h>
#include <unistd.h>

namespace {

/// This process ends with the one that started it, however that ends; a signal sees to it that
/// nothing half-written stays.
void end_with(const std::string& parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (std::to_string(::getppid()) != parent) {  // it ended before we asked
    throw ff::error<ff::Error>("the program that started this one (process {}) has ended.", parent);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const ff::cli::Program program{
      .name = "ff-tokenize",
      .stage = "tokenizer",
      .summary =
          "Trains a sentencepiece tokenizer on a corpus and writes the corpus as a token file; "
          "ff-train starts it by itself when the file is missing.",
      .examples = {"ff-tokenize dataset.path=my_text.txt",
                   "ff-tokenize dataset.path='corpus/*.jsonl' dataset.vocab_size=2048",
                   "ff-tokenize dataset.path=my_text.txt dataset.tokenizer=my.model"},
      .files =
          "reads  dataset.path\n"
          "writes dataset.cache_dir/<corpus>-<hash>.{tokens,model}",
      .extra_flags = {{.name = "dataset-json",
                       .doc = "The dataset keys as one JSON object, in place of all others.",
                       .hidden = true,
                       .value_name = "JSON"},
                      {.name = "started-by",
                       .doc = "The process that shows our progress, and without which we end.",
                       .hidden = true,
                       .value_name = "PID"}}};
  return ff::cli::run_program<ff::tokenize::TokenizerConfig>(
      argc,
      argv,
      program,
      ff::cli::all_stages(),
      [](const ff::tokenize::TokenizerConfig& config, const ff::cli::Context& context) {
        if (context.has("started-by")) {
          end_with(context.extra.at("started-by"));
          ff::hand_progress_to_parent();
        }
        const auto summary = context.has("dataset-json")
                                 ? ff::tokenize::tokenize_json(context.extra.at("dataset-json"))
                                 : ff::tokenize::tokenize(config.dataset);
        ff::cli::print_text(ff::tokenize::describe(summary) + "\n");
        return ff::ExitCode::kOk;
      });
}
