#!/usr/bin/env bash
# ./test.sh: installs what is missing, builds, and runs every test: style, release, ASan+UBSan, TSan. Ends in CTest's summary.
set -euo pipefail
cd "$(dirname "$0")"
tools/install-deps --test
tools/test-venv || echo "warning: .venv could not be made; the comparison with PyTorch is skipped" >&2

status=0
tools/check-style || status=1

suite() { # preset, arguments of ctest
    local preset=$1
    shift
    echo "== $preset"
    tools/configure "$preset" || return 1
    ctest --test-dir "build/$preset" --output-on-failure --no-tests=error "$@" </dev/null
}

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
suite asan -L 'unit|kernels|fuzz' || status=1
suite tsan -R 'test_(pool|plan|native|worker_link)$' || status=1
suite release || status=1
exit $status
