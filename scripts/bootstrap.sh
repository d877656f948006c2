#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what flops-fit builds with and runs on, from Debian's or Ubuntu's own packages: only those
# that are missing, with sudo where you are not root. Says what it does; does nothing the second time.
# It never removes a package: what is there in another flavour (gnuplot-qt, libcurl4-gnutls-dev) is
# taken, and where apt-get could install only by removing, it says so and stops.
set -eu

# What is needed, and behind "|" what does as well; a name may be one that packages provide. The first
# is installed where none is there.
# OpenBLAS in its openmp flavour, which can stand beside the others: LibTorch crawls on the reference
# BLAS, and the pthread flavour does not let a sweep give each experiment one core.
# libcpp-httplib-dev, libssl-dev and openssl are for the tests' own HTTP server.
needs="g++ cmake ninja-build ccache pkg-config
libtorch-dev libopenblas0-openmp
libcli11-dev libyaml-cpp-dev nlohmann-json3-dev libfmt-dev libspdlog-dev
libceres-dev libsentencepiece-dev libcurl4-openssl-dev|libcurl4-gnutls-dev|libcurl4-nss-dev|libcurl-dev
catch2 libcpp-httplib-dev libssl-dev openssl
gnuplot-nox|gnuplot-qt|gnuplot-x11|gnuplot"

say() { echo "bootstrap: $*" >&2; }

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  say "this is not Debian or Ubuntu; install the like of these yourself:" \
    "$(printf '%s\n' "$needs" | sed 's/|[^ ]*//g' | tr '\n' ' ')"
  exit 1
fi

# Names of what is installed, and of what that provides, each between blanks.
# shellcheck disable=SC2016
there=" $(dpkg-query -W -f='${db:Status-Status} ${Package} ${Provides}\n' |
  sed -n 's/^installed //p' | sed 's/([^)]*)//g; s/,/ /g' | tr '\n' ' ') "
missing=
for need in $needs; do
  found=
  for name in $(echo "$need" | tr '|' ' '); do
    case $there in *" $name "*) found=$name ;; esac
  done
  [ -n "$found" ] || missing="$missing ${need%%|*}"
done
if [ -z "$missing" ]; then
  say "all packages are installed"
  exit 0
fi

sudo=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    say "not root, and there is no sudo; as root, run: apt-get install --no-remove$missing"
    exit 1
  }
  sudo=sudo
fi
install="apt-get install -y --no-install-recommends"
$sudo apt-get update -qq || say "apt-get update failed; trying with the package lists that are here"

# First without doing it: nothing is changed before it is known that nothing must go.
# shellcheck disable=SC2086
if ! plan=$(env LC_ALL=C $install --simulate $missing 2>&1); then
  printf '%s\n' "$plan" >&2
  say "apt-get cannot install:$missing"
  say "nothing was changed. Where these packages conflict with others of yours, the lines above say so"
  exit 1
fi
removed=$(printf '%s\n' "$plan" | sed -n 's/^Remv \([^ ]*\).*/\1/p' | tr '\n' ' ')
if [ -n "$removed" ]; then
  say "to install$missing, apt-get would remove: $removed"
  say "nothing was changed. If you can spare what would be removed, run: ${sudo:+sudo }apt-get install$missing"
  exit 1
fi

log=$(mktemp "${TMPDIR:-/tmp}/flops-fit-bootstrap.XXXXXX")
say "installing$missing"
say "apt-get's log, as it goes: $log"
# shellcheck disable=SC2086
if ! $sudo env DEBIAN_FRONTEND=noninteractive $install --no-remove -o DPkg::Lock::Timeout=120 $missing \
    >"$log" 2>&1 </dev/null; then
  cat "$log" >&2
  say "apt-get could not install:$missing (its log: $log)"
  exit 1
fi
rm -f "$log"
say "done"
