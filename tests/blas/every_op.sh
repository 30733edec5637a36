#!/usr/bin/env bash
# every_op.sh PROGRAM: the BLAS that the loader finds: products pass, other ops say that BLAS has none; 77 without a BLAS.
here=$(realpath "$(dirname "$0")")
source "$here/../cli/common.sh" "$1"
if ! "$program" list backends | grep -F 'blas:cpu' | grep -q yes; then
    echo "skipped: no BLAS"
    exit 77
fi
"$program" verify "$here/small.txt" --backends blas,blas+tuned,blas+threads=1 >out 2>err </dev/null
wanted=$(("$(grep -c / "$here/small.txt")" * 3))
[ "$(grep -c '^pass ' out)" -eq "$wanted" ] || fail "not all $wanted pass: $(grep -v '^pass ' out err | head)"

others=(relu/17x33 softmax/9x101 layer_norm/6x5x64 conv1d/3x20x5,4x3x5 conv2d/2x9x11x3,4x3x3x3 sort/6x7 sum_all/5x6x7)
"$program" verify "${others[@]}" --backends blas >out 2>err </dev/null
[ "$(grep -c '^UNSUPPORTED .*BLAS has no' out)" -eq ${#others[@]} ] || fail "not all others are UNSUPPORTED: $(cat out err)"
finish
