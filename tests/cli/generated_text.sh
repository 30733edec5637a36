#!/usr/bin/env bash
# What is made from the tables: help, man page, completions; and lists, which need no database.
source "$(dirname "$0")/common.sh" "$1"

works help
for command in run list show compare verify limits doctor help; do
    holds out "  $command"
    "$program" "$command" --help >"$command.help" 2>err || fail "$command --help"
    holds "$command.help" "Usage: tensormark $command"
    holds "$command.help" "--help"
    "$program" help "$command" | cmp -s - "$command.help" || fail "help $command differs from $command --help"
done
for option in --backends --backend --base --torch --filter --exclude --quick --full --budget --threads --dtype --seed \
    --cooldown --resume --dry-run --samples --format --output --db --strict --fail-on-regression --baseline --junit --summary --color --quiet --verbose; do
    holds run.help "$option"
done
! grep -q -- --dump run.help || fail "run --help shows an option of verify"
awk 'length > 80 { print FILENAME ": " $0; bad = 1 } END { exit bad }' ./*.help || fail "help is wider than 80 columns"

works help --man
holds out ".TH TENSORMARK 1"
holds out 'TENSORMARK_DRY_RUN'
! grep -nE "^'|^\.[^A-Z]" out || fail "the man page has a stray request"
if command -v man >/dev/null && man --version >/dev/null 2>&1; then
    man --warnings -l out >/dev/null 2>err && [ ! -s err ] || fail "man warns: $(head -3 err)"
fi

works help --completion bash
cp out completion
# completes WORDS... EXPECTED: with the words typed so far, EXPECTED is among the completions.
completes() {
    local expected=${*: -1} typed=("${@:1:$#-1}")
    bash -c 'source ./completion; COMP_WORDS=("${@}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _tensormark
             printf "%s\n" "${COMPREPLY[@]}"' bash "${typed[@]}" >out
    grep -qxF -- "$expected" out || fail "'${typed[*]}' is not completed with '$expected': $(tr '\n' ' ' <out)"
}
completes tensormark ru run
completes tensormark run --bac --backends
completes tensormark run --format j jsonl
completes tensormark list ba backends
completes tensormark help sh show
completes tensormark run op ops
touch 'my cases.txt'
completes tensormark run my 'my cases.txt'
completes tensormark show --db my 'my cases.txt'
! bash -c 'source ./completion; COMP_WORDS=(tensormark list --qui); COMP_CWORD=2; _tensormark
           [ ${#COMPREPLY[@]} -gt 0 ]' || fail "an option of another command is completed"

works list
holds out "| ops "
holds out "91 |"
works list suites
works list ops
holds out "| softmax "
works list cases
[ "$(wc -l <out)" -eq 91 ] || fail "$(wc -l <out) cases, not 91"
works list cases ops --filter '^sort/' --dtype f32,bf16
[ "$(wc -l <out)" -eq 6 ] || fail "not 3 cases in 2 types: $(cat out)"
works list cases 'relu/{8,16}x4' softmax/2x2
[ "$(wc -l <out)" -eq 3 ] || fail "not 3 cases: $(cat out)"
TENSORMARK_FILTER='^sum_all' works list cases
[ "$(wc -l <out)" -eq 4 ] || fail "the environment does not count: $(cat out)"
TENSORMARK_FILTER='^sum_all' works list cases --filter '^bce'
holds out "bce/"
works list cases 'relu/{8,16}x4' --format jsonl
[ "$(grep -cE '^\{"case":"relu/[0-9]+x4/f32","key":"[0-9a-f]{32}","graph":\{.*"shape":\[[0-9]+,4\]\}\],"outputs":\[1\]\}\}$' out)" -eq 2 ] ||
    fail "not a graph a line: $(cat out)"
printf '\110\0\0\0\0\0\0\0%-72s%8s' '{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}' '' >model.safetensors
works list tensors --model .
holds out "| a      |   F32 |   2x1 |     8 | model.safetensors |"
works list tensors --model model.safetensors --format csv
holds out "a,F32,2x1,8,model.safetensors"
works list tensors --model . --format jsonl
holds out '{"tensor":"a","dtype":"F32","shape":[2,1],"bytes":8,"file":"model.safetensors"}'
works list backends
holds out "native:cpu"
"$program" list runs >out 2>err || fail "list runs without a database"
works doctor
holds out "# Findings"
holds out "not there yet"
works run --dry-run relu/100 --backends native
holds out "relu/100/f32"
works --version
[ ! -e data/tensormark/results.db ] || fail "a database was made by looking"

# Results that cannot be written are an error.
if [ -e /dev/full ]; then
    "$program" list >/dev/full 2>err
    [ $? -eq 1 ] || fail "a full standard output is not noticed"
fi
"$program" list -o nowhere/x >out 2>err
[ $? -eq 1 ] && holds err "nowhere/x" || fail "an unwritable -o is not noticed"
works list && cp out wanted
"$program" list -o written >out 2>err && [ ! -s out ] && cmp -s wanted written || fail "-o"
finish
