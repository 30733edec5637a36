#!/usr/bin/env bash
# findings.sh SOURCES: in a tree that is as it should be the check finds nothing; each fault, in C and in C++, is one line.
set -uo pipefail
check=$(realpath "$1/tools/check-style")
format=$(realpath "$1/.clang-format")
if ! command -v git >/dev/null || ! command -v python3 >/dev/null; then
    echo "skipped: no git or no Python"
    exit 77
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir -p tools src/base/kernels backends/one tests
cp "$check" tools/
cp "$format" .
git init -q .
failures=0

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# file NAME: standard input behind an opening comment.
file() {
    { echo "/* What it is for. */" && cat; } >"$1"
}

# long_function LINES: a function of so many lines.
long_function() {
    printf '\nint f(int x)\n{\n'
    for ((i = 2; i < $1; i++)); do echo "    x += $i;"; done
    printf '}\n'
}

# found NAME WORDS: exactly one finding, about this file; the file goes.
found() {
    tools/check-style >out 2>err && fail "status 0 for $1: $2"
    grep -qF -- "$1:" out && grep -qF -- "$2" out && [ "$(grep -c : out)" -eq 2 ] || fail "not one line about $1, '$2': $(cat out err)"
    rm "$1"
}

clean() {
    tools/check-style >out 2>err || fail "$1: $(cat out err)"
}

echo 'int good;' | file src/base/good.c
echo 'int good;' | file backends/one/good.cc
long_function 61 | file tests/long.c
long_function 150 | file src/base/kernels/long.c
clean "a tree as it should be"
grep -q "check-style: 4 files, 0 findings" out || fail "not the four files: $(cat out)"

for end in c cc cpp; do
    echo 'int same;' >backends/one/bad.$end
    found backends/one/bad.$end "does not open with a comment"
    printf '#include "base/text.h"\n' | file backends/one/bad.$end
    found backends/one/bad.$end "a backend may include tensormark/ only"
    long_function 61 | file backends/one/bad.$end
    found backends/one/bad.$end "function of 61 lines, more than 60"
    long_function 60 | file backends/one/fair.$end
    clean "60 lines"
    { printf '#if 0\n' && printf '#endif\n'; } | file src/base/bad.$end
    found src/base/bad.$end "#if 0"
    printf '\nvoid f(char *a)\n{\n    gets(a);\n}\n' | file tests/bad.$end
    found tests/bad.$end "gets is not to be used"
    printf '// %0130d\n' 1 | file tests/bad.$end
    found tests/bad.$end "more than 120"
    printf '//\n%.0s' {1..600} | file src/base/bad.$end
    found src/base/bad.$end "601 lines, more than 600"
    printf '#include "run/run.h"\n' | file src/base/bad.$end
    found src/base/bad.$end "base may not include run"
    if clang-format --version 2>/dev/null | grep -q ' 14\.'; then
        printf 'int   wide;\n' | file backends/one/bad.$end
        found backends/one/bad.$end "not formatted as .clang-format says"
    fi
done

# Only a comment or a text that holds such words.
printf '// gets(a); is not used here, nor sprintf(b)\nconst char *words = "system(x)";\n' | file backends/one/words.cc
clean "words in comments and strings"

git add -A
git -c user.name=x -c user.email=x@x commit -qm "A subject without an area" 2>err
tools/check-style >out 2>&1 && fail "a bad subject passes"
grep -qF 'subject is not `area: effect`' out || fail "the subject: $(cat out)"
[ $failures -eq 0 ] && echo "all well"
exit $((failures > 0))
