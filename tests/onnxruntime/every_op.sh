#!/usr/bin/env bash
# every_op.sh PROGRAM FOLDER: every op on small shapes against the oracle, as a user has it and tuned. What this ONNX
# Runtime has no kernel for must say so in its words; 77 without one.
here=$(realpath "$(dirname "$0")")
export TENSORMARK_ONNXRUNTIME=${TENSORMARK_ONNXRUNTIME:-$(realpath -m "$2")}
source "$here/../cli/common.sh" "$1"
if ! "$program" list backends | grep -F 'onnxruntime:cpu' | grep -q yes; then
    echo "skipped: no ONNX Runtime"
    exit 77
fi
"$program" list cases "$here/small.txt" >cases
"$program" verify "$here/small.txt" --backends onnxruntime:cpu >out 2>err </dev/null
"$program" verify "$here/small.txt" --backends onnxruntime:cpu+tuned --filter '/f32$' >>out 2>>err </dev/null
wanted=$(($(grep -cE '/(f32|bf16|f16)' cases) + $(grep -cE '/f32' cases)))
grep -vE '^pass ' out |
    grep -vE "^UNSUPPORTED .*(Could not find an implementation for|Type Error: Type 'tensor\(|data type is not supported|ONNX )" &&
    fail "the lines above"
grep -E '^UNSUPPORTED .*/f32 ' out | grep -vE 'ONNX (has no axis of a scalar|takes no slope of more axes)' &&
    fail "the lines above: float32 is not refused"
passed=$(grep -c '^pass ' out)
[ "$(wc -l <out)" -eq "$wanted" ] || fail "$(wc -l <out) lines, not $wanted: $(tail -3 err)"
[ "$passed" -gt $((wanted * 2 / 3)) ] || fail "only $passed of $wanted pass"
echo "$passed of $wanted pass"
finish
