#!/usr/bin/env bash
# broken.sh PROGRAM: a PyTorch that is missing, damaged, too old or for another processor gives one clear line, and the
# rest of the run is unharmed.
source "$(dirname "$0")/../cli/common.sh" "$1"
unset VIRTUAL_ENV TENSORMARK_TORCH

# unsupported FOLDER WORDS: named by --torch, and behind an @ in a run with the engine.
unsupported() {
    "$program" verify relu/100 --torch "$1" --backends native,torch:cpu >out 2>err </dev/null
    [ "$(grep -c '^pass .* native:cpu' out)" -eq 1 ] || fail "$1: the engine was harmed: $(cat out err)"
    [ "$(grep -c '^UNSUPPORTED .* torch:cpu' out)" -eq 1 ] || fail "$1: not one UNSUPPORTED line: $(cat out err)"
    holds out "$2"
    "$program" verify relu/100 --backend t="torch@$1" --backends native,t >out 2>err </dev/null
    [ "$(grep -c '^pass .* native:cpu' out)" -eq 1 ] || fail "@$1: the engine was harmed: $(cat out err)"
    holds out "$2"
    TENSORMARK_TORCH=$1 "$program" list backends >out 2>err </dev/null
    grep -F 'torch:cpu' out | grep -qF -- "$2" || fail "$1: list backends: $(cat out)"
}

mkdir nothing empty text short other old
: >empty/libtorch_cpu.so
echo 'this is not a library, but it is longer than the head of one' >text/libtorch_cpu.so
head -c 64 "$program" >short/libtorch_cpu.so
mkdir -p other/lib old/torch/lib
head -c 4096 "$program" >other/lib/libtorch_cpu.so
printf '\x28\x00' | dd of=other/lib/libtorch_cpu.so bs=1 seek=18 conv=notrunc status=none # 32-bit Arm
cp "$program" old/torch/lib/libtorch_cpu.so
echo "__version__ = '2.9.1+cpu'" >old/torch/version.py

unsupported "$scratch/nothing" "no PyTorch in $scratch/nothing"
unsupported "$scratch/nowhere" "no PyTorch in $scratch/nowhere"
unsupported "$scratch/empty" "is no library"
unsupported "$scratch/text" "is no library"
unsupported "$scratch/short" "cannot be loaded"
unsupported "$scratch/other" "built for another processor (ELF machine 40"
unsupported "$scratch/old" "PyTorch 2.9.1+cpu in $scratch/old/torch/lib is too old: 2.10 or later is needed"

# A program that is no PyTorch at all is loaded, and found out.
mkdir stranger
if command -v cc >/dev/null; then
    echo 'int nothing;' | cc -shared -fPIC -x c - -o stranger/libtorch_cpu.so
    unsupported "$scratch/stranger" "lacks aoti_torch_"
fi

# With none at all, nothing is looked into for long, and the engine runs alone.
env -i PATH="$scratch" HOME="$HOME" "$program" verify relu/100 --backends native,torch:cpu >out 2>err
holds out "no PyTorch found: pip install torch, or --torch PATH"
grep -q '^pass .* native:cpu' out || fail "the engine was harmed: $(cat out err)"

# Where it is looked for: each place is found, in order.
found() {
    env -i HOME="$HOME" "${@:2}" "$program" list backends >out 2>err
    grep -F torch:cpu out | grep -qF -- "$1" || fail "not found in $1: $(cat out)"
}
place() {
    mkdir -p "$1/torch/lib"
    cp old/torch/lib/libtorch_cpu.so "$1/torch/lib/"
    cp old/torch/version.py "$1/torch/"
}
place venv/lib/python3.12/site-packages
place path/lib/python3.11/site-packages
mkdir path/bin bin
ln -s /nonexistent path/bin/python3.11
cp "$(type -P true)" path/bin/python3
found "$scratch/path/lib/python3.11" PATH="$scratch/path/bin"
ln -s ../path/bin/python3 bin/python3
found "$scratch/path/lib/python3.11" PATH="$scratch/bin"
found "$scratch/venv/lib/python3.12" PATH="$scratch/bin" VIRTUAL_ENV="$scratch/venv"
found "$scratch/old/torch/lib" PATH="$scratch/bin" VIRTUAL_ENV="$scratch/venv" TENSORMARK_TORCH="$scratch/old"
place .venv/lib/python3.13/site-packages
found "$scratch/.venv/lib/python3.13" PATH="$scratch/bin"
found "$scratch/venv/lib/python3.12" PATH="$scratch/bin" VIRTUAL_ENV="$scratch/venv"
rm -r .venv
place .pyenv/versions/3.12.1/lib/python3.12/site-packages
mkdir shims
printf '#!/bin/sh\n' >shims/python3
chmod +x shims/python3
echo 3.12.1 >.pyenv/version
found "$scratch/.pyenv/versions/3.12.1" PATH="$scratch/shims"
finish
