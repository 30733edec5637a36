#!/usr/bin/env bash
# broken.sh PROGRAM: an ONNX Runtime that is missing, damaged, too old, of another kind or for another processor gives one
# clear line, and the rest of the run is unharmed.
source "$(dirname "$0")/../cli/common.sh" "$1"
unset VIRTUAL_ENV TENSORMARK_ONNXRUNTIME

# unsupported FOLDER WORDS: named by the variable, and behind an @ in a run with the engine.
unsupported() {
    TENSORMARK_ONNXRUNTIME=$1 "$program" verify relu/100 --backends native,onnxruntime >out 2>err </dev/null
    [ "$(grep -c '^pass .* native:cpu' out)" -eq 1 ] || fail "$1: the engine was harmed: $(cat out err)"
    [ "$(grep -c '^UNSUPPORTED .* onnxruntime:cpu' out)" -eq 1 ] || fail "$1: not one UNSUPPORTED line: $(cat out err)"
    holds out "$2"
    "$program" verify relu/100 --backend o="onnxruntime@$1" --backends native,o >out 2>err </dev/null
    [ "$(grep -c '^pass .* native:cpu' out)" -eq 1 ] || fail "@$1: the engine was harmed: $(cat out err)"
    holds out "$2"
}

mkdir nothing empty text other
: >empty/libonnxruntime.so.1.31.1
echo 'this is not a library, but it is longer than the head of one' >text/libonnxruntime.so.1.31.1
head -c 4096 "$program" >other/libonnxruntime.so.1.31.1
printf '\x28\x00' | dd of=other/libonnxruntime.so.1.31.1 bs=1 seek=18 conv=notrunc status=none # 32-bit Arm

unsupported "$scratch/nothing" "no ONNX Runtime in $scratch/nothing"
unsupported "$scratch/nowhere" "no ONNX Runtime in $scratch/nowhere"
unsupported "$scratch/empty" "is no library"
unsupported "$scratch/text" "is no library"
unsupported "$scratch/other" "built for another processor (ELF machine 40"

# made FOLDER CODE: a library of that name with other content.
made() {
    mkdir "$1"
    echo "$2" | cc -shared -fPIC -w -x c - -o "$1/libonnxruntime.so.1.31.1"
}
if command -v cc >/dev/null; then
    made stranger 'int nothing;'
    unsupported "$scratch/stranger" "it lacks OrtGetApiBase"
    base='static void *get(unsigned v) { return TABLE; } static char *version(void) { return VERSION; }
        static struct { void *get, *version; } base = {get, version}; void *OrtGetApiBase(void) { return &base; }'
    made old "#define TABLE 0
        #define VERSION \"1.9.0\"
        $base"
    unsupported "$scratch/old" "ONNX Runtime 1.9.0 in $scratch/old/libonnxruntime.so.1.31.1 is too old: 1.14 or later"
    made future "#define TABLE 0
        #define VERSION \"2.0.0\"
        $base"
    unsupported "$scratch/future" "ONNX Runtime 2.0.0 in $scratch/future/libonnxruntime.so.1.31.1 is not known"
    made none "#define TABLE 0
        #define VERSION \"1.30.0\"
        $base"
    unsupported "$scratch/none" "ONNX Runtime 1.30.0 has no C interface of version 14"
    made moved "static void *zero(void) { return 0; }
        static void *table[400] = {[0 ... 399] = zero};
        #define TABLE table
        #define VERSION \"1.30.0\"
        $base"
    unsupported "$scratch/moved" "has not the functions that ONNX Runtime has"
fi

# Another device, whatever is installed.
"$program" verify relu/100 --backends native,onnxruntime:cuda >out 2>err </dev/null
holds out "onnxruntime runs on cpu, not on 'cuda'"

# With none at all, nothing is looked into for long, and the engine runs alone.
env -i PATH="$scratch" HOME="$HOME" "$program" verify relu/100 --backends native,onnxruntime:cpu >out 2>err
if ! grep -q '^pass .* onnxruntime:cpu' out; then # the system may have one
    holds out "no ONNX Runtime found: pip install onnxruntime, or TENSORMARK_ONNXRUNTIME=PATH"
fi
grep -q '^pass .* native:cpu' out || fail "the engine was harmed: $(cat out err)"
finish
