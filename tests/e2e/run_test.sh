#!/bin/sh
# Runs one file of end-to-end tests under Bazel. The first argument is the file, the second the store,
# the rest are executables.
set -eu
file=$(readlink -f "$1")
store=$2
shift 2
executables=
for executable in "$@"; do
  executables="$executables --executable $(readlink -f "$executable")"
done
# shellcheck disable=SC2086  # Bazel's paths hold no spaces.
exec python3 -B "$file" --store "$store" $executables
