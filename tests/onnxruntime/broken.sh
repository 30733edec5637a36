#!/usr/bin/env bash
# broken.sh PROGRAM: an ONNX Runtime that is missing, damaged, too old, of another kind or for another processor gives one
# clear line, and the rest of the run is unharmed.
source "$(dirname "$0")/../adapter_broken.sh" "$1" onnxruntime relu/100

mkdir nothing
unsupported "$scratch/nothing" "no ONNX Runtime in $scratch/nothing"
unsupported "$scratch/nowhere" "no ONNX Runtime in $scratch/nowhere"
for kind in empty text other; do
    damaged $kind $kind/libonnxruntime.so.1.31.1 $kind
done

# made FOLDER CODE: a library of that name with other content.
made() {
    mkdir "$1"
    echo "$2" | cc -shared -fPIC -w -x c - -o "$1/libonnxruntime.so.1.31.1"
}
if command -v cc >/dev/null; then
    stranger stranger/libonnxruntime.so.1.31.1
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

alone
if ! grep -q '^pass .* onnxruntime:cpu' out; then # the system may have one
    holds out "no ONNX Runtime found: pip install onnxruntime, or TENSORMARK_ONNXRUNTIME=PATH"
fi
finish
