#!/usr/bin/env bash
# ./test.sh: installs what is missing, builds, and runs every test: style, ASan+UBSan, TSan, aarch64 under emulation, release. Ends
# in CTest's summary.
set -euo pipefail
cd "$(dirname "$0")"
tools/install-deps --test
tools/install-deps --peers
tools/test-venv || echo "warning: what compares with these frameworks is skipped" >&2

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
case $(uname -m) in
aarch64 | arm64) ;; # the release suite runs the NEON kernels themselves
*)
    if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null; then
        suite aarch64 || status=1
    else
        echo "warning: aarch64-linux-gnu-gcc or qemu-aarch64 is not here; the NEON kernels are not tested" >&2
    fi
    ;;
esac
suite release || status=1
exit $status
