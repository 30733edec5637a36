#!/usr/bin/env bash
# broken.sh PROGRAM SMALL_BLAS: a BLAS that is missing, damaged or no BLAS gives one clear line; the rest of the run is
# unharmed. Two libraries in two folders are two backends.
small=$(realpath "$2")
source "$(dirname "$0")/../adapter_broken.sh" "$1" blas matmul/3x4,4x5

mkdir nothing one two
unsupported "$scratch/nothing" "no BLAS in $scratch/nothing"
unsupported "$scratch/nowhere.so" "nowhere.so cannot be read"
damaged text text.so
damaged short short.so
damaged other other.so
if command -v cc >/dev/null; then
    stranger stranger.so
    unsupported "$scratch/stranger.so" "is no BLAS with a C interface: it lacks cblas_sgemv"
fi

# A folder is looked into, and its lib; each library keeps its own name.
cp "$small" one/libopenblas.so.0
mkdir two/lib
cp "$small" two/lib/libblas.so.3
"$program" run matmul/3x4,4x5 --backend a="blas@one" --backend b="blas@two" --backends a,b --quick --db runs.db \
    --format json -o run.json >out 2>err </dev/null
grep -qF "$scratch/one/libopenblas.so.0" run.json || fail "one is not named: $(cat err)"
grep -qF "$scratch/two/lib/libblas.so.3" run.json || fail "two is not named: $(cat err)"
TENSORMARK_BLAS=$scratch/two "$program" list backends | grep -F 'blas:cpu' | grep -qF "$scratch/two/lib" || fail "TENSORMARK_BLAS"

# Options and devices that it does not have.
"$program" verify matmul/3x4,4x5 --backend b="blas@$small+compile" --backends b,blas:cuda >out 2>err </dev/null
holds out "blas has no option 'compile', only tuned"
holds out "blas runs on cpu, not on 'cuda'"
finish
