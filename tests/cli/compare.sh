#!/usr/bin/env bash
# Runs against each other.
source "$(dirname "$0")/common.sh" "$1"

cases="softmax/64x640 relu/100x1000"
measure() { "$program" run $cases --quick --quiet --threads 1 --db r.db "$@" >out 2>err </dev/null; }
newest() { "$program" show --db r.db | sed -n 's/^# Run \([^ ]*\).*/\1/p'; }

# Two separate runs, and the backends of one.
measure --backends native || fail "a base run: $(cat err)"
base=$(newest)
measure --backends native,native+delay=200 || fail "another run: $(cat err)"
other=$(newest)
works compare "$base" "$other" --db r.db
holds out "# Run $other against run $base"
holds out "- UNPAIRED: "
holds out "about differences of 5 %"
! grep -q "MACHINES DIFFER\|nan\b" out || fail "two runs: $(cat out)"
[ "$(grep -c '^| \(softmax/64x640\|relu/100x1000\)' out)" -eq 4 ] || fail "not a row per case and backend: $(cat out)"
cp out two.md
works compare "r.db:$base" r.db
cmp -s out two.md || fail "runs named by their database: $(diff out two.md | head -3)"
works compare "$base" "$other" --db r.db --format json
python3 - out <<'END' || fail "two runs in JSON"
import json, math, sys
def no_constants(text): raise ValueError(text)
record = json.load(open(sys.argv[1]), parse_constant=no_constants)
assert record["schema"] == "tensormark.compare/1" and record["labels"] == ["UNPAIRED"], record
assert record["margin"] >= 0.05 and len(record["comparisons"]) == 4 and len(record["summary"]) == 2
assert record["base"]["machine"] == record["other"]["machine"] and record["base"]["status"] == "COMPLETE"
for row in record["comparisons"]:
    assert row["base"] == "native:cpu" and row["ci_low"] < row["ratio"] < row["ci_high"], row
    quotient = row["base_median_ns"] / row["median_ns"]
    assert abs(row["ratio"] / quotient - 1) < 1e-6, row # levels are those of the cells
    slow = row["backend"] == "native:cpu+delay=200"
    assert row["verdict"] in ((None, "UNDECIDED", "SLOWER") if slow else (None, "UNDECIDED", "SLOWER", "FASTER", "EQUAL")), row
    assert not slow or row["ratio"] < 0.6, row
for line in record["summary"]:
    assert sum(line[k] for k in ("faster", "slower", "equal", "undecided", "no_verdict")) == 2, line
    ratios = [r["ratio"] for r in record["comparisons"] if r["backend"] == line["backend"]]
    assert line["cases_averaged"] == 2 and abs(line["ratio"] - math.sqrt(ratios[0] * ratios[1])) < 1e-9, line
END
works compare "$base" "$other" --db r.db --format csv
python3 -c 'import csv; rows = list(csv.reader(open("out", newline="")))
assert len(rows) == 5 and {len(r) for r in rows} == {16} and rows[1][-1] == "UNPAIRED", rows' || fail "two runs in CSV"

works compare "$other" --db r.db --format json
python3 - out r.db <<'END' || fail "the backends of one run"
import json, sqlite3, sys
record = json.load(open(sys.argv[1]))
assert record["labels"] == [] and len(record["comparisons"]) == 2, record
stored = {row[0]: row[1:] for row in sqlite3.connect(sys.argv[2]).execute(
    "SELECT case_id, ratio, ci_low, ci_high, smallest_effect, verdict FROM comparison")}
for row in record["comparisons"]: # as the run itself found
    mine = [row[k] for k in ("ratio", "ci_low", "ci_high", "smallest_effect")]
    assert all(abs(a - b) < 1e-9 for a, b in zip(mine, stored[row["case"]])), (row, stored)
    assert (row["verdict"] or "") == stored[row["case"]][4], (row, stored)
END
works compare "$other" --db r.db --base native:cpu+delay=200
grep -q "^| native:cpu  *| native:cpu+delay=200 |" out || fail "--base: $(cat out)"

# Another machine: figures, but no verdicts unless they are asked for.
python3 - <<'END'
import sqlite3
db = sqlite3.connect("r.db")
db.execute("UPDATE machine SET key = 'elsewhere' WHERE run = 1")
db.commit()
END
works compare "$base" "$other" --db r.db
holds out "- MACHINES DIFFER: "
! grep -q '^| [a-z].*| *\(FASTER\|SLOWER\|EQUAL\|UNDECIDED\) |$' out || fail "a verdict about two machines: $(cat out)"
works compare "$base" "$other" --db r.db --across-machines --format csv
grep -q '"UNPAIRED,MACHINES DIFFER"' out || fail "labels in CSV: $(cat out)"

# What cannot be compared.
# complains WORDS ARGUMENT...: exit status 2 and one line with WORDS.
complains() {
    local words=$1
    shift
    "$program" "$@" >out 2>err </dev/null
    [ $? -eq 2 ] && [ "$(wc -l <err)" -eq 1 ] && [ ! -s out ] || fail "not refused in one line: $*: $(cat err)"
    holds err "$words"
}
complains "a run of one backend" compare "$base" --db r.db
complains "both are run $base" compare "$base" "$base" --db r.db
complains "--base: 'torch:cpu' is no backend of run $base (native:cpu)" compare "$base" "$other" --base torch:cpu --db r.db
complains "an empty word names no run" compare "" "$base" --db r.db
complains "none.db: no such database" compare none.db "$base" --db r.db
complains "no/such.db:2: no such database" compare "$base" no/such.db:2 --db r.db
cases=relu/77
measure --backends native || fail "a run of another case: $(cat err)"
third=$(newest)
complains "runs $other and $third have no case in common on these backends (2 of the first, 1 of the second)" \
    compare "$other" "$third" --db r.db
works compare "$other" --base native --db r.db
grep -q "^| native:cpu+delay=200  *| native:cpu |" out || fail "--base in short: $(cat out)"
works show "$other" --base native+delay=200 --db r.db
holds out "x faster than native:cpu+delay=200"
complains "no run starts with xyz" compare "$base" xyz --db r.db
finish
