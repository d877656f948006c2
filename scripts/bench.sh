#!/bin/sh
# SPDX-License-Identifier: MIT
# Training speed of the engines beside each other, at the shapes that the targets are set for:
#   scripts/bench.sh [ROUNDS]      (default 3; the medians are printed)
# One process per core, one thread each, as in a sweep. Everything that is compared runs in the same
# round, and CPU time is measured, so other programs disturb the ratios little. "python" is the same
# model in PyTorch (scripts/bench_pytorch.py), where python3 has torch; "-" where something is not there.
# A "!" marks a target that is missed. build/release/bin/ff-bench-kernels shows the kernels alone.
# Needs Google Benchmark (Debian: libbenchmark-dev); python3-torch is optional.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f "$0")")/.." && pwd)
rounds=${1:-3}
build=$root/build/release
cd "$root"
cmake --preset release -DFF_BENCHMARKS=ON >/dev/null
cmake --build "$build" --target ff-bench-steps ff-bench-kernels >/dev/null
steps=$build/bin/ff-bench-steps
cores=$(nproc)
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# name width layers heads d_ff vocab seq_len rows, and the least: MFU [%], bf16, over eager, python
shapes() {
  cat <<'TABLE'
d8   8   2 1 32   488  64  64 - - - -
d16  16  2 2 64   488  64  64 20 - - -
d32  32  2 4 128  488  64  64 35 - - -
d64  64  4 4 192  4096 256 16 55 1.2 2.5 4.5
d128 128 4 4 384  4096 256 16 70 1.25 2 3.3
d256 256 6 4 704  4096 256 16 78 1.35 1.5 3.5
d512 512 8 8 1408 4096 256 16 80 1.45 1.2 2.4
TABLE
}

# on_all_cores FILE COMMAND...: one process per core at once; their lines go to FILE.
on_all_cores() {
  file=$1
  shift
  core=0
  while [ $core -lt "$cores" ]; do
    taskset -c $core "$@" >"$file.$core" 2>/dev/null &
    core=$((core + 1))
  done
  wait
  cat "$file".[0-9]* >"$file"
}

# Mean over the processes of one counter of Google Benchmark's CSV.
counter() {
  awk -F, -v want="$2" '
    /^name,/ { for (i = 1; i <= NF; i++) { gsub(/"/, "", $i); if ($i == want) column = i } next }
    column && $column != "" { sum += $column; n++ }
    END { if (n) printf "%.6g\n", sum / n; else print "-" }' "$1"
}

median() { sort -g | awk '{ a[NR] = $1 } END { print NR ? a[int((NR + 1) / 2)] : "-" }'; }

has_python() { [ -n "$python3" ]; }

python=no
python3=
for candidate in python3 /usr/bin/python3; do
  if $candidate -c 'import torch' 2>/dev/null; then python3=$candidate && break; fi
done
if has_python; then python=yes; fi
round=1
while [ "$round" -le "$rounds" ]; do
  shapes | while read -r name width layers heads d_ff vocab seq_len rows rest; do
    for variant in fused eager bf16; do
      file=$results/$name.$variant.$round
      on_all_cores "$file" "$steps" --benchmark_format=csv "--benchmark_filter=^$name/$variant\$"
      counter "$file" tokens_per_s >>"$results/$name.$variant"
      [ $variant != fused ] || {
        counter "$file" flops_per_s >>"$results/$name.flops"
        counter "$file" peak_flops_per_s >>"$results/$name.peak"
      }
    done
    if [ $python = yes ]; then
      file=$results/$name.python.$round
      on_all_cores "$file" env -u OPENBLAS_CORETYPE "$python3" "$root/scripts/bench_pytorch.py" \
        "$width" "$layers" "$heads" "$d_ff" "$vocab" "$seq_len" "$rows"
      awk '{ sum += $1; n++ } END { if (n) print sum / n }' "$file" >>"$results/$name.python"
    fi
  done
  round=$((round + 1))
done

printf '%-5s %9s %9s %13s %13s %13s %13s\n' shape tokens/s GFLOP/s 'share of peak' bf16 'over eager' 'over python'
shapes | while read -r name width layers heads d_ff vocab seq_len rows mfu bf16 eager python; do
  of() { [ -f "$results/$name.$1" ] && grep -v -- - "$results/$name.$1" | median || echo -; }
  echo "$name $(of fused) $(of flops) $(of peak) $(of bf16) $(of eager) $(of python) $mfu $bf16 $eager $python"
done | awk '
  function judged(value, least, digits, unit,  text) {
    if (value == "-") return "-"
    text = sprintf("%." digits "f%s", value, unit)
    return least == "-" ? text : text " (" least unit ")" (value < least ? "!" : "")
  }
  function ratio(a, b) { return a == "-" || b == "-" ? "-" : a / b }
  { printf "%-5s %9.0f %9.1f %13s %13s %13s %13s\n", $1, $2, $3 / 1e9,
      judged(100 * ratio($3, $4), $8, 0, "%"), judged(ratio($5, $2), $9, 2, "x"),
      judged(ratio($2, $6), $10, 2, "x"), judged(ratio($2, $7), $11, 2, "x") }'
