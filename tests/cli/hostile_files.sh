#!/usr/bin/env bash
# Case files: every error is told with line and column, whatever the size, and nothing is measured.
source "$(dirname "$0")/common.sh" "$1"

# file_refused FILE PATTERN...: exit status 2, stdout empty, every pattern on stderr, no database.
file_refused() {
    local file=$1 status
    shift
    timeout 60 "$program" run "$file" >out 2>err </dev/null
    status=$?
    [ $status -eq 2 ] || fail "exit status $status, not 2: $file"
    [ ! -s out ] || fail "something on stdout: $file"
    [ "$(wc -l <err)" -le 102 ] || fail "$(wc -l <err) lines on stderr: $file"
    [ "$(wc -c <err)" -le 100000 ] || fail "$(wc -c <err) bytes on stderr: $file"
    for pattern in "$@"; do
        grep -q -- "$pattern" err || fail "'$pattern' is not told of $file: $(head -3 err)"
    done
    [ ! -e data/tensormark/results.db ] || fail "a database was made: $file"
}

cat >bad.txt <<'END'
# a comment
softmax/100x100
softmacks/100x100
  relu/10xten
matmul/2x3,4x5
softmax/4x4/axis=nan
relu/100 # fine
relu/-1
END
file_refused bad.txt '^bad.txt:3:1: ' '^bad.txt:4:' '^bad.txt:5:' '^bad.txt:6:' '^bad.txt:8:'
[ "$(grep -c '^bad.txt:' err)" -eq 5 ] || fail "not every error is told once: $(cat err)"
! grep -q '^bad.txt:[1257]:' err || [ "$(grep -c '^bad.txt:[127]:' err)" -eq 0 ] || fail "a good line is blamed"

head -c 10000000 /dev/zero | tr '\0' 'x' >wide.txt
file_refused wide.txt '^wide.txt:1:'
{ printf 'softmax/'; head -c 10000000 /dev/zero | tr '\0' '9'; } >digits.txt
file_refused digits.txt '^digits.txt:1:'
echo 'relu/1..100000+1x1..100000+1' >huge.txt # 10^10 cells
file_refused huge.txt '^huge.txt:1:'
yes 'relu/1..300+1x1..300+1' | head -4 >sum.txt # each line is allowed, all together are not
sed -i 's/x1/x2/2;2s/relu/selu/;3s/relu/sigmoid/;4s/relu/softplus/' sum.txt
file_refused sum.txt '^sum.txt:2:'
yes 'nonsense' | head -100000 >many.txt
file_refused many.txt '^many.txt:1:1: ' 'more'
head -c 100000 /dev/urandom >random.txt
file_refused random.txt '^random.txt:1:'
printf 'relu/100\0softmax/100\n' >zero.txt
file_refused zero.txt '^zero.txt:1:'
printf '\xef\xbb\xbf{"json": NaN}\n' >json.txt
file_refused json.txt '^json.txt:1:'
printf '\e[31mrelu/100\n' >escape.txt
file_refused escape.txt '^escape.txt:1:1: '
! grep -q $'\e' err || fail "an escape sequence reached the terminal"
mkfifo fifo.txt
file_refused fifo.txt 'not a regular file'
: >empty.txt
refused "no case is left" run empty.txt
finish
