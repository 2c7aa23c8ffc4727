#!/bin/sh
# A quick run with the executables that Bazel built. The first argument is the program, the rest are they.
set -eu
run=$(readlink -f "$1")
shift
set -- $(for executable in "$@"; do echo --executable "$(readlink -f "$executable")"; done)
exec "$run" --quick --out "$TEST_TMPDIR/bench.jsonl" "$@"
