#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ff-bench-fits times, done with scipy on one thread, for comparison:

    scripts/bench_scipy.py [STARTS] [REPLICATES]     (default 45 and 40; times are scaled to 4500 and 4000)

Huber's objective in ln L with its analytic gradient, BFGS with tight tolerances, on 240 runs of the
Chinchilla surface with 1% of noise. Needs python3-scipy; no part of flops-fit does.
"""
import sys
import time

import numpy as np
from scipy.optimize import minimize

DELTA = 1e-3
E, A, B, ALPHA, BETA = 1.69, 406.4, 410.7, 0.34, 0.28


def runs():
    random = np.random.default_rng(1)
    n, d = [], []
    a = BETA / (ALPHA + BETA)
    g = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA))
    for c in np.logspace(18, 22, 12):
        sizes = g * (c / 6) ** a * 8.0 ** np.linspace(-1, 1, 20)
        n.extend(sizes)
        d.extend(c / 6 / sizes)
    n, d = np.array(n), np.array(d)
    loss = (E + A / n**ALPHA + B / d**BETA) * np.exp(random.normal(0, 0.01, len(n)))
    x, y = np.log(n), np.log(d)
    return x - x.mean(), y - y.mean(), np.log(loss)


def objective(theta, x, y, log_loss):
    u = np.exp(theta[0] - theta[3] * x)
    v = np.exp(theta[1] - theta[4] * y)
    w = np.exp(theta[2])
    total = u + v + w
    r = np.log(total) - log_loss
    size = np.abs(r)
    inner = np.minimum(size, DELTA)
    slope = np.clip(r, -DELTA, DELTA) / total
    gradient = np.array([(slope * u).sum(), (slope * v).sum(), (slope * w).sum(),
                         -(slope * u * x).sum(), -(slope * v * y).sum()])
    return (inner * (size - 0.5 * inner)).sum() / DELTA, gradient / DELTA


def fit(start, data):
    return minimize(objective, start, args=data, jac=True, method="BFGS", options={"gtol": 1e-8})


def main():
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else 45
    replicates = int(sys.argv[2]) if len(sys.argv) > 2 else 40
    data = runs()
    random = np.random.default_rng(2)
    level = data[2].mean()
    begin = time.perf_counter()
    found = []
    for _ in range(starts):
        share = random.uniform(0.1, 0.9)
        exponents = np.exp(random.uniform(np.log(0.05), np.log(1.5), 2))
        start = np.array([level + np.log((1 - share) / 2)] * 2 + [level + np.log(share), *exponents])
        found.append(fit(start, data))
    spent = time.perf_counter() - begin
    best = min(found, key=lambda result: result.fun)
    agreeing = sum(result.fun < best.fun * (1 + 1e-6) for result in found)
    print(f"{starts} starts: {spent:.2f} s, {agreeing} agree; 4500 would take {4500 * spent / starts:.0f} s")
    begin = time.perf_counter()
    for _ in range(replicates):
        rows = random.integers(0, len(data[0]), len(data[0]))
        fit(best.x, tuple(column[rows] for column in data))
    spent = time.perf_counter() - begin
    print(f"{replicates} replicates: {spent:.2f} s; 4000 would take {4000 * spent / replicates:.0f} s")


main()
