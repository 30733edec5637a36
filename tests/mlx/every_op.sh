#!/usr/bin/env bash
# every_op.sh PROGRAM FOLDER BACKEND: every op on small and odd shapes against the oracle. What MLX is known to refuse or to
# compute wrongly (docs/mlx.md) may do so, nothing else. Compiled, in float32 alone: each kernel is built by g++. 77
# without an MLX.
here=$(realpath "$(dirname "$0")")
export TENSORMARK_MLX=${TENSORMARK_MLX:-$(realpath -m "$2")}
backend=$3
source "$here/../cli/common.sh" "$1"
if ! "$program" verify sum_all/8 --backends "$backend" | grep -q '^pass'; then
    echo "skipped: no MLX, no part for it, or no g++"
    exit 77
fi
known='^(INVALID +(selu/[^ ]*/f32|gelu/[^ ]*=none/f32|bce/1000x30,1000x30/f16) |UNSUPPORTED +(sort/scalar|prelu/0|prelu/scalar)/|lowacc +bce/)'
cat "$here/../torch/small.txt" "$here/odd.txt" >all.txt
[ "$backend" = mlx:cpu ] || sed -i -E 's/\{f32,[^}]*\}$/f32/; /\{bf16,f16\}$/d' all.txt
"$program" verify all.txt --backends "$backend" >out 2>err </dev/null
wanted=$("$program" list cases all.txt | grep -cE '/(f32|bf16|f16)')
[ "$(grep -cE '^(pass|lowacc|INVALID|UNSUPPORTED|FAILED) ' out)" -eq "$wanted" ] || fail "not $wanted lines: $(tail -3 err)"
grep -vE '^pass ' out | grep -vE "$known" && fail "the lines above"
passed=$(grep -c '^pass ' out)
[ "$passed" -gt $((wanted * 9 / 10)) ] || fail "only $passed of $wanted pass"
echo "$passed of $wanted pass"
finish
