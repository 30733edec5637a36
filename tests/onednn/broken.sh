#!/usr/bin/env bash
# broken.sh PROGRAM: a oneDNN that is missing, damaged, no oneDNN or of another version gives one clear line; the rest of
# the run is unharmed.
source "$(dirname "$0")/../cli/common.sh" "$1"
unset VIRTUAL_ENV TENSORMARK_ONEDNN

# unsupported PLACE WORDS: behind an @, and in the environment.
unsupported() {
    "$program" verify relu/100 --backend d="onednn@$1" --backends native,d >out 2>err </dev/null
    [ "$(grep -c '^pass .* native:cpu' out)" -eq 1 ] || fail "@$1: the engine was harmed: $(cat out err)"
    [ "$(grep -c '^UNSUPPORTED .* d ' out)" -eq 1 ] || fail "@$1: not one UNSUPPORTED line: $(cat out err)"
    holds out "$2"
    TENSORMARK_ONEDNN=$1 "$program" list backends >out 2>err </dev/null
    grep -F 'onednn:cpu' out | grep -qF -- "$2" || fail "$1: list backends: $(cat out)"
}

mkdir nothing
echo 'this is not a library, but it is longer than the head of one' >text.so
head -c 64 "$program" >short.so
unsupported "$scratch/nothing" "no oneDNN in $scratch/nothing"
unsupported "$scratch/nowhere.so" "nowhere.so cannot be read"
unsupported "$scratch/text.so" "is no library"
unsupported "$scratch/short.so" "cannot be loaded"

# library NAME MAJOR RUNTIME: one that knows its version and nothing else.
library() {
    mkdir -p "$1/lib"
    cc -shared -fPIC -x c - -o "$1/lib/libdnnl.so.3" <<C
struct version { int major, minor, patch; const char *hash; unsigned cpu, gpu; };
const struct version *dnnl_version(void) { static struct version v = {$2, 9, 1, "", $3, 0}; return &v; }
C
}
if command -v cc >/dev/null; then
    echo 'int nothing;' | cc -shared -fPIC -x c - -o stranger.so
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
