#!/usr/bin/env bash
# broken.sh PROGRAM: an MLX that is missing, damaged, without its part or for another processor gives one clear line, and
# the rest of the run is unharmed.
source "$(dirname "$0")/../cli/common.sh" "$1"
unset VIRTUAL_ENV TENSORMARK_MLX

# unsupported FOLDER WORDS: named by the variable, and behind an @ in a run with the engine.
unsupported() {
    "$program" verify relu/100 --backend m="mlx@$1:cpu" --backends native,m >out 2>err </dev/null
    [ "$(grep -c '^pass .* native:cpu' out)" -eq 1 ] || fail "$1: the engine was harmed: $(cat out err)"
    [ "$(grep -c '^UNSUPPORTED ' out)" -eq 1 ] || fail "$1: not one UNSUPPORTED line: $(cat out err)"
    holds out "$2"
    TENSORMARK_MLX=$1 "$program" verify relu/100 --backends native,mlx:cpu >out 2>err </dev/null
    [ "$(grep -c '^pass .* native:cpu' out)" -eq 1 ] || fail "$1: the engine was harmed: $(cat out err)"
    holds out "$2"
}

# place FOLDER VERSION: a package with a library that is none.
place() {
    local numbers
    IFS=. read -ra numbers <<<"$2"
    mkdir -p "$1/mlx/lib" "$1/mlx/include/mlx"
    cp "$program" "$1/mlx/lib/libmlx.so"
    printf '#define MLX_VERSION_%s\n' "MAJOR ${numbers[0]}" "MINOR ${numbers[1]}" "PATCH ${numbers[2]}" \
        >"$1/mlx/include/mlx/version.h"
}

mkdir nothing empty text short other
: >empty/libmlx.so
echo 'this is not a library, but it is longer than the head of one' >text/libmlx.so
head -c 4096 "$program" >other/libmlx.so
printf '\x28\x00' | dd of=other/libmlx.so bs=1 seek=18 conv=notrunc status=none # 32-bit Arm
place strange 99.1.2

unsupported "$scratch/nothing" "no MLX in $scratch/nothing"
unsupported "$scratch/nowhere" "no MLX in $scratch/nowhere"
unsupported "$scratch/empty" "is no library"
unsupported "$scratch/text" "is no library"
unsupported "$scratch/other" "built for another processor (ELF machine 40"
unsupported "$scratch/strange" "MLX 99.1.2 in $scratch/strange/mlx/lib/libmlx.so is here, mlx_part-99.1.2.so for it is not"

# Beside a copy of the backend: a part that is none, one from another Tensormark, one for another MLX.
mkdir parts
cp "$(dirname "$program")/backends/libtensormark_mlx.so" parts/
export TENSORMARK_BACKEND_FOLDER=$scratch/parts
echo nothing >parts/mlx_part-99.1.2.so
unsupported "$scratch/strange" "MLX cannot be loaded: "
if command -v cc >/dev/null; then
    echo 'int nothing;' | cc -shared -fPIC -x c - -o strange/mlx/lib/libmlx.so
    unsupported "$scratch/strange" "MLX cannot be loaded: "
    cp strange/mlx/lib/libmlx.so parts/mlx_part-99.1.2.so
    unsupported "$scratch/strange" "mlx_part-99.1.2.so was made for another Tensormark"
    echo 'unsigned table[64] = {8, 0, 77}; void *tensormark_mlx_part(void) { return table; }' |
        cc -shared -fPIC -x c - -o parts/mlx_part-99.1.2.so
    unsupported "$scratch/strange" "mlx_part-99.1.2.so was made for another Tensormark"
fi

# With none at all, nothing is looked into for long, and the engine runs alone.
env -i PATH="$scratch" HOME="$HOME" TENSORMARK_BACKEND_FOLDER="$TENSORMARK_BACKEND_FOLDER" \
    "$program" verify relu/100 --backends native,mlx:cpu >out 2>err
holds out "no MLX found: pip install mlx"
grep -q '^pass .* native:cpu' out || fail "the engine was harmed: $(cat out err)"
finish
