#!/bin/sh
# SPDX-License-Identifier: MIT
# How long ff-train takes beside the training itself: sweeps of more and more experiments whose
# losses are drawn (mode=mock), on a tmpfs where there is one. Prints the time per experiment, which
# must not grow with the sweep, and the largest memory.
#   scripts/bench_sweep.sh [EXPERIMENTS...]      default: 1000 4000 16000
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
bin=${FLOPS_FIT_BIN:-$root/build/release/bin}
[ $# -gt 0 ] || set -- 1000 4000 16000
shared=/dev/shm
[ -d "$shared" ] && [ -w "$shared" ] || shared=${TMPDIR:-/tmp}
folder=$(mktemp -d "$shared/flops_fit_bench.XXXXXX")
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

# plan COUNT: sizes and tokens only, which is all that drawn losses need.
plan() {
  awk -v count="$1" 'BEGIN {
    print "["
    for (i = 0; i < count; ++i) {
      size = 1000000 + 1000 * i
      tokens = 1000000000 + 1000 * (i % 977)
      printf "{\"experiment_id\": \"exp_%06d\", \"compute_budget\": %.17g, ", i, 6 * size * tokens
      printf "\"model_size\": %d, \"num_tokens\": %d}%s\n", size, tokens, i + 1 < count ? "," : ""
    }
    print "]"
  }'
}

now() { date +%s.%N; }

echo "experiments  seconds  ms/experiment  peak MiB  again [s]"
for count in "$@"; do
  out=$folder/$count
  mkdir -p "$out"
  plan "$count" >"$out/sweep.json"
  train() { "$bin/ff-train" -q mode=mock output_dir="$out" >/dev/null; }
  start=$(now)
  train &
  pid=$!
  peak=0
  while kill -0 "$pid" 2>/dev/null; do
    # The shell's child is a subshell; the program is its child, or took its place.
    for one in "$pid" $(pgrep -P "$pid" || true); do
      kib=$(awk '/^VmHWM:/ {print $2}' "/proc/$one/status" 2>/dev/null || true)
      [ "${kib:-0}" -le "$peak" ] || peak=$kib
    done
    sleep 0.1
  done
  wait "$pid"
  first=$(now)
  train
  second=$(now)
  awk -v n="$count" -v a="$start" -v b="$first" -v c="$second" -v kib="$peak" 'BEGIN {
    printf "%11d %8.2f %14.3f %9.0f %10.2f\n", n, b - a, 1000 * (b - a) / n, kib / 1024, c - b
  }'
  rm -rf "$out"
done
