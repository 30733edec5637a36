#!/usr/bin/env bash
# broken.sh PROGRAM: an MLX that is missing, damaged, without its part or for another processor gives one clear line, and
# the rest of the run is unharmed.
source "$(dirname "$0")/../adapter_broken.sh" "$1" mlx relu/100
listed=mlx: # whichever device it names

# place FOLDER VERSION: a package with a library that is none.
place() {
    local numbers
    IFS=. read -ra numbers <<<"$2"
    mkdir -p "$1/mlx/lib" "$1/mlx/include/mlx"
    cp "$program" "$1/mlx/lib/libmlx.so"
    printf '#define MLX_VERSION_%s\n' "MAJOR ${numbers[0]}" "MINOR ${numbers[1]}" "PATCH ${numbers[2]}" \
        >"$1/mlx/include/mlx/version.h"
}

mkdir nothing
place strange 99.1.2

unsupported "$scratch/nothing" "no MLX in $scratch/nothing"
unsupported "$scratch/nowhere" "no MLX in $scratch/nowhere"
for kind in empty text other; do
    damaged $kind $kind/libmlx.so $kind
done
unsupported "$scratch/strange" "MLX 99.1.2 in $scratch/strange/mlx/lib/libmlx.so is here, mlx_part-99.1.2.so for it is not"

# Beside a copy of the backend: a part that is none, one from another Tensormark, one for another MLX.
mkdir parts
cp "$(dirname "$program")/backends/libtensormark_mlx.so" parts/
export TENSORMARK_BACKEND_FOLDER=$scratch/parts
echo nothing >parts/mlx_part-99.1.2.so
unsupported "$scratch/strange" "MLX cannot be loaded: "
if command -v cc >/dev/null; then
    stranger strange/mlx/lib/libmlx.so
    unsupported "$scratch/strange" "MLX cannot be loaded: "
    cp strange/mlx/lib/libmlx.so parts/mlx_part-99.1.2.so
    unsupported "$scratch/strange" "mlx_part-99.1.2.so was made for another Tensormark"
    echo 'unsigned table[64] = {8, 0, 77}; void *tensormark_mlx_part(void) { return table; }' |
        cc -shared -fPIC -x c - -o parts/mlx_part-99.1.2.so
    unsupported "$scratch/strange" "mlx_part-99.1.2.so was made for another Tensormark"
fi

alone TENSORMARK_BACKEND_FOLDER="$TENSORMARK_BACKEND_FOLDER"
holds out "no MLX found: pip install mlx"
finish
