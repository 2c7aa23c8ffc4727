#!/bin/sh
# Runs the tests of the judge's own arithmetic.
set -eu
test=$(readlink -f "$1")
harness=$(readlink -f tests/e2e/harness.py)
PYTHONPATH=$(dirname "$harness"):$(dirname "$test") exec python3 -B "$test"
