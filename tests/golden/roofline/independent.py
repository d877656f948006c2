#!/usr/bin/env python3
"""Counts of models that checks.json does not have (chunks, experts, mixed batches), written down a second
time: position by position, layer by layer, in exact fractions. Prints independent.json:
    python3 independent.py > independent.json"""
import json
import pathlib
from fractions import Fraction

CONFIGS = pathlib.Path(__file__).parent / "configs"
BYTES = 2  # all of these are of 16 bits
CASES = [
    ("llama4-scout-17b-16e", [8000, 20000], [500, 7]),
    ("llama4-maverick-17b-128e", [0], [9000]),
    ("llama4-maverick-17b-128e", [5, 6], [3, 30]),
    ("llama31-405b", [0, 100], [5, 6]),
]


def count(name, cached, new, mask, logits):
    whole = json.loads((CONFIGS / f"{name}.json").read_text())
    c = whole.get("text_config", whole)
    d, heads, groups = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
    head = c.get("head_dim") or d // heads
    layers, vocab = c["num_hidden_layers"], c["vocab_size"]
    experts, chosen = c.get("num_local_experts", 0), c.get("num_experts_per_tok", 0)
    chunk = c.get("attention_chunk_size")
    tokens = sum(new)
    sums = dict.fromkeys(("matmul", "elementwise", "weight_bytes", "read_bytes", "write_bytes"), 0)

    def op(matmul, elementwise, weights, read, written):
        for key, value in zip(sums, (matmul, elementwise, weights * BYTES, read, written * BYTES)):
            sums[key] += value

    def linear(rows, fan_in, fan_out, copies=1):
        op(2 * rows * fan_in * fan_out, 0, copies * fan_in * fan_out, rows * fan_in * BYTES, rows * fan_out)

    def norm(rows):
        op(0, (4 * d + 2) * rows, d, rows * d * BYTES, rows * d)

    def elementwise(flops, inputs, outputs):
        op(0, flops, 0, inputs * BYTES, outputs)

    def swiglu(rows, width, copies=1):
        linear(rows, d, width, copies)
        linear(rows, d, width, copies)
        elementwise(5 * rows * width, 2 * rows * width, rows * width)
        linear(rows, width, d, copies)

    op(0, 0, 0, tokens * (d * BYTES + 4), tokens * d)
    for layer in range(layers):
        rotary = c.get("no_rope_layers", [1] * layers)[layer]
        norm(tokens)
        for width in (heads, groups, groups):
            linear(tokens, d, width * head)
        turned = tokens * (heads + groups)
        if rotary:
            elementwise(3 * turned * head, turned * head, turned * head)
        if rotary and c.get("use_qk_norm"):
            elementwise((3 * head + 2) * turned, turned * head, turned * head)
        for before, q in zip(cached, new):
            chunked = mask == "causal" and chunk and rotary
            first = before // chunk * chunk if chunked else 0
            if mask == "full":
                pairs = q * (before + q)
            else:
                pairs = sum((p % chunk if chunked else p) + 1 for p in range(before, before + q))
            keys = before + q - first
            op(4 * pairs * heads * head, 5 * pairs * heads, 0,
               (q * heads + 2 * keys * groups) * head * BYTES, q * heads * head)
        linear(tokens, heads * head, d)
        elementwise(tokens * d, 2 * tokens * d, tokens * d)
        norm(tokens)
        if layer in c.get("moe_layers", []):
            linear(tokens, d, experts)
            touched = experts * (1 - (1 - Fraction(chosen, experts)) ** tokens) if tokens <= 4096 else experts
            swiglu(tokens * chosen, c["intermediate_size"], touched)
            swiglu(tokens, c["intermediate_size"])
            elementwise(tokens * d, 2 * tokens * d, tokens * d)
        else:
            swiglu(tokens, c.get("intermediate_size_mlp", c["intermediate_size"]))
        elementwise(tokens * d, 2 * tokens * d, tokens * d)
    norm(tokens)
    linear(tokens if logits == "all" else len(new), d, vocab)
    return {key: round(value) for key, value in sums.items()}


if __name__ == "__main__":
    out = []
    for name, cached, new in CASES:
        for mask, logits in (("causal", "last"), ("full", "all")):
            out.append({"config": name, "cached": cached, "input": new, "mask": mask, "logits": logits,
                        **count(name, cached, new, mask, logits)})
    print(json.dumps(out, indent=1))
