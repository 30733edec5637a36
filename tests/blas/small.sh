#!/usr/bin/env bash
# small.sh PROGRAM NARROW WIDE PREFIXED: the test doubles through the backend: integers of 32 and of 64 bits, names with
# something around them, batches in one call, and bfloat16.
here=$(realpath "$(dirname "$0")")
libraries=("$(realpath "$2")" "$(realpath "$3")" "$(realpath "$4")")
source "$here/../cli/common.sh" "$1"

# passes LIBRARY FILE: every case of the file.
passes() {
    "$program" verify "$here/$2" --backend b="blas@$1:cpu" --backends b,b+tuned >out 2>err </dev/null
    local wanted=$(("$(grep -c / "$here/$2")" * 2))
    [ "$(grep -c '^pass ' out)" -eq "$wanted" ] || fail "$1: not all $wanted of $2 pass: $(grep -v '^pass ' out err | head)"
}

for library in "${libraries[@]}"; do passes "$library" small.txt; done
for library in "${libraries[@]:0:2}"; do passes "$library" small_bf16.txt; done
"$program" verify matmul/5x40,40x13/bf16 matmul/5x40,40x13/f16 --backend b="blas@${libraries[2]}" --backends b >out 2>err
holds out "has no cblas_sbgemm"
holds out "no product of float16 matrices"

# What the cells say of how it was done.
"$program" run matmul/6x5x40,6x40x13/f32 --backend l="blas@${libraries[0]}" --backend s="blas@${libraries[2]}" --backends l,s \
    --quick --db runs.db --format json -o run.json >out 2>err </dev/null
python3 - <<'P' || fail "labels: $(cat err)"
import json
labels = {c["backend"]: " ".join(map(str, c["labels"])) for c in json.load(open("run.json"))["cells"]}
assert "BATCH=loop" in labels["l"] and "BATCH=sgemm_batch" in labels["s"], labels
P
finish
