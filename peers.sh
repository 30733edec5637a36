#!/usr/bin/env bash
# ./peers.sh: installs the frameworks that this version can compare with, Python's into .venv, pinned; then builds again what
# needs their headers, and says which backends there are now. What cannot be installed is one line and stops nothing.
set -euo pipefail
cd "$(dirname "$0")"
tools/install-deps --test
tools/install-deps --peers
tools/test-venv || true

# The folders of backends look into .venv when a build is configured.
for cache in build/*/CMakeCache.txt; do
    [ -e "$cache" ] || continue
    cmake "$(dirname "$cache")" </dev/null >/dev/null || echo "warning: $(dirname "$cache") cannot be configured again" >&2
done
echo "building ..." >&2
tools/configure release
build/release/tensormark list backends
