#!/usr/bin/env bash
# broken.sh PROGRAM FOLDER: a ggml that is missing, damaged, for another processor or with other numbers gives one clear
# line, one that aborts takes its cell with it, and the rest of the run is unharmed. The last two need a real one.
folder=$(realpath -m "${TENSORMARK_GGML:-$2}")
source "$(dirname "$0")/../cli/common.sh" "$1"
unset VIRTUAL_ENV TENSORMARK_GGML

# unsupported FOLDER WORDS: named by the environment, and behind an @ in a run with the engine.
unsupported() {
    TENSORMARK_GGML=$1 "$program" list backends >out 2>err </dev/null
    grep -F 'ggml:cpu' out | grep -qF -- "$2" || fail "$1: list backends: $(grep ggml out)"
    "$program" verify relu/100 --backend g="ggml@$1" --backends native,g >out 2>err </dev/null
    [ "$(grep -c '^pass .* native:cpu' out)" -eq 1 ] || fail "@$1: the engine was harmed: $(cat out err)"
    [ "$(grep -c '^UNSUPPORTED ' out)" -eq 1 ] || fail "@$1: not one UNSUPPORTED line: $(cat out err)"
    holds out "$2"
}

mkdir nothing empty text short other
: >empty/libggml.so
echo 'this is not a library, but it is longer than the head of one' >text/libggml.so
head -c 64 "$program" >short/libggml.so
head -c 4096 "$program" >other/libggml.so
printf '\x28\x00' | dd of=other/libggml.so bs=1 seek=18 conv=notrunc status=none # 32-bit Arm

unsupported "$scratch/nothing" "no ggml in $scratch/nothing"
unsupported "$scratch/nowhere" "$scratch/nowhere cannot be read"
unsupported "$scratch/empty" "is no library"
unsupported "$scratch/text" "is no library"
unsupported "$scratch/short" "cannot be loaded"
unsupported "$scratch/text/libggml.so" "is no library"
unsupported "$scratch/other" "built for another processor (ELF machine 40"
if command -v cc >/dev/null; then
    mkdir stranger
    echo 'int nothing;' | cc -shared -fPIC -x c - -o stranger/libggml.so
    unsupported "$scratch/stranger" "lacks ggml_"
fi

# With none at all, nothing is looked into for long, and the engine runs alone.
if ! ldconfig -p 2>/dev/null | grep -q libggml; then
    env -i PATH="$scratch" HOME="$HOME" "$program" verify relu/100 --backends native,ggml:cpu >out 2>err
    holds out "no ggml found: pip install llama-cpp-python, or --backend NAME=ggml@PATH"
    grep -q '^pass .* native:cpu' out || fail "the engine was harmed: $(cat out err)"
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
