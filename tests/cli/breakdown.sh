#!/usr/bin/env bash
# breakdown.sh PROGRAM: every op of a layer is measured as a case of its own; shares and difference add up to the whole,
# also later from the record.
source "$(dirname "$0")/common.sh" "$1"
layer=encoder_layer/2x9x24/heads=3,mask=causal
"$program" run $layer relu/100 --quick --backends native --db r.db --breakdown >run.md 2>err || fail "run: $(cat err)"
"$program" show --db r.db --breakdown >show.md || fail "show"
[ "$(grep -c "^## $layer/f32 on native:cpu" run.md)" = 1 ] || fail "run has no table of the layer"
[ "$(sed -n '/^## encoder_layer/,$p' run.md)" = "$(sed -n '/^## /,$p' show.md)" ] || fail "run and show differ"
grep -q '^## relu' show.md && fail "a case of one op has a table"
# Of each op how often, and its shares.
awk -F' *[|] *' '
    $2 == "linear/2x9x24,24x24,24/f32" { q = $3 }
    $2 == "sdpa/2x3x9x8,2x3x9x8,2x3x9x8/mask=causal/f32" { sdpa = $3 }
    $2 == "layer_norm/2x9x24/eps=1e-05/f32" { norms = $3 }
    /^\| [a-z_]*\// { sum += $5; times += $3; if ($5 < $4 * $3 - 0.02 * $3 || $5 > $4 * $3 + 0.02 * $3) bad = bad " " $2 }
    $2 == "the whole less these" { rest = $5 }
    $2 == "the whole" { whole = $5 }
    END {
        if (q != 4 || sdpa != 1 || norms != 2 || times != 16) { print "counts: " q, sdpa, norms, times; exit 1 }
        if (bad) { print "not times each:" bad; exit 1 }
        if (whole <= 0 || (sum + rest - whole) ^ 2 > 0.1 ^ 2) { print sum, "and", rest, "are not", whole; exit 1 }
    }' show.md || fail "the figures do not add up: $(cat show.md)"
"$program" run relu/100 --quick --backends native --db r.db --breakdown >out 2>err && fail "one op is broken down"
grep -q 'none of these cases is made of several ops' err || fail "no reason: $(cat err)"
"$program" run relu/100 --quick --backends native --db s.db >out 2>err || fail "run"
"$program" show --db s.db --breakdown >out 2>err && fail "a run of single ops is broken down"
"$program" show --db r.db --breakdown --format csv >out 2>err && fail "csv is accepted"
finish
