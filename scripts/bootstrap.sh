#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what flops-fit builds with and runs on, from Debian's or Ubuntu's own packages: only those
# that are missing, with sudo where you are not root. Says what it does; does nothing the second time.
set -eu

# OpenBLAS in its openmp flavour: LibTorch crawls on the reference BLAS, and the pthread flavour does
# not let a sweep give each experiment one core. libcpp-httplib-dev, libssl-dev and openssl are for the
# tests' own HTTP server.
packages="g++ cmake ninja-build ccache pkg-config
libtorch-dev libopenblas0-openmp
libcli11-dev libyaml-cpp-dev nlohmann-json3-dev libfmt-dev libspdlog-dev
libceres-dev libsentencepiece-dev libcurl4-openssl-dev catch2
libcpp-httplib-dev libssl-dev openssl
gnuplot-nox"

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "bootstrap: this is not Debian or Ubuntu; install the like of these yourself:" $packages >&2
  exit 1
fi

missing=
for package in $packages; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "bootstrap: all packages are installed" >&2
  exit 0
fi

sudo=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "bootstrap: not root, and there is no sudo; as root, run: apt-get install$missing" >&2
    exit 1
  }
  sudo=sudo
fi
echo "bootstrap: installing$missing" >&2
$sudo apt-get update -qq
# Quiet on success; the whole log when something fails.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $missing >"$log" 2>&1; then
  cat "$log" >&2
  echo "bootstrap: apt-get could not install:$missing" >&2
  exit 1
fi
echo "bootstrap: done" >&2
