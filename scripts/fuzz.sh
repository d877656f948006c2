#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes every reader of files (or the targets named) for some seconds each, with clang's libFuzzer,
# address and undefined-behaviour sanitizers.
#   scripts/fuzz.sh [seconds] [target...]      600 seconds; all targets of tests/fuzz
# One line per target: executions, coverage, findings. Exit code 1 if there is a finding. The corpora
# grow in build/fuzz/corpus, what ended a target goes to build/fuzz/crashes. FF_FUZZ_JOBS targets run
# at once (all cores).
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=600
case "${1:-}" in
  -h | --help) sed -n '3,9s/^# \{0,1\}//p' scripts/fuzz.sh; exit 0 ;;
  *[!0-9]* | '') ;;
  *) seconds=$1; shift ;;
esac
all=$(sed -n '/^set(FF_FUZZ_TARGETS/,/)/p' tests/fuzz/CMakeLists.txt | tr -d ')' | grep -v '^set' | xargs)
targets=${*:-$all}
for target in $targets; do
  [ -f "tests/fuzz/${target}_fuzz.cpp" ] || {
    echo "fuzz.sh: no target $target; there are: $all" >&2
    exit 2
  }
done
jobs=${FF_FUZZ_JOBS:-$(nproc)}

one() {
  target=$1
  seeds=tests/fuzz/seeds/$target
  corpus=build/fuzz/corpus/$target
  crashes=build/fuzz/crashes/$target
  log=build/fuzz/crashes/$target.log
  dictionary=tests/fuzz/dict/$target.dict
  case $target in
    yaml | overrides | config_loader) longest=4000 ;; # small, so that many are tried
    *) longest=20000 ;;
  esac
  mkdir -p "$corpus" "$crashes"
  set -- "$corpus" "$seeds"
  [ ! -f "$dictionary" ] || set -- "-dict=$dictionary" "$@"
  # A finding: a crash, a sanitizer's report, 10 s or 2 GB for one input of at most 20 kB, or 300 MB
  # asked for at once. Leaks are looked for in the ordinary tests.
  set +e
  timeout $((seconds + 120)) "build/fuzz/bin/fuzz_$target" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -malloc_limit_mb=300 -max_len=$longest -detect_leaks=0 -print_final_stats=1 \
    -artifact_prefix="$crashes/" "$@" >"$log" 2>&1
  status=$?
  set -e
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  coverage=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  if [ $status -eq 0 ]; then
    finding=none
  else
    finding="exit code $status, see $log"
  fi
  printf '%-14s %10s executions, coverage %6s, findings: %s\n' "$target" "${runs:-?}" \
    "${coverage:-?}" "$finding"
  return $status
}

if [ -n "${FF_FUZZ_ONE:-}" ]; then
  one "$FF_FUZZ_ONE" || exit 1
  exit 0
fi
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz
# shellcheck disable=SC2046,SC2086
cmake --build build/fuzz -j "$jobs" --target $(printf 'fuzz_%s ' $targets)

failed=0
# shellcheck disable=SC2086
printf '%s\n' $targets |
  xargs -P "$jobs" -I '{}' env FF_FUZZ_ONE='{}' FF_FUZZ_JOBS="$jobs" scripts/fuzz.sh "$seconds" '{}' || failed=1
exit $failed
