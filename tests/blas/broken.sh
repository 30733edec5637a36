#!/usr/bin/env bash
# broken.sh PROGRAM SMALL_BLAS: a BLAS that is missing, damaged or no BLAS gives one clear line; the rest of the run is
# unharmed. Two libraries in two folders are two backends.
small=$(realpath "$2")
source "$(dirname "$0")/../cli/common.sh" "$1"
unset VIRTUAL_ENV TENSORMARK_BLAS

# unsupported PLACE WORDS: behind an @, and in the environment.
unsupported() {
    "$program" verify matmul/3x4,4x5 --backend b="blas@$1" --backends native,b >out 2>err </dev/null
    [ "$(grep -c '^pass .* native:cpu' out)" -eq 1 ] || fail "@$1: the engine was harmed: $(cat out err)"
    [ "$(grep -c '^UNSUPPORTED .* b ' out)" -eq 1 ] || fail "@$1: not one UNSUPPORTED line: $(cat out err)"
    holds out "$2"
    TENSORMARK_BLAS=$1 "$program" list backends >out 2>err </dev/null
    grep -F 'blas:cpu' out | grep -qF -- "$2" || fail "$1: list backends: $(cat out)"
}

mkdir nothing one two
echo 'this is not a library, but it is longer than the head of one' >text.so
head -c 64 "$program" >short.so
head -c 4096 "$program" >other.so
printf '\x28\x00' | dd of=other.so bs=1 seek=18 conv=notrunc status=none # 32-bit Arm

unsupported "$scratch/nothing" "no BLAS in $scratch/nothing"
unsupported "$scratch/nowhere.so" "nowhere.so cannot be read"
unsupported "$scratch/text.so" "is no library"
unsupported "$scratch/short.so" "cannot be loaded"
unsupported "$scratch/other.so" "built for another processor (ELF machine 40"
if command -v cc >/dev/null; then
    echo 'int nothing;' | cc -shared -fPIC -x c - -o stranger.so
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
