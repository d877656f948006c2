#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs ./flops-fit.sh test in a fresh Debian, made with debootstrap in a folder: the proof that the
# packages named in scripts/bootstrap.sh are all that is needed. Needs root.
#   scripts/test_in_chroot.sh [SUITE] [FOLDER] [COMMAND ...]
# SUITE is bookworm (Debian 12, the default) or trixie (13); FOLDER (default /var/tmp/flops-fit-SUITE) is
# kept, so that a second run is quick; COMMAND replaces `./flops-fit.sh test`.
set -eu
[ "$(id -u)" = 0 ] || { echo "test_in_chroot: needs root" >&2; exit 1; }
suite=${1:-bookworm}
folder=${2:-/var/tmp/flops-fit-$suite}
[ $# -lt 2 ] || shift
[ $# -lt 1 ] || shift
source=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f "$0")")/.." && pwd)
command -v debootstrap >/dev/null || apt-get install -y debootstrap

if [ ! -e "$folder/etc/debian_version" ]; then
  mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)*\([^ ]*\) .*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -v security | head -n 1)
  debootstrap --variant=minbase --include=git,ca-certificates "$suite" "$folder" \
    "${mirror:-http://deb.debian.org/debian}"
fi
# The way out to the packages is this machine's: resolver, proxy and certificates.
cp /etc/resolv.conf "$folder/etc/resolv.conf" 2>/dev/null || true
for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
  # Local settings (a proxy, a mirror's rules) belong to no package.
  if [ -f "$file" ] && ! dpkg -S "$file" >/dev/null 2>&1; then
    cp "$file" "$folder$file"
  fi
done
mounted() { mountpoint -q "$folder/$1" || mount --bind "/$1" "$folder/$1"; }
mounted proc
mounted dev
trap 'umount "$folder/proc" "$folder/dev"' EXIT

rm -rf "$folder/src/flops-fit"
mkdir -p "$folder/src"
git clone -q "$source" "$folder/src/flops-fit"
# Published runs and texts, where they are: tests that want them are skipped otherwise.
if [ -d "$source/../shared" ]; then
  rm -rf "$folder/src/shared"
  cp -r "$source/../shared" "$folder/src/shared"
fi
[ $# -gt 0 ] || set -- ./flops-fit.sh test
chroot "$folder" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
  LC_ALL=C.UTF-8 sh -c 'cd /src/flops-fit && exec "$@"' sh "$@"
