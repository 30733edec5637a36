#!/usr/bin/env bash
# broken.sh PROGRAM: a PyTorch that is missing, damaged, too old or for another processor gives one clear line, and the
# rest of the run is unharmed.
source "$(dirname "$0")/../adapter_broken.sh" "$1" torch relu/100 --torch

mkdir -p nothing old/torch/lib
cp "$program" old/torch/lib/libtorch_cpu.so
echo "__version__ = '2.9.1+cpu'" >old/torch/version.py

unsupported "$scratch/nothing" "no PyTorch in $scratch/nothing"
unsupported "$scratch/nowhere" "no PyTorch in $scratch/nowhere"
for kind in empty text short; do
    damaged $kind $kind/libtorch_cpu.so $kind
done
damaged other other/lib/libtorch_cpu.so other
unsupported "$scratch/old" "PyTorch 2.9.1+cpu in $scratch/old/torch/lib is too old: 2.10 or later is needed"

# A program that is no PyTorch at all is loaded, and found out.
if command -v cc >/dev/null; then
    stranger stranger/libtorch_cpu.so
    unsupported "$scratch/stranger" "lacks aoti_torch_"
fi

alone
holds out "no PyTorch found: pip install torch, or --torch PATH"

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
