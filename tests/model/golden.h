// SPDX-License-Identifier: MIT
#pragma once
// Vectors that the u-muP authors' library wrote (tests/golden/umup), and comparing with them.
#include "support/files.h"

#include "flops_fit/io/json.h"
#include "flops_fit/model/gpt.h"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace ff::test {

using Mutation = std::function<void(model::Parametrization&)>;
inline const Mutation kAsItIs = [](model::Parametrization&) {};

/// A file of tests/golden/umup, or one list in it, which must not be empty. (By value: a range-for
/// over a part of a temporary would run over freed memory.)
[[nodiscard]] io::Json read_golden(const std::string& file);
[[nodiscard]] io::Json read_golden(const std::string& file, const std::string& list);
/// The cases of a decoder file.
[[nodiscard]] io::Json decoder_cases(const std::filesystem::path& path);
/// The decoder_*.json of tests/golden/umup, or of $FLOPS_FIT_GOLDEN if that is set.
[[nodiscard]] std::vector<std::filesystem::path> decoder_files();

[[nodiscard]] torch::Tensor tensor_of(const io::Json& json, torch::Dtype dtype = torch::kFloat64);

/// How far x is beyond the tolerance of its dtype; at most 0 when it agrees. float64: element by
/// element 1e-9 + 1e-8 |ref|; float32: 2e-5 max|ref| + 1e-6 (the vectors' own README).
[[nodiscard]] double excess(const torch::Tensor& x, const torch::Tensor& ref);

/// The golden file's name of one of our tensors.
[[nodiscard]] std::string golden_name(const std::string& tensor);

/// The model of one decoder case, with its weights, after `mutate` has changed its table.
[[nodiscard]] model::Parametrization golden_table(const io::Json& decoder);
[[nodiscard]] model::Gpt golden_model(const io::Json& decoder,
                                      const Mutation& mutate,
                                      torch::Dtype dtype = torch::kFloat64);

/// The tokens of one decoder case, and their targets: the last position has none.
struct GoldenBatch {
  torch::Tensor ids;
  torch::Tensor targets;
};
[[nodiscard]] GoldenBatch golden_batch(const io::Json& decoder);

}  // namespace ff::test
