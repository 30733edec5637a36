# What the scripts share: the program, a scratch folder that is home and data folder, and checks.
set -uo pipefail
program=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HOME=$scratch XDG_DATA_HOME=$scratch/data XDG_CACHE_HOME=$scratch/cache TERM=dumb
cd "$scratch"
failures=0

fail() {
    echo "FAIL: $*"
    failures=$((failures + 1))
}

# refused WORDS ARGUMENT...: exit status 2, nothing on stdout, stderr one line with WORDS, no database made.
refused() {
    local words=$1 status
    shift
    timeout 60 "$program" "$@" >out 2>err </dev/null
    status=$?
    [ $status -eq 2 ] || fail "exit status $status, not 2: $*"
    [ ! -s out ] || fail "something on stdout: $*"
    [ "$(wc -l <err)" -eq 1 ] || fail "$(wc -l <err) lines on stderr, not 1: $*: $(head -3 err)"
    grep -qF -- "$words" err || fail "'$words' is not in '$(head -1 err)': $*"
    [ ! -e data/tensormark/results.db ] || fail "a database was made: $*"
}

# works ARGUMENT...: exit status 0 with something on stdout, in the file `out`.
works() {
    local status
    timeout 120 "$program" "$@" >out 2>err </dev/null
    status=$?
    [ $status -eq 0 ] || fail "exit status $status, not 0: $*: $(tail -2 err)"
    [ -s out ] || fail "nothing on stdout: $*"
}

# holds FILE WORDS: the file holds the words.
holds() { grep -qF -- "$2" "$1" || fail "'$2' is not in $1: $(head -5 "$1")"; }

finish() {
    [ $failures -eq 0 ] && echo "all well"
    exit $((failures > 0))
}
