#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmark's model in plain PyTorch, as one would write it: tokens per second of training.

bench_pytorch.py WIDTH LAYERS HEADS D_FF VOCAB SEQ_LEN ROWS [SECONDS]

One thread, the default environment: what a sweep written in Python would run on one core.
Needs Debian's python3-torch (or any PyTorch).
"""
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F


class RmsNorm(nn.Module):
    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5)


class Block(nn.Module):
    def __init__(self, d, heads, d_ff):
        super().__init__()
        self.heads = heads
        self.norm = RmsNorm()
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.out = nn.Linear(d, d, bias=False)
        self.up = nn.Linear(d, d_ff, bias=False)
        self.gate = nn.Linear(d, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d, bias=False)

    def attention(self, x, cos, sin, hidden):
        rows, length, d = x.shape
        q, k, v = self.qkv(x).view(rows, length, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)

        def rotate(t):
            first, second = t.chunk(2, -1)
            return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)

        if hasattr(F, "scaled_dot_product_attention"):
            y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
        else:
            scores = rotate(q) @ rotate(k).transpose(-1, -2) / (d // self.heads) ** 0.5
            y = scores.masked_fill(hidden, float("-inf")).softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(rows, length, d))

    def forward(self, x, cos, sin, hidden):
        x = x + self.attention(self.norm(x), cos, sin, hidden)
        y = self.norm(x)
        return x + self.down(self.up(y) * F.silu(self.gate(y)))


class Gpt(nn.Module):
    def __init__(self, d, layers, heads, d_ff, vocab, length):
        super().__init__()
        self.embedding = nn.Embedding(vocab, d)
        self.blocks = nn.ModuleList(Block(d, heads, d_ff) for _ in range(layers))
        self.norm = RmsNorm()
        self.head = nn.Linear(d, vocab, bias=False)
        half = d // heads // 2
        angle = torch.outer(torch.arange(length).float(), 1e4 ** (-torch.arange(half) / half))
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())
        self.register_buffer("hidden", torch.ones(length, length, dtype=torch.bool).triu(1))

    def forward(self, ids):
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, self.cos, self.sin, self.hidden)
        return self.head(self.norm(x))


def main():
    d, layers, heads, d_ff, vocab, length, rows = map(int, sys.argv[1:8])
    seconds = float(sys.argv[8]) if len(sys.argv) > 8 else 1.0
    torch.set_num_threads(1)
    torch.manual_seed(1)
    model = Gpt(d, layers, heads, d_ff, vocab, length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    tokens = torch.randint(vocab, (rows, length + 1))

    def step(count):
        loss = F.cross_entropy(model(tokens[:count, :-1]).flatten(0, 1), tokens[:count, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step(1)
    steps, start = 0, time.process_time()
    while steps == 0 or time.process_time() - start < seconds:
        step(rows)
        steps += 1
    print(steps * rows * length / (time.process_time() - start))


if __name__ == "__main__":
    main()
