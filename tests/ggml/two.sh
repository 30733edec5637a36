#!/usr/bin/env bash
# two.sh PROGRAM FOLDER: two installations in two folders are two backends of one run, each with its own library. 77
# without a ggml.
export TENSORMARK_GGML=${TENSORMARK_GGML:-$(realpath -m "$2")}
source "$(dirname "$0")/../cli/common.sh" "$1"
real=$(find "$TENSORMARK_GGML"/ -path '*llama_cpp/lib/libggml.so' -print -quit 2>/dev/null)
if [ -z "$real" ]; then
    echo "skipped: no ggml"
    exit 77
fi
lib=other/lib/python3.12/site-packages/llama_cpp/lib
mkdir -p "$lib" other/lib/python3.12/site-packages/llama_cpp_python-9.9.9.dist-info
cp -P "$(dirname "$real")"/libggml* "$lib"
"$program" run relu/1000 --backend g2="ggml@$scratch/other:cpu" --backends ggml,g2 --quick --db runs.db --format json \
    -o run.json >out 2>err </dev/null
python3 - "$(realpath "$real")" "$(realpath "$lib")" <<'P' || fail "the backends: $(tail -3 err)"
import json, sys
record = json.load(open("run.json"))
assert [cell["status"] for cell in record["cells"]] == ["OK", "OK"], record["cells"]
text = json.dumps(record)
assert sys.argv[1] in text and sys.argv[2] in text, (sys.argv, "not both libraries are recorded")
assert "llama-cpp-python 9.9.9" in text, "the other version is not recorded"
P
finish
