// SPDX-License-Identifier: MIT
// G1 and G2: every operation, and every scalar factor, against the authors' library.
#include "model/golden.h"
#include "support/catch.h"

#include <functional>

using namespace ff::test;
using ff::io::Json;
using ff::model::LinearScale;
using torch::Tensor;

namespace {

using Inputs = std::map<std::string, Tensor>;

/// Compares an operation's output and all its gradients with one golden case. `grads` may hold a
/// factor on all expected gradients and outputs.
void compare(const Json& one,
             torch::Dtype dtype,
             const std::function<Tensor(const Inputs&)>& operation,
             double loss_factor = 1.0) {
  INFO(one.at("name") << " in " << (dtype == torch::kFloat64 ? "float64" : "float32"));
  Inputs inputs;
  for (const auto& [name, json] : one.at("inputs").items()) {
    const bool integer = json.value("dtype", "") == "int64";
    inputs[name] = tensor_of(json, integer ? torch::kInt64 : dtype);
    inputs[name].set_requires_grad(!integer);
  }
  const Tensor y = operation(inputs);
  const Tensor expected = tensor_of(one.at("outputs").at("y"), dtype) * loss_factor;
  CHECK(excess(y, expected) <= 0);
  y.backward(tensor_of(one.at("upstream_grads").at("y"), dtype).reshape(y.sizes()));
  for (const auto& [name, json] : one.at("grads").items()) {
    INFO("gradient of " << name);
    CHECK(excess(inputs.at(name).grad(), tensor_of(json, dtype)) <= 0);
  }
}

Tensor rows(const Tensor& x) {
  return x.reshape({-1, x.size(-1)});
}

/// A table whose `up` and `output` have the shape of the golden linears, 7 x 5.
ff::model::Parametrization small_table(bool to_output_scale) {
  return ff::model::make_parametrization(
      {.d_model = 5, .num_layers = 1, .num_heads = 1, .d_ff = 7, .vocab_size = 7, .seq_len = 3},
      {.norm_gain = true, .mlp_to_output_scale = to_output_scale});
}

const std::vector<torch::Dtype> kDtypes = {torch::kFloat64, torch::kFloat32};

}  // namespace

TEST_CASE("G1 linear layers agree with the reference library", "[golden]") {
  for (const Json& one : read_golden("linear.json", "cases")) {
    const std::string name = one.at("name");
    const auto table = small_table(name == "hidden_to_output_scale");
    const LinearScale scale =
        ff::model::scale_for(table.tensor(name == "readout" ? "output" : "layers.0.up"), 6);
    CHECK(scale.forward == Approx(one.at("scales").at("fwd").get<double>()).epsilon(1e-12));
    CHECK(scale.grad_input == Approx(one.at("scales").at("bwd_x").get<double>()).epsilon(1e-12));
    CHECK(scale.grad_weight == Approx(one.at("scales").at("bwd_w").get<double>()).epsilon(1e-12));
    for (const torch::Dtype dtype : kDtypes) {
      compare(one, dtype, [&](const Inputs& in) {
        return ff::model::linear(rows(in.at("x")), in.at("w"), scale);
      });
    }
  }
}

TEST_CASE("G1 the embedding agrees with the reference library", "[golden]") {
  const auto table = ff::model::make_parametrization(
      {.d_model = 4, .num_layers = 1, .num_heads = 1, .d_ff = 8, .vocab_size = 11, .seq_len = 3},
      {});
  const LinearScale scale = ff::model::scale_for(table.tensor("embedding"), 6);
  for (const Json& one : read_golden("embedding.json", "cases")) {
    CHECK(scale.grad_weight == Approx(one.at("scales").at("bwd_w").get<double>()).epsilon(1e-12));
    for (const torch::Dtype dtype : kDtypes) {
      compare(one, dtype, [&](const Inputs& in) {
        return ff::model::embedding(in.at("ids").reshape({-1}), in.at("w"), scale);
      });
    }
  }
}

TEST_CASE("G1 RMSNorm agrees with the reference library", "[golden]") {
  for (const Json& one : read_golden("rms_norm.json", "cases")) {
    for (const torch::Dtype dtype : kDtypes) {
      compare(one, dtype, [&](const Inputs& in) {
        const Tensor y = ff::model::rms_norm(rows(in.at("x")), one.at("eps").get<double>());
        if (in.count("gain") == 0) {
          return y;
        }
        const LinearScale scale =
            ff::model::scale_for(small_table(false).tensor("layers.0.attn_norm"), 6);
        return ff::model::apply_gain(y, in.at("gain"), scale.grad_weight);
      });
    }
  }
}

TEST_CASE("G1 SwiGLU agrees with the reference library", "[golden]") {
  for (const Json& one : read_golden("silu_glu.json", "cases")) {
    const double alpha = one.at("mult");
    for (const torch::Dtype dtype : kDtypes) {
      compare(one, dtype, [&](const Inputs& in) {
        return ff::model::swiglu(
            in.at("up"), in.at("gate"), alpha, ff::model::unit_glu_scale(alpha));
      });
    }
  }
}

TEST_CASE("G1 attention agrees with the reference library", "[golden]") {
  for (const Json& one : read_golden("attention.json", "cases")) {
    const double alpha = one.at("mult");
    const bool causal = one.at("causal");
    const auto sizes = one.at("inputs").at("q").at("shape").get<std::vector<int64_t>>();
    const int64_t batch = sizes[0], heads = sizes[1], seq_len = sizes[2], head = sizes[3];
    const double scale = ff::model::unit_attention_scale(seq_len, head, alpha, causal);
    for (const torch::Dtype dtype : kDtypes) {
      compare(one, dtype, [&](const Inputs& in) {
        // [B, H, T, d_h] -> our rows [B T, 3 d]
        const auto part = [&](const char* name) {
          return in.at(name).permute({0, 2, 1, 3}).reshape({batch * seq_len, heads * head});
        };
        auto rotary =
            ff::model::rotary_tables(seq_len, head, 10000.0, torch::TensorOptions().dtype(dtype));
        rotary.cos.fill_(1.0);  // the golden operation has no positions
        rotary.sin.zero_();
        return ff::model::attention(torch::cat({part("q"), part("k"), part("v")}, 1),
                                    rotary,
                                    {.batch = batch,
                                     .seq_len = seq_len,
                                     .num_heads = heads,
                                     .logit_scale = alpha / static_cast<double>(head),
                                     .output_scale = scale,
                                     .grad_scale = scale,
                                     .causal = causal})
            .view({batch, seq_len, heads, head})
            .permute({0, 2, 1, 3});
      });
    }
  }
}

TEST_CASE("G1 the residual agrees with the reference library", "[golden]") {
  for (const Json& one : read_golden("residual.json", "cases")) {
    const double tau = one.at("tau");
    const double branch = tau / std::sqrt(1.0 + tau * tau);
    const ff::model::ResidualScale scale{
        .branch = branch, .skip = 1.0 / std::sqrt(1.0 + tau * tau), .grad_at_split = branch};
    for (const torch::Dtype dtype : kDtypes) {
      compare(one, dtype, [&](const Inputs& in) {
        const auto streams = ff::model::residual_split(in.at("x"), scale);
        const Tensor f = torch::tanh(torch::mm(streams.branch, in.at("w")));
        return ff::model::residual_add(f, streams.skip, scale);
      });
    }
  }
}

TEST_CASE("G1 cross-entropy agrees with the reference library", "[golden]") {
  for (const Json& one : read_golden("cross_entropy.json", "cases")) {
    const Tensor targets = tensor_of(one.at("inputs").at("target"), torch::kInt64);
    const Tensor ours = targets.masked_fill(targets < 0, -1);
    // The library divides by all rows, ours by those that are scored (umup.md 1.4).
    const double factor =
        static_cast<double>(ours.numel()) / static_cast<double>(ours.ge(0).sum().item<int64_t>());
    const double grad = ff::model::unit_loss_grad(7);
    if (one.contains("scales")) {
      CHECK(grad == Approx(one.at("scales").at("bwd").get<double>()).epsilon(1e-12));
    }
    for (const torch::Dtype dtype : kDtypes) {
      compare(
          one,
          dtype,
          [&](const Inputs& in) {
            return ff::model::cross_entropy(
                in.at("logits"),
                ours,
                {.logits = one.at("mult").get<double>(), .grad = grad, .mean = false});
          },
          factor);
    }
  }
}

TEST_CASE("G2 scale factors equal the reference library's tables", "[golden]") {
  const Json golden = read_golden("scalars.json");
  for (const Json& one : golden.at("silu_glu_scale")) {
    CHECK(ff::model::unit_glu_scale(one.at("mult")) ==
          Approx(one.at("scale").get<double>()).epsilon(1e-12));
  }
  for (const Json& one : golden.at("attention_scale")) {
    INFO(one.dump());
    CHECK(ff::model::unit_attention_scale(
              one.at("seq_len"), one.at("d_head"), one.at("mult"), one.at("causal")) ==
          Approx(one.at("scale").get<double>()).epsilon(1e-12));
  }
  for (const Json& one : golden.at("cross_entropy_bwd")) {
    CHECK(ff::model::unit_loss_grad(one.at("vocab")) ==
          Approx(one.at("scale").get<double>()).epsilon(1e-12));
  }
  for (const Json& one : golden.at("residual_tau")) {
    const auto scales = ff::model::unit_residuals(
        one.at("n_layers"), one.at("residual_mult"), one.at("residual_attn_ratio"));
    REQUIRE(scales.size() == one.at("a").size());
    for (size_t i = 0; i < scales.size(); ++i) {
      INFO(one.at("n_layers") << " layers, branch " << i);
      CHECK(scales[i].branch == Approx(one.at("a").at(i).get<double>()).epsilon(1e-12));
      CHECK(scales[i].skip == Approx(one.at("b").at(i).get<double>()).epsilon(1e-12));
      CHECK(scales[i].branch / scales[i].skip ==
            Approx(one.at("taus").at(i).get<double>()).epsilon(1e-12));
    }
  }
}
