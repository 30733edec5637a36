#!/usr/bin/env bash
# every_op.sh PROGRAM: every primitive on small shapes against the oracle; the ops that oneDNN has none for say so. What
# it has no code for on this processor must say so in its own word. 77 without a oneDNN.
here=$(realpath "$(dirname "$0")")
source "$here/../cli/common.sh" "$1"
if ! "$program" list backends | grep -F 'onednn:cpu' | grep -q yes; then
    echo "skipped: no oneDNN"
    exit 77
fi
"$program" verify "$here/small.txt" --backends onednn,onednn+tuned,onednn+threads=1 >out 2>err </dev/null
wanted=$(("$("$program" list cases "$here/small.txt" | grep -cE '/(f32|bf16|f16)')" * 3))
grep -vE '^pass ' out | grep -vE '^UNSUPPORTED .*/(bf16|f16) .* says unimplemented' && fail "the lines above"
[ "$(wc -l <out)" -eq "$wanted" ] || fail "$(wc -l <out) lines, not $wanted: $(tail -3 err)"
[ "$(grep -c '^pass .*/f32' out)" -ge $((wanted / 2)) ] || fail "too few pass: $(grep -c '^pass .*/f32' out) of $wanted"

others=(argmax/6x7 bce/17x3,17x3 gather/10x12,40 scatter/10x12,7 scatter_sum/10x12,7 scatter_max/10x12,7 sort/6x7
    sdpa/7x16,9x16,9x16)
"$program" verify "${others[@]}" --backends onednn >out 2>err </dev/null
[ "$(grep -c '^UNSUPPORTED .*oneDNN has no primitive for' out)" -eq ${#others[@]} ] || fail "others: $(cat out err)"

# softplus runs; its precision is oneDNN's.
"$program" verify softplus/17x33 --backends onednn >out 2>err </dev/null
grep -qE '^(pass|INVALID) .*checked 561 elements' out || fail "softplus: $(cat out err)"
grep -qE 'E [0-9.]*[0-9]  rms [01]\.' out || fail "softplus is far off: $(cat out)"

# Times are taken without a lie being suspected, and the cells say what was prepared.
"$program" run conv2d/8x28x28x16,32x3x3x16 matmul/64x256,256x64 --backends onednn --quick \
    --db runs.db --format json -o run.json >out 2>err </dev/null
python3 - <<'P' || fail "the run: $(cat err)"
import json
cells = {c["case"].split("/")[0]: c for c in json.load(open("run.json"))["cells"]}
assert all(c["status"] == "OK" for c in cells.values()), [(c["case"], c["status"], c["reason"]) for c in cells.values()]
assert "LAYOUT=nhwc" in " ".join(map(str, cells["conv2d"]["labels"])), cells["conv2d"]["labels"]
assert not any("packed" in str(l) for l in cells["matmul"]["labels"]), cells["matmul"]["labels"]
P
finish
