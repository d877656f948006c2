// SPDX-License-Identifier: MIT
#pragma once
// The one table of multipliers that makes a model: for every weight its initial scale, forward and
// gradient multipliers, Adam learning-rate factor; for the rest of the network the attention,
// SwiGLU, residual and loss scales. The model, the optimizer and the tests read this table; nothing
// else knows what "u-mup" means. No LibTorch here.
//
// u-mup:      Blake et al. 2024 (arXiv 2407.17465) as the authors' library implements it.
// mup:        Yang et al. 2022 (arXiv 2203.03466), Table 8 for Adam: sp, with width factors.
// sp:         the standard parametrization (GPT-2-like), the control that does not transfer.
// mup-legacy: what the Python tool of this name calls u-mup; it does not transfer either.
#include "flops_fit/cost/transformer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ff::model {

/// The hyper-parameters of u-muP beyond the learning rate; 1 is the unit-scaled default.
struct Alphas {
  double res = 1.0;             ///< total branch variance against the embedding's
  double res_attn_ratio = 1.0;  ///< attention branches against MLP branches
  double attn_softmax = 1.0;    ///< multiplies the attention logits
  double ffn_act = 1.0;         ///< sharpness of the SwiGLU's gate
  double loss_softmax = 1.0;    ///< multiplies the final logits
};

/// Extra learning-rate factors per tensor type, on top of the parametrization's.
struct LrMultipliers {
  double embedding = 1.0;
  double hidden = 1.0;
  double norm = 1.0;
  double output = 1.0;
};

enum class TensorType { kEmbedding, kHidden, kNorm, kOutput };
[[nodiscard]] const char* to_string(TensorType type);

/// One weight. Shapes are {fan_out, fan_in}; {vocab, d_model} for the embedding, {d_model} for a
/// norm's gain.
struct TensorRule {
  std::string name;  ///< "embedding", "layers.0.qkv", ..., "output"
  TensorType type = TensorType::kHidden;
  std::vector<int64_t> shape;
  double init_std = 1.0;     ///< of a normal distribution around 0; a gain starts at 1 instead
  double forward = 1.0;      ///< y = forward * x W^T
  double grad_input = 1.0;   ///< multiplies the gradient passed to x, in place of `forward`
  double grad_weight = 1.0;  ///< multiplies the gradient of W, in place of `forward`
  bool grad_weight_per_sqrt_rows = false;  ///< and is divided by sqrt(rows of the batch)
  double lr = 1.0;                         ///< Adam's learning rate is eta * lr
  double weight_decay = 1.0;               ///< factor on the weight decay of a step

  [[nodiscard]] int64_t numel() const;
};

/// Forward and gradient multipliers of one weight, for a batch of a given number of rows.
struct LinearScale {
  double forward = 1.0;
  double grad_input = 1.0;
  double grad_weight = 1.0;
};
[[nodiscard]] LinearScale scale_for(const TensorRule& rule, int64_t rows);

/// One residual addition: x_out = branch * f(x) + skip * x. The skip's gradient is multiplied by
/// `skip`; the branch's where it meets the skip's again, in front of f (`grad_at_split`), or behind
/// it (`grad_at_add`), which also scales the gradients of the weights in f.
struct ResidualScale {
  double branch = 1.0;
  double skip = 1.0;
  double grad_at_split = 1.0;
  double grad_at_add = 1.0;
};

struct Parametrization {
  std::string name;
  cost::Architecture architecture;
  /// embedding; per layer [attn_norm] qkv attn_out [mlp_norm] up gate down; [final_norm] output.
  /// The norms are there if has_gains().
  std::vector<TensorRule> tensors;
  double norm_eps = 1e-5;         ///< of RMSNorm, inside the root
  double attention_logits = 1.0;  ///< multiplies q.k
  double attention_output = 1.0;  ///< after the softmax-weighted sum; frozen at the training length
  double attention_grad = 1.0;    ///< multiplies the gradients of q, k and v, in place of the above
  double glu_alpha = 1.0;         ///< gate * sigmoid(glu_alpha * gate)
  double glu_scale = 1.0;         ///< of the SwiGLU's product and of its gradients
  std::vector<ResidualScale> residuals;  ///< attention 0, MLP 0, attention 1, ...
  double loss_logits = 1.0;              ///< multiplies the logits inside the loss
  double loss_grad = 1.0;                ///< multiplies (softmax - onehot) of each scored row ...
  bool loss_grad_mean = true;            ///< ... divided by the number of scored rows
  /// The decay of a step is the configured one times the learning rate, as in Adam with decoupled
  /// decay; false: independent of it (u-muP).
  bool decay_times_lr = false;

  [[nodiscard]] const TensorRule& tensor(std::string_view tensor_name) const;
  /// Share of the weights that a step at the peak learning rate removes, before each tensor's own
  /// factor (TensorRule::weight_decay) and the schedule's.
  [[nodiscard]] double decay_per_step(double weight_decay, double peak_learning_rate) const {
    return weight_decay * (decay_times_lr ? peak_learning_rate : 1.0);
  }
  [[nodiscard]] bool has_gains() const;
  [[nodiscard]] int64_t num_parameters() const;
};

/// What the configuration says about the parametrization.
struct ParametrizationOptions {
  std::string name = "u-mup";
  Alphas alphas;
  LrMultipliers lr;
  std::optional<bool> norm_gain;  ///< none: as the parametrization has it
  bool mlp_to_output_scale =
      false;                ///< u-mup: scale the MLP's input gradients by fan_in, not fan_out
  int64_t base_width = 32;  ///< mup, mup-legacy: the width at which they scale nothing
  std::optional<double> base_std;  ///< mup, mup-legacy: initial scale
  int64_t base_width_wd = 1024;    ///< mup-legacy: the width at which hidden decay is as given
};

/// Throws ConfigError for an unknown name, listing the known ones, and for an option that the
/// parametrization does not have.
[[nodiscard]] Parametrization make_parametrization(const cost::Architecture& arch,
                                                   const ParametrizationOptions& options);

/// One line of the registry.
struct ParametrizationEntry {
  const char* name;
  const char* help;
  Parametrization (*make)(const cost::Architecture&, const ParametrizationOptions&);
  double usual_lr;  ///< the size of learning rate it is used with, for checks of a few steps
};
[[nodiscard]] const std::vector<ParametrizationEntry>& parametrizations();
/// Throws ConfigError for an unknown name, listing the known ones.
[[nodiscard]] const ParametrizationEntry& find_parametrization(const std::string& name);

// The scale factors of u-muP, exposed for the tests (formulas in src/model/param/u_mup.cpp).
[[nodiscard]] double unit_attention_scale(int64_t seq_len,
                                          int64_t head_size,
                                          double alpha,
                                          bool causal = true);
[[nodiscard]] double unit_glu_scale(double alpha);
[[nodiscard]] double unit_loss_grad(int64_t vocab_size);
[[nodiscard]] std::vector<ResidualScale> unit_residuals(int64_t num_layers,
                                                        double alpha_res,
                                                        double alpha_res_attn_ratio);

}  // namespace ff::model
