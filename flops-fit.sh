#!/bin/sh
# SPDX-License-Identifier: MIT
# The front door: installs what is missing, builds, and runs.
set -eu

# It may be called through symbolic links (ln -s /path/flops-fit.sh ~/bin/flops-fit).
self=$0
while [ -h "$self" ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) self=$(dirname -- "$self")/$target ;;
  esac
done
root=$(CDPATH='' cd -- "$(dirname -- "$self")" && pwd)
preset=${FLOPS_FIT_PRESET:-release}
build=$root/build/$preset

usage() {
  cat <<'END'
flops-fit: finds the compute-optimal model for a training budget, and says how sure it is.

  ./flops-fit.sh run [PRESET] [key=value ...]   install what is missing, build, then plan, train,
                                                analyze and draw a sweep (default preset: cpu_fast,
                                                with sweep.kind=lr_transfer: lr_transfer)
  ./flops-fit.sh test [--slow]                  install what is missing, build, run the tests
  ./flops-fit.sh plan|train|analyze|visualize|tokenize|roofline [arguments]
                                                one program; each has --help

Examples:
  ./flops-fit.sh run cpu_smoke
  ./flops-fit.sh run cpu_smoke dataset.path=my_text.txt output_dir=outputs/mine
  ./flops-fit.sh run sweep.kind=lr_transfer output_dir=outputs/lr
  ./flops-fit.sh plan --list-presets
END
}

# build TARGET...: configures if need be, and builds quietly unless something fails.
build() {
  "$root/scripts/bootstrap.sh"
  if [ ! -f "$build/build.ninja" ]; then
    echo "build: configuring $build" >&2
    (cd "$root" && cmake --preset "$preset" >"$root/build/configure.log" 2>&1) || {
      cat "$root/build/configure.log" >&2
      exit 1
    }
  fi
  echo "build: compiling (the first time takes a few minutes)" >&2
  cmake --build "$build" --target "$@" >"$root/build/build.log" 2>&1 || {
    cat "$root/build/build.log" >&2
    exit 1
  }
}

programs="ff-plan ff-train ff-analyze ff-visualize ff-tokenize"

run_pipeline() {
  config=
  default=presets/cpu_fast
  # What is left in "$@" goes to every program; each takes the keys that it knows.
  count=$#
  while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    count=$((count - 1))
    case $argument in
      --config-name=*) config=${argument#*=} ;;
      --config-name | -cn)
        [ "$count" -gt 0 ] || { echo "flops-fit: $argument needs a name" >&2; exit 2; }
        config=$1
        shift
        count=$((count - 1))
        ;;
      *=* | -* | +* | ~*)
        # The other presets lay out an IsoFLOP sweep's budgets and widths.
        case $argument in
          sweep.kind=lr_transfer | planner.sweep.kind=lr_transfer) default=presets/lr_transfer ;;
        esac
        set -- "$@" "$argument"
        ;;
      *) config=presets/${argument#presets/} ;;
    esac
  done
  config=${config:-$default}
  # shellcheck disable=SC2086
  build $programs
  stage() {
    program=$1
    shift
    echo "== $program" >&2
    "$build/bin/$program" --pipeline --config-name="$config" "$@"
  }
  stage ff-plan "$@"
  trained=0
  stage ff-train "$@" || trained=$?
  # 4: some experiments failed; the others are worth analyzing.
  [ "$trained" = 0 ] || [ "$trained" = 4 ] || exit "$trained"
  summary=$(stage ff-analyze --summary "$@") || exit $?
  pictures=$(stage ff-visualize "$@") || exit $?
  printf '\n%s\n\nPictures and report:\n%s\n' "$summary" \
    "$(printf '%s\n' "$pictures" | grep -E '\.(png|svg|pdf|html)$' | sed 's/^/  /')"
  exit "$trained"
}

mkdir -p "$root/build"
command=${1:-help}
[ $# = 0 ] || shift
case $command in
  run) run_pipeline "$@" ;;
  test)
    build all
    if [ "${1:-}" = --slow ]; then
      exec ctest --test-dir "$build" --output-on-failure -L slow
    fi
    exec ctest --test-dir "$build" --output-on-failure -LE slow -j "$(nproc)"
    ;;
  plan | train | analyze | tokenize | roofline) name=ff-$command ;;
  visualize | viz) name=ff-visualize ;;
  help | -h | --help) usage; exit 0 ;;
  *)
    echo "flops-fit: unknown command '$command'; see ./flops-fit.sh help" >&2
    exit 2
    ;;
esac
[ -x "$build/bin/$name" ] || build "$name"
exec "$build/bin/$name" "$@"
