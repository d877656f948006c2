// SPDX-License-Identifier: MIT
// What the Python tool of this name calls u-mup, kept as it is so that its results can be compared
// with. It is not u-muP, and its learning rate does not transfer: hidden weights start about 50
// times too small, learning rates fall with 1/fan_in without a depth factor, and the head lacks its
// width factor (the best learning rate falls by 0.8 octaves per doubling of the width).
#include "param.h"

#include "flops_fit/model/parametrization.h"

#include <cmath>

namespace ff::model {

Parametrization make_mup_legacy(const cost::Architecture& arch,
                                const ParametrizationOptions& options) {
  Parametrization p = plain("mup-legacy", arch, options);
  const double base_std = options.base_std.value_or(0.02);
  const auto base_width = static_cast<double>(options.base_width);
  for (TensorRule& rule : p.tensors) {
    switch (rule.type) {
      case TensorType::kEmbedding:
        rule.init_std = base_std;
        rule.lr = 0.1;
        rule.weight_decay = 0.0;
        break;
      case TensorType::kHidden: {
        const auto fan_in = static_cast<double>(rule.shape[1]);
        rule.init_std = base_std / std::sqrt(fan_in);
        rule.lr = base_width / fan_in;
        // Decay grows as fan_in / base_width_wd, so that times the learning rate fan_in cancels.
        rule.weight_decay = base_width / static_cast<double>(options.base_width_wd);
        break;
      }
      case TensorType::kNorm:
        rule.lr = 0.1;
        rule.weight_decay = 0.0;
        break;
      case TensorType::kOutput:
        rule.init_std = 0.0;
        break;
    }
  }
  p.norm_eps = 1e-6;
  p.attention_logits =
      options.alphas.attn_softmax / std::sqrt(static_cast<double>(arch.head_size()));
  return p;
}

}  // namespace ff::model
