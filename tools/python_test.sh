#!/bin/sh
# Runs one file of Python tests under Bazel: its real path, so that it finds the files beside it.
exec python3 -B "$(readlink -f "$1")"
