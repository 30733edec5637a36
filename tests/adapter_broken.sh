# What the broken.sh of the adapters share. Sourced with PROGRAM ADAPTER CASE [OPTION]: engine and adapter have the case, in
# a single dtype; the option names the adapter's library.
adapter=$2 case=$3 option=${4:-}
source "$(dirname "${BASH_SOURCE[0]}")/cli/common.sh" "$1"
variable=TENSORMARK_${adapter^^}
listed=$adapter:cpu # the backend that stands in the list where none can be used
unset VIRTUAL_ENV "$variable"

# one_refused BACKEND WORDS ARGUMENT...: verify gives one line of the backend with the words, and the engine beside it passes.
one_refused() {
    "$program" verify "$case" "${@:3}" --backends "native,$1" >out 2>err </dev/null
    [ "$(grep -c '^pass .* native:cpu' out)" -eq 1 ] || fail "$*: the engine was harmed: $(cat out err)"
    [ "$(grep -c '^UNSUPPORTED ' out)" -eq 1 ] || fail "$*: not one UNSUPPORTED line: $(cat out err)"
    grep -q "^UNSUPPORTED .* $1 " out || fail "$*: the line is not of $1: $(cat out)"
    holds out "$2"
}

# unsupported PLACE WORDS: behind an @, named by the option, and by the variable in a run and in the list.
unsupported() {
    one_refused x "$2" --backend x="$adapter@$1"
    [ -z "$option" ] || one_refused "$adapter:cpu" "$2" "$option" "$1"
    export "$variable=$1"
    one_refused "$adapter:cpu" "$2"
    "$program" list backends >out 2>err </dev/null
    grep -F "$listed" out | grep -qF -- "$2" || fail "$1: list backends: $(cat out)"
    unset "$variable"
}

# damaged KIND LIBRARY [PLACE]: a library of that kind, which the adapter finds in PLACE (or is given itself).
damaged() {
    local words="is no library"
    mkdir -p "$(dirname "$2")"
    case $1 in
        empty) : >"$2" ;;
        text) echo 'this is not a library, but it is longer than the head of one' >"$2" ;;
        short)
            head -c 64 "$program" >"$2"
            words="is cut off"
            ;;
        other)
            head -c 4096 "$program" >"$2"
            printf '\x28\x00' | dd of="$2" bs=1 seek=18 conv=notrunc status=none # 32-bit Arm
            words="built for another processor (ELF machine 40"
            ;;
    esac
    unsupported "$scratch/${3:-$2}" "$words"
}

# stranger LIBRARY: one that can be loaded and is another program's.
stranger() {
    mkdir -p "$(dirname "$1")"
    echo 'int nothing;' | cc -shared -fPIC -x c - -o "$1"
}

# alone [VARIABLE=VALUE...]: with nothing installed nothing is looked into for long, and the engine runs.
alone() {
    env -i PATH="$scratch" HOME="$HOME" "$@" "$program" verify "$case" --backends "native,$adapter:cpu" >out 2>err
    grep -q '^pass .* native:cpu' out || fail "the engine was harmed: $(cat out err)"
}
