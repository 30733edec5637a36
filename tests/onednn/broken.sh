#!/usr/bin/env bash
# broken.sh PROGRAM: a oneDNN that is missing, damaged, no oneDNN or of another version gives one clear line; the rest of
# the run is unharmed.
source "$(dirname "$0")/../adapter_broken.sh" "$1" onednn relu/100

mkdir nothing
unsupported "$scratch/nothing" "no oneDNN in $scratch/nothing"
unsupported "$scratch/nowhere.so" "nowhere.so cannot be read"
damaged text text.so
damaged short short.so

# library NAME MAJOR RUNTIME: one that knows its version and nothing else.
library() {
    mkdir -p "$1/lib"
    cc -shared -fPIC -x c - -o "$1/lib/libdnnl.so.3" <<C
struct version { int major, minor, patch; const char *hash; unsigned cpu, gpu; };
const struct version *dnnl_version(void) { static struct version v = {$2, 9, 1, "", $3, 0}; return &v; }
C
}
if command -v cc >/dev/null; then
    stranger stranger.so
    unsupported "$scratch/stranger.so" "is no oneDNN: it lacks dnnl_version"
    library old 1 2
    unsupported "$scratch/old" "oneDNN 1.9.1 (OpenMP) in $scratch/old/lib/libdnnl.so.3: versions 2 and 3 are understood"
    library empty 3 512
    unsupported "$scratch/empty" "oneDNN 3.9.1 (SYCL) in $scratch/empty/lib/libdnnl.so.3 lacks dnnl_"
fi
"$program" verify relu/100 --backends onednn:gpu >out 2>err </dev/null
holds out "onednn runs on cpu, not on 'gpu'"
"$program" verify relu/100 --backends onednn+compile >out 2>err </dev/null
grep -qE "onednn has no option 'compile', only tuned|no oneDNN found" out || fail "+compile: $(cat out err)"
finish
