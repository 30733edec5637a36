#!/bin/sh
# The template builds out of the tree by the command in its own first lines, and is measured like any backend.
# Arguments: the program, the source tree.
set -eu
program=$1
source=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

cp "$source/backends/template/template.c" "$folder/"
cp -r "$source/include" "$folder/"
command=$(sed -n 's/^ \*     \(cc .*\)$/\1/p' "$folder/template.c")
[ -n "$command" ] || fail "no build command at the top of template.c"
(cd "$folder" && sh -c "$command") || fail "does not build: $command"

printf 'relu/33x65\nmatmul/17x9,9x31\nsoftmax/8x8/axis=-1\n' > "$folder/cases.txt"
status=0
"$program" verify "$folder/cases.txt" --backend "mine=template@$folder/libmine.so" --backends mine \
    > "$folder/out.txt" 2> "$folder/err.txt" || status=$?
cat "$folder/out.txt"
[ "$status" -eq 0 ] || fail "verify exits with $status: $(cat "$folder/err.txt")"
[ "$(grep -c '^pass ' "$folder/out.txt")" -eq 2 ] || fail "relu and matmul should pass"
grep -q '^UNSUPPORTED .*softmax.*template has no op softmax' "$folder/out.txt" || fail "softmax should be UNSUPPORTED"
