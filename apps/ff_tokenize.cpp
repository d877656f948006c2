// SPDX-License-Identifier: MIT
#include "cli.h"
#include "stages.h"

#include "flops_fit/tokenize/config.h"
#include "flops_fit/tokenize/tokenize.h"

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
                       .value_name = "JSON"}}};
  return ff::cli::run_program<ff::tokenize::TokenizerConfig>(
      argc,
      argv,
      program,
      ff::cli::all_stages(),
      [](const ff::tokenize::TokenizerConfig& config, const ff::cli::Context& context) {
        const auto summary = context.has("dataset-json")
                                 ? ff::tokenize::tokenize_json(context.extra.at("dataset-json"))
                                 : ff::tokenize::tokenize(config.dataset);
        ff::cli::print_text(ff::tokenize::describe(summary) + "\n");
        return ff::ExitCode::kOk;
      });
}
