#!/usr/bin/env bash
# broken.sh PROGRAM FOLDER: a ggml that is missing, damaged, for another processor or with other numbers gives one clear
# line, one that aborts takes its cell with it, and the rest of the run is unharmed. The last two need a real one.
folder=$(realpath -m "${TENSORMARK_GGML:-$2}")
source "$(dirname "$0")/../adapter_broken.sh" "$1" ggml relu/100

mkdir nothing
unsupported "$scratch/nothing" "no ggml in $scratch/nothing"
unsupported "$scratch/nowhere" "$scratch/nowhere cannot be read"
for kind in empty text short other; do
    damaged $kind $kind/libggml.so $kind
done
unsupported "$scratch/text/libggml.so" "is no library"
if command -v cc >/dev/null; then
    stranger stranger/libggml.so
    unsupported "$scratch/stranger" "lacks ggml_"
fi

if ! ldconfig -p 2>/dev/null | grep -q libggml; then
    alone
    holds out "no ggml found: pip install llama-cpp-python, or --backend NAME=ggml@PATH"
fi

"$program" verify relu/100 --backend g=ggml@"$folder":cuda --backends g >out 2>err </dev/null
holds out "ggml runs on cpu here, not on cuda"
"$program" verify relu/100 --backend g=ggml@"$folder":cpu+compile --backends g >out 2>err </dev/null
grep -qE "^UNSUPPORTED .*(no option 'compile'|no ggml in)" out || fail "+compile: $(cat out err)"

# front NAME CODE: the real library behind a function of ours.
front() {
    mkdir "$1"
    cc -shared -fPIC -x c - -x none -o "$1/libggml.so" -Wl,--no-as-needed "$real" -Wl,-rpath,"$(dirname "$real")" <<<"$2"
}
real=$(find "$folder"/ -path '*llama_cpp/lib/libggml.so' -print -quit 2>/dev/null)
if [ -n "$real" ] && command -v cc >/dev/null; then
    front numbers 'const char *ggml_type_name(int type) { return type == 30 ? "q9" : "f32"; }'
    unsupported "$scratch/numbers" "calls its type 1 f32, not f16: another ggml is needed"
    front memory 'unsigned long ggml_get_mem_size(void *context) { return context != 0; }'
    unsupported "$scratch/memory" "takes other parameters in ggml_init"
    front abort 'void abort(void); void *ggml_relu(void) { abort(); }'
    "$program" verify relu/100 sigmoid/100 --backend g="ggml@$scratch/abort" --backends native,g >out 2>err </dev/null
    grep -qE '^CRASHED +relu/100/f32' out || fail "relu did not crash: $(cat out)"
    [ "$(grep -cE '^pass ' out)" -eq 3 ] || fail "more than one cell was lost: $(cat out)"
fi
finish
