#!/usr/bin/env bash
# two.sh PROGRAM FOLDER: two installations in two folders run side by side, and cells that are measured hold against all
# checks of honesty. 77 without an ONNX Runtime.
here=$(realpath "$(dirname "$0")")
export TENSORMARK_ONNXRUNTIME=${TENSORMARK_ONNXRUNTIME:-$(realpath -m "$2")}
source "$here/../cli/common.sh" "$1"
library=$("$program" list backends | grep -F 'onnxruntime:cpu' | grep -oE '/[^ ]*libonnxruntime[^ ]*')
if [ -z "$library" ]; then
    echo "skipped: no ONNX Runtime"
    exit 77
fi
mkdir -p first/onnxruntime/capi second/lib/python3.12/site-packages/onnxruntime/capi
cp "$library" first/onnxruntime/capi/
cp "$library" second/lib/python3.12/site-packages/onnxruntime/capi/
"$program" run relu/1000 linear/8x16,16x5,5 conv2d/1x9x9x3,4x3x3x3 --quick --db runs.db --format json -o run.json \
    --backend o1="onnxruntime@$scratch/first:cpu" --backend o2="onnxruntime@$scratch/second:cpu+tuned" \
    --backends o1,o2 >out 2>err </dev/null
python3 - "$scratch" <<'P' || fail "the cells: $(cat err)"
import json, sys
run = json.load(open("run.json"))
cells = {(c["case"].split("/")[0], c["backend"]): c for c in run["cells"]}
assert len(cells) == 6, cells.keys()
for cell in cells.values():
    assert cell["status"] == "OK", (cell["case"], cell["backend"], cell["status"], cell["reason"])
    assert cell["time_ns"]["median"] > 0
    layout = any("LAYOUT=NCHW" in label for label in cell["labels"])
    assert layout == cell["case"].startswith("conv2d"), (cell["case"], cell["labels"])
folders = {part for part in ("first", "second") if f"{sys.argv[1]}/{part}/" in json.dumps(run["backends"])}
assert folders == {"first", "second"}, run["backends"]
P
finish
