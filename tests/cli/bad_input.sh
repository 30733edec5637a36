#!/usr/bin/env bash
# A request that cannot be met is answered with one clear line and exit status 2; nothing is measured or written.
source "$(dirname "$0")/common.sh" "$1"

refused "did you mean 'run'?" runn
refused "unknown command 'xyzzy'" xyzzy
refused "did you mean '--filter'?" run --filtre x
refused "unknown option '-z'" run -z
refused "'list' has no option --quick" list --quick
refused "--seed needs a value" run --seed
refused "'-1' is not a number" run --seed -1
refused "'99999999999999999999' is not a number" run --seed=99999999999999999999
refused "--quick takes no value" run --quick=yes
refused "--quick and --full exclude each other" run --quick --full
refused "'2' is not a number from 0 to 1" run --cooldown 2
refused "'nan' is not a number from 0 to 1" run --cooldown nan
refused "'soon' is not a time" run --budget soon
refused "'xml' is not md|csv|json|jsonl" run --format xml
refused "'f64' is not one of" run --dtype f64
refused "f32 stands there twice" run --dtype f32,f32
refused "'0' is not a number from 1 to 4096" run --threads 0
refused "2 stands there twice" run --threads 2,1,2
refused "--filter: '('" run --filter '('
refused "--exclude: '[a'" run --exclude '[a'
refused "no case is left" run --filter '^nothing has this id$'
refused "no case is left" list cases --exclude '.'
refused "list: --format is md, for cases also jsonl" list cases --format csv
refused "list: --format is md, for cases also jsonl" list ops --format jsonl
refused "did you mean 'ops'?" run opps
refused "did you mean 'softmax'?" run sofmax/10x10
refused "case 'softmax/', column" run softmax/
refused "case 'softmax/10x10/axis=7', column" run softmax/10x10/axis=7
refused "case 'matmul/2x3,4x5', column" run matmul/2x3,4x5
refused "column" run relu/0x99999999999999999999
refused "unknown backend 'nativ'" run relu/100 --backends nativ
refused "more than 64 backends" run relu/100 --backends "$(printf 'native+delay=%s,' {1..64})native"
refused "an empty name" run relu/100 --backends native,,native
refused "'native:cpu' stands there twice" run relu/100 --backends native,native:cpu
refused "unknown option '+fast'" run relu/100 --backends native+fast
refused "'x' is not NAME=SPEC" run relu/100 --backend x
refused "--base: 'torch:cpu'" run relu/100 --backends native --base torch:cpu
refused "nothing.txt: No such file" run nothing.txt
refused "./nothing: No such file" run ./nothing
refused "not a regular file" run /dev/zero
refused "not a regular file" run "$scratch"
refused "list: 'everything' is not one of" list everything
refused "did you mean 'tensors'?" list tensor
refused "list tensors needs --model" list tensors
refused "encode: --model DIR says which model" encode
refused "text comes from standard input" encode --model . text
refused "several rows a line, --format csv takes one" encode --model . --pool none --format csv
refused "--max-length is a number of tokens" encode --model . --max-length 0
refused "No such file" encode --model nothing
refused "holds neither model.safetensors nor" encode --model .
refused "takes no more words" list tensors --model . x
refused "'run' has no option --model" run --model .
refused "No such file" list tensors --model nothing
refused "holds neither model.safetensors nor" list tensors --model .
refused "takes no more words" list ops softmax
refused "one run at a time" show a b
refused "show --efficiency: --format is md" show --efficiency --format json
refused "no results there yet" show
refused "compare takes two runs, or one" compare
refused "compare takes two runs, or one" compare a b c
refused "compare: --format is md, csv or json" compare a b --format jsonl
refused "no results there yet" compare a b
refused "'compare' has no option --quick" compare a b --quick
refused "no results there yet" run --resume
refused "--baseline goes with --fail-on-regression" run relu/100 --backends native --baseline x
refused "no results there yet" run relu/100 --backends native --fail-on-regression 5 --baseline x
refused "needs --baseline RUN, or another build" run relu/100 --backends native --fail-on-regression 5
refused "'-1' is not a number of percent" run --fail-on-regression -1
refused "'1001' is not a number of percent" run --fail-on-regression=1001
refused "--junit: nowhere/j.xml: No such file" run relu/100 --backends native --junit nowhere/j.xml
refused "--summary: nowhere/s.md: No such file" run relu/100 --backends native --summary nowhere/s.md
refused "is no shared library" run relu/100 --backend old=native@/etc/passwd --backends old
refused "from the run itself" run --resume --seed 3
refused "no kernel's name matches" run kernels '^nothing'
refused "run kernels: '('" run kernels '('
refused "run kernels takes one pattern" run kernels relu tanh
refused "run kernels takes one pattern" run kernels --quick
refused "run kernels: --format is md, csv or json" run kernels --format jsonl
refused "--isa sse9: no such instruction set" run kernels --isa portable,sse9
refused "--isa: one instruction set" run relu/100 --isa portable,avx2
refused "limits: --format is md or json" limits --format csv
refused "limits takes options only" limits now
refused "'fish' is not bash" help --completion fish
TENSORMARK_SEED=many refused "\$TENSORMARK_SEED: 'many'" run
# What would steer a terminal is shown as text.
refused "no suite, file or case id" run $'\e[31mred\e[0m'
! grep -q $'\e' err || fail "an escape sequence reached the terminal"
# Nothing that the user typed reaches a shell or a format.
refused "no suite, file or case id" run '%s%n$(touch hacked)'
[ ! -e hacked ] || fail "a shell ran an argument"

[ "$("$program" 2>&1 >/dev/null; echo $?)" = 2 ] || fail "no command is not refused"
finish
