#!/bin/sh
# SPDX-License-Identifier: MIT
# Fetches a file of the TinyStories corpus (Eldan and Li 2023) and checks it.
#   scripts/fetch_tinystories.sh [FILE] [--dir DIR] [--sha256 SUMS]
# FILE is TinyStoriesV2-GPT4-valid.txt (22 MB, the default), TinyStoriesV2-GPT4-train.txt (2 GB),
# TinyStories-valid.txt or TinyStories-train.txt.
# The checksum comes from SUMS (lines as sha256sum writes them) if given. Otherwise the one of the
# first fetch is recorded beside the file as FILE.sha256, and every later run checks against it.
# Prints the path of the file on stdout. Exit codes: 0 ok, 1 failed (nothing partial is left), 2 usage.
set -eu

file=TinyStoriesV2-GPT4-valid.txt
dir=data/tinystories
sums=
base=${TINYSTORIES_URL:-https://huggingface.co/datasets/roneneldan/TinyStories/resolve/main}

usage() { sed -n '3,10s/^# \{0,1\}//p' "$0"; }
fail() { echo "fetch_tinystories: $*" >&2; exit 1; }

while [ $# -gt 0 ]; do
  case $1 in
    -h|--help) usage; exit 0 ;;
    --dir|--sha256)
      [ $# -ge 2 ] || { echo "fetch_tinystories: $1 needs a value" >&2; exit 2; }
      if [ "$1" = --dir ]; then dir=$2; else sums=$2; fi
      shift ;;
    -*) echo "fetch_tinystories: unknown option $1; see --help" >&2; exit 2 ;;
    *) file=$1 ;;
  esac
  shift
done
case $file in
  */*|'') echo "fetch_tinystories: FILE must be a plain file name, got '$file'" >&2; exit 2 ;;
esac

target=$dir/$file
recorded=$target.sha256
expected=
if [ -n "$sums" ]; then
  [ -r "$sums" ] || fail "cannot read the checksum file $sums"
  expected=$(awk -v name="$file" '{ sub(/^[*]/, "", $2); if ($2 == name) print $1 }' "$sums" | head -n 1)
  [ -n "$expected" ] || fail "$sums has no line for $file"
elif [ -r "$recorded" ]; then
  expected=$(awk 'NR == 1 { print $1 }' "$recorded")
fi

checksum() { sha256sum "$1" | awk '{ print $1 }'; }
# Compares in lower case; says what to do when it does not fit.
verify() {
  found=$(checksum "$1")
  if [ -n "$expected" ] && [ "$(echo "$expected" | tr A-F a-f)" != "$found" ]; then
    return 1
  fi
}

command -v sha256sum >/dev/null || fail "sha256sum is missing; install coreutils"
if [ -f "$target" ]; then
  verify "$target" || fail "$target: checksum $found, expected $expected; delete the file to fetch it again"
  [ -n "$expected" ] || fail "$target is there, but has no recorded checksum to check it against; delete it, or pass --sha256 SUMS"
  echo "$target"
  exit 0
fi

command -v curl >/dev/null || fail "curl is missing; install it (apt-get install curl)"
mkdir -p "$dir"
partial=$(mktemp "$dir/.$file.XXXXXX")
trap 'rm -f "$partial"' EXIT
trap 'exit 1' HUP INT TERM
curl --fail --location --silent --show-error --retry 2 --connect-timeout 20 \
     --output "$partial" "$base/$file" >&2 ||
  fail "cannot fetch $base/$file (is there a network?); nothing was written"
[ -s "$partial" ] || fail "$base/$file is empty; nothing was written"
verify "$partial" || fail "$file: checksum $found, expected $expected; nothing was written"
if [ -z "$expected" ]; then
  echo "fetch_tinystories: no checksum was given; recording $found in $recorded" >&2
fi
chmod 644 "$partial"
mv "$partial" "$target"
# --sha256 may be used later without its file.
[ -r "$recorded" ] || printf '%s  %s\n' "$found" "$file" > "$recorded"
echo "$target"
