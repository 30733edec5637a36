#!/usr/bin/env bash
# every_op.sh PROGRAM FOLDER: every op on small shapes against the oracle, as a user calls it and tuned. What this PyTorch
# has no kernel for must say so in its words; 77 without a PyTorch.
here=$(realpath "$(dirname "$0")")
export TENSORMARK_TORCH=${TENSORMARK_TORCH:-$(realpath -m "$2")}
source "$here/../cli/common.sh" "$1"
if ! "$program" list backends | grep -F 'torch:cpu' | grep -q yes; then
    echo "skipped: no PyTorch"
    exit 77
fi
"$program" verify "$here/small.txt" --backends torch:cpu,torch:cpu+tuned >out 2>err </dev/null
wanted=$(("$("$program" list cases "$here/small.txt" | grep -cE '/(f32|bf16|f16)')" * 2))
grep -vE '^pass ' out | grep -vE "^UNSUPPORTED .*(not implemented for|torch_scalar_ops)" && fail "the lines above"
passed=$(grep -c '^pass ' out)
[ "$(wc -l <out)" -eq "$wanted" ] || fail "$(wc -l <out) lines, not $wanted: $(tail -3 err)"
[ "$passed" -gt $((wanted * 3 / 4)) ] || fail "only $passed of $wanted pass"
echo "$passed of $wanted pass"
finish
