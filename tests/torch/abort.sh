#!/usr/bin/env bash
# abort.sh PROGRAM FOLDER: a libtorch that aborts in the middle of a call takes its cell with it, and nothing else. The
# library is the real one with one function in front of it, which aborts on sort. 77 without a PyTorch or a compiler.
export TENSORMARK_TORCH=${TENSORMARK_TORCH:-$(realpath -m "$2")}
source "$(dirname "$0")/../cli/common.sh" "$1"
real=$(find "$TENSORMARK_TORCH"/ -name libtorch_cpu.so -print -quit 2>/dev/null)
if [ -z "$real" ] || ! command -v cc >/dev/null; then
    echo "skipped: no PyTorch or no compiler"
    exit 77
fi
mkdir -p site/torch/lib
cp "$(dirname "$real")/../version.py" site/torch/
cat >front.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
int32_t aoti_torch_call_dispatcher(const char *op, const char *overload, uint64_t *stack)
{
    if (strcmp(op, "aten::sort") == 0) abort();
    int32_t (*real)(const char *, const char *, uint64_t *) = dlsym(RTLD_NEXT, "aoti_torch_call_dispatcher");
    return real(op, overload, stack);
}
C
cc -shared -fPIC front.c -o site/torch/lib/libtorch_cpu.so -Wl,--no-as-needed "$real" -Wl,-rpath,"$(dirname "$real")" -ldl

"$program" run relu/1000 sort/100x10/axis=0 sigmoid/1000 --backend t="torch@$scratch/site" --backends native,t \
    --quick --db runs.db --format json -o run.json >out 2>err </dev/null
python3 - <<'P' || fail "the cells: $(cat err)"
import json
cells = {(c["case"].split("/")[0], c["backend"].split(":")[0]): c for c in json.load(open("run.json"))["cells"]}
assert len(cells) == 6, cells.keys()
for (op, backend), cell in cells.items():
    lost = op == "sort" and backend != "native"
    assert cell["status"] == ("CRASHED" if lost else "OK"), (op, backend, cell["status"], cell["reason"])
    assert not lost or "SIGABRT" in cell["reason"], cell["reason"]
print("sort is CRASHED:", cells["sort", "t"]["reason"])
P
finish
