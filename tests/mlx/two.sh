#!/usr/bin/env bash
# two.sh PROGRAM FOLDER: two installations of MLX in two folders run side by side, each with its own library; where a
# threaded BLAS is at hand, the second has it in place of its own, and is told its number of threads. 77 without an MLX.
export TENSORMARK_MLX=${TENSORMARK_MLX:-$(realpath -m "$2")}
source "$(dirname "$0")/../cli/common.sh" "$1"
real=$(find "$TENSORMARK_MLX"/ -name libmlx.so -print -quit 2>/dev/null)
if [ -z "$real" ] || ! "$program" verify relu/8 --backends mlx:cpu | grep -q '^pass'; then
    echo "skipped: no MLX, or no part for it"
    exit 77
fi
package=$(dirname "$(dirname "$real")")
mkdir -p site/mlx/lib site/mlx/include/mlx
cp "$real" site/mlx/lib/
cp "$package/include/mlx/version.h" site/mlx/include/mlx/
for libraries in "$package"/../mlx*.libs; do
    [ -d "$libraries" ] && cp -r "$libraries" site/
done
threaded=$(ldconfig -p 2>/dev/null | sed -n 's/.*libopenblas\.so.* => //p' | head -1)
own=$(find site -name 'libblas-*' -print -quit)
[ -n "$threaded" ] && [ -n "$own" ] && cp "$threaded" "$own"

"$program" run relu/1000 matmul/50x60,60x70 --backend m2="mlx@$scratch/site:cpu" --backends native,mlx:cpu,m2 --threads 2 \
    --quick --db runs.db --format json -o run.json >out 2>err </dev/null || fail "the run: $(tail -3 err)"
python3 - "$scratch/site" "${own:+$threaded}" <<'P' || fail "the cells: $(cat err)"
import json, sys
site, threaded = sys.argv[1:]
run = json.load(open("run.json"))
libraries = {b["id"]: b["library"] for b in run["backends"]}
assert libraries["m2"].startswith(site), libraries
assert libraries["mlx:cpu"].endswith("libmlx.so") and not libraries["mlx:cpu"].startswith(site), libraries
for cell in run["cells"]:
    assert cell["status"] == "OK", (cell["case"], cell["backend"], cell["status"], cell["reason"])
    assert cell["backend"] == "native:cpu" or "SUSPECT" not in cell["labels"], (cell["case"], cell["labels"])
    told = "THREADS=1" in cell["labels"]
    alone = cell["backend"] == "mlx:cpu" or (cell["backend"] == "m2" and (not threaded or cell["case"].startswith("relu")))
    assert told == alone, (cell["case"], cell["backend"], cell["labels"])
print(len(run["cells"]), "cells", "with a threaded BLAS" if threaded else "")
P
finish
