#!/usr/bin/env bash
# every_op.sh PROGRAM FOLDER: every op that ggml has on small shapes against the oracle, as it is called by default and
# tuned; every other one is refused with a reason that names what is missing. Then one case is timed, with all the
# checks of a run. 77 without a ggml.
here=$(realpath "$(dirname "$0")")
export TENSORMARK_GGML=${TENSORMARK_GGML:-$(realpath -m "$2")}
source "$here/../cli/common.sh" "$1"
if ! "$program" list backends | grep -F 'ggml:cpu' | grep -q yes; then
    echo "skipped: no ggml"
    exit 77
fi
both=ggml:cpu,ggml:cpu+tuned

"$program" verify "$here/small.txt" --backends $both >out 2>err </dev/null
wanted=$(("$("$program" list cases "$here/small.txt" | grep -cE '/(f32|bf16|f16)')" * 2))
[ "$wanted" -gt 200 ] || fail "only $wanted lines are expected: $(tail -3 err)"
[ "$(wc -l <out)" -eq "$wanted" ] || fail "$(wc -l <out) lines, not $wanted: $(tail -3 err)"
# An older ggml may lack functions that came later.
grep -vE '^pass ' out | grep -vE '^UNSUPPORTED .*ggml .* has no ggml_' && fail "the lines above"
passed=$(grep -c '^pass ' out)
[ "$passed" -gt $((wanted * 3 / 4)) ] || fail "only $passed of $wanted pass"
echo "$passed of $wanted pass"

"$program" verify "$here/refused.txt" --backends $both >out 2>err </dev/null
wanted=$(("$("$program" list cases "$here/refused.txt" | grep -cE '/(f32|bf16|f16)')" * 2))
[ "$wanted" -gt 40 ] || fail "only $wanted refusals are expected: $(tail -3 err)"
[ "$(grep -cE '^UNSUPPORTED .* ggml' out)" -eq "$wanted" ] || fail "not $wanted refusals: $(grep -v ^UNSUPPORTED out)"
holds out 'ggml has no prelu: '
holds out 'ggml_soft_max has no bf16'

"$program" run matmul/64x64,64x64 --quick --backends $both --db runs.db --format json -o run.json >out 2>err </dev/null
python3 - <<'P' || fail "the cells: $(tail -3 err)"
import json
cells = json.load(open("run.json"))["cells"]
assert len(cells) == 2, len(cells)
for cell in cells:
    assert cell["status"] == "OK", (cell["case"], cell["backend"], cell["status"], cell["reason"])
    assert "B=transposed" in cell["labels"], cell["labels"]
P
finish
