#!/usr/bin/env bash
# compile.sh PROGRAM FOLDER SOURCES: packages made ahead of time pass as the same cases do without; one that is missing,
# refused, damaged or made elsewhere is one line, and the command in that line makes it. 77 without PyTorch's compiler.
export TENSORMARK_TORCH=${TENSORMARK_TORCH:-$(realpath -m "$2")}
sources=$(realpath "$3")
source "$(dirname "$0")/../cli/common.sh" "$1"
export TENSORMARK_TORCH_PACKAGES=$scratch/packages TENSORMARK_THREADS=1
export AOT_INDUCTOR_COMPILE_WRAPPER_OPT_LEVEL=O0 # of what calls the kernels; half of the compiler's time
python=$TENSORMARK_TORCH/bin/python3
has_torch='import importlib.util, sys; sys.exit(not importlib.util.find_spec("torch"))'
if ! "$program" list backends | grep -F 'torch:cpu' | grep -q yes || ! "$python" -c "$has_torch" 2>/dev/null ||
    ! command -v g++ >/dev/null; then
    echo "skipped: no PyTorch with its Python, or no C++ compiler"
    exit 77
fi

# checked WORDS CASE...: verify's lines for the cases hold the words.
checked() {
    local words=$1
    shift
    "$program" verify "$@" --backends torch:cpu+compile >out 2>err </dev/null
    [ "$(grep -cF -- "$words" out)" -eq $# ] || fail "not '$words' for $*: $(cat out err)"
}

# Three inputs of 16 bits and a mask that PyTorch needs made; an index, and two calls' worth of accumulation.
cases=(sdpa/2x3x7x16,2x3x19x16,2x3x19x16/mask=causal_end/bf16 scatter_sum/10x12,40)
checked "no package of this graph in $scratch/packages" "${cases[0]}"

# A graph that the compiler refuses keeps its words. It is tried while the others are made, which takes its seconds.
"$program" list cases relu/5 --format jsonl | sed 's/"op":"relu"/"op":"nosuch"/' |
    "$python" "$sources/backends/torch/compile-cases" --threads 1 >refused 2>&1 &
refusal=$!

# What the line says to do is done, in the sources' folder, for the cases.
order=$(sed -n 's/.*: \(tensormark list cases CASE .*\)/\1/p' out)
(cd "$sources" && PATH=$(dirname "$program"):$PATH && eval "${order/CASE/'"${cases[@]}"'}") >made 2>&1 || fail "$order: $(cat made)"
holds made "2 made, 0 there, 0 refused"
wait $refusal
[ $? -eq 3 ] || fail "not status 3 for a graph that is refused: $(cat refused)"
holds refused "refused relu/5/f32 compile-cases does not know the op nosuch"
checked "pass " "${cases[@]}"
"$program" verify "${cases[0]}" --backends torch:cpu+compile --threads 2 >out 2>err </dev/null
holds out "no package of this graph"

# The program measures it beside the others.
"$program" run "${cases[1]}" --backends native,torch:cpu,torch:cpu+compile --quick --db runs.db --format csv >out 2>err </dev/null
[ "$(grep -c ',OK,' out)" -eq 3 ] || fail "not three OK cells: $(cat out err)"

checked "AOTInductor: compile-cases does not know the op nosuch" relu/5
"$program" verify relu/5 --backends torch:cpu+compile+tuned >out 2>err </dev/null
holds out "torch+compile cannot be +tuned"

# Packages of another processor, of another graph, and damaged ones.
key() { "$program" list cases "$1" --format jsonl | sed 's/.*"key":"\([^"]*\)".*/\1/'; }
made=$(dirname "$(ls -d packages/*/cpu-1/"$(key "${cases[0]}")")")
echo "sse2 made_up" >"$made/$(key "${cases[0]}")/features"
checked "was made on a processor with made_up, which this one has not" "${cases[0]}"
rm "$made/$(key "${cases[0]}")/features"
cp "$made/$(key "${cases[1]}")/model.so" "$made/$(key "${cases[0]}")/model.so"
checked "has 2 inputs and 1 outputs, which are not the graph's" "${cases[0]}"
head -c 4096 "$made/$(key "${cases[1]}")/model.so" >"$made/$(key "${cases[0]}")/model.so"
checked "is damaged: run backends/torch/compile-cases with --again" "${cases[0]}"
checked "pass " "${cases[1]}"
finish
