#!/usr/bin/env bash
# The worker needs nothing but glibc: libm, libc and the loader.
set -euo pipefail
worker=$1
others=$(ldd "$worker" | grep -v -E 'linux-vdso|libm\.so|libc\.so|ld-linux' || true)
if [ -n "$others" ]; then
  echo "orch-worker needs more than glibc (build with --config=static):"
  echo "$others"
  exit 1
fi
"$worker" --version
