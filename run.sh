#!/usr/bin/env bash
# ./run.sh [arguments of tensormark run]: installs what is missing, builds, and measures. Without arguments: the operator suite,
# quickly, on the built-in engine and on every framework found here.
set -euo pipefail
cd "$(dirname "$0")"
tools/install-deps build
echo "building ..." >&2
tools/configure release
if [ $# -eq 0 ]; then set -- ops --quick; fi
exec build/release/tensormark run "$@"
