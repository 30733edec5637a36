#!/usr/bin/env bash
# The gate: equal runs pass, a slowed one fails, and what CI reads says why. Allowed slowdowns are wide, since two runs
# on a busy machine differ by more than they should.
library=$(realpath "$2")
source "$(dirname "$0")/common.sh" "$1"

cases="softmax/64x640 relu/100x1000"
# gate STATUS ARGUMENT...: a run with these arguments ends with that exit status.
gate() {
    local wanted=$1 status
    shift
    timeout 200 "$program" run $cases --quick --threads 1 --db r.db "$@" >out 2>err </dev/null
    status=$?
    [ $status -eq "$wanted" ] || fail "exit status $status, not $wanted: $*: $(tail -3 err)"
}
newest() { "$program" show --db r.db | sed -n 's/^# Run \([^ ]*\).*/\1/p'; }
runs() { "$program" list runs --db r.db | grep -c '^| 2'; }

gate 0 --backends native --quiet --junit j.xml --summary s.md
base=$(newest)
holds s.md "# Tensormark: all cells completed"
holds j.xml 'tests="2" failures="0" errors="0" skipped="0"'

# Equal programs in separate runs.
gate 0 --backends native --fail-on-regression 60 --baseline "$base" --junit j.xml --summary s.md
holds err "0 of 2 cells take more than 60 % longer than in run $base; 0 could not be compared"
holds s.md "# Tensormark: no regression"
holds j.xml 'failures="0"'
holds s.md "UNPAIRED"

# A slowed one: measured again by 8 processes, and then a failure.
before=$(runs)
gate 4 --backends native+delay=30 --fail-on-regression 5 --baseline "r.db:$base" --junit j.xml --summary s.md
holds err "measured again by 8 fresh processes"
holds err "REGRESSION: "
holds out "# Run "
[ "$(runs)" -eq $((before + 2)) ] || fail "flagged cells were not measured as a run of their own"
grep -q "^# Tensormark: [12] regressions\?$" s.md || fail "the summary: $(head -3 s.md)"
grep -q "on native:cpu+delay=30 takes .* % longer than in run $base (95 %: .*, from 8 fresh processes; allowed are 5 %)" s.md ||
    fail "the summary's sentence: $(head -12 s.md)"
python3 - j.xml "$base" <<'END' || fail "the JUnit file: $(cat j.xml)"
import sys, xml.etree.ElementTree as tree
suite = tree.parse(sys.argv[1]).getroot().find("testsuite")
cases = suite.findall("testcase")
assert len(cases) == int(suite.get("tests")) == 2 and {c.get("classname") for c in cases} == {"native:cpu+delay=30"}
failures = [c.find("failure") for c in cases if c.find("failure") is not None]
assert len(failures) == int(suite.get("failures")) >= 1
for failure in failures:
    assert failure.get("type") == "REGRESSION" and f"longer than in run {sys.argv[2]} (95 %: " in failure.get("message")
assert all(float(c.get("time")) > 0 for c in cases)
END
python3 - <<'END' || fail "the run of flagged cells"
import sqlite3
db = sqlite3.connect("r.db")
number, mode, command = db.execute("SELECT number, mode, command FROM run ORDER BY number DESC").fetchone()
assert mode == "full" and command.endswith("# flagged cells again"), (mode, command)
processes = db.execute("SELECT count(DISTINCT incarnation) FROM visit WHERE run = ? AND kept", (number,)).fetchone()
assert processes == (8,), processes
END

# An old build beside the new one; a framework that is slower would be no regression.
gate 0 --backend "old=native@$library" --backends native,old --base old --fail-on-regression 25 --quiet
! grep -q REGRESSION err || fail "equal builds: $(cat err)"
gate 4 --backend "old=native@$library" --backends old,native+delay=60 --fail-on-regression 10 --quiet --summary s.md
[ "$(grep -c '^REGRESSION: ' err)" -ge 1 ] && [ "$(grep -vc '^REGRESSION: ' err)" -eq 0 ] || fail "--quiet: $(cat err)"
holds s.md "longer than old (95 %"
! grep -q UNPAIRED s.md || fail "builds of one run are not paired"

# A baseline of one backend, a run of several: only its namesake is compared; a new case has nothing to be compared with.
echo "call_ns 600000" >script
cases="$cases relu/500x300"
gate 0 --backend m=mock@script --backends m,native --fail-on-regression 60 --baseline "$base" --junit j.xml --summary s.md
holds err "0 of 2 cells take more than 60 % longer than in run $base; 1 could not be compared"
holds j.xml 'tests="6" failures="0" errors="0" skipped="4"'
holds j.xml "<skipped message=\"relu/500x300/f32 on native:cpu has no time in run $base to be compared with\"/>"
holds j.xml "<skipped message=\"relu/100x1000/f32 on m has no time in run $base to be compared with\"/>"
before=$(runs)
gate 2 --backend m=mock@script --backends m,native+delay=1 --fail-on-regression 60 --baseline "$base"
holds err "has none of this run's backends"
all=$cases cases=relu/3x5
gate 2 --backends native --fail-on-regression 60 --baseline "$base"
holds err "--baseline: run $base has none of this run's cases"
cases=$all
gate 2 --backends native --junit .
holds err "--junit: . is a folder"
gate 2 --backends native --junit same --summary same
holds err "two are to be same"
for percent in -1 nan inf 1e9 5%; do
    gate 2 --backends native --fail-on-regression "$percent" --baseline "$base"
    holds err "'$percent' is not a number of percent from 0 to 1000"
done
[ "$(runs)" -eq "$before" ] || fail "something was measured"
cases=${cases% *}

# Where the baseline has no time at all nothing is said to be no slower.
echo "fail run gone" >never
gate 3 --backend m=mock@never --backends m --quiet
failed=$(newest)
echo "call_ns 600000" >script
gate 3 --backend m=mock@script --backends m --fail-on-regression 20 --baseline "$failed" --summary s.md
holds err "--fail-on-regression: there is no cell that has a time here and in run $failed"
holds s.md "# Tensormark: nothing could be compared"

# A flagged cell that cannot be measured again has no answer, and nobody is told that it is not slower.
gate 0 --backend m=mock@script --backends m --quiet
slow=$(newest)
echo "call_ns 1800000" >script
rm err
until grep -q "measured again by 8 fresh processes" err 2>/dev/null || [ -e over ]; do sleep 0.1; done && echo "fail run gone" >script &
gate 3 --backend m=mock@script --backends m --fail-on-regression 20 --baseline "$slow" --junit j.xml --summary s.md
touch over
wait
holds s.md "# Tensormark: no regression is known, 2 cells without an answer"
holds s.md "## Seemed slower, and not measured again"
holds s.md "longer than in run $slow, but could not be measured again: FAILED: gone"
! grep -q "not found slower than allowed" s.md || fail "the summary: $(cat s.md)"
holds j.xml 'tests="2" failures="0" errors="2" skipped="0"'
holds j.xml '<error type="UNKNOWN" message="softmax/64x640/axis=-1/f32 on m seems to take '

# What cannot be a baseline is known before anything is measured.
before=$(runs)
gate 2 --backends native+delay=1,native+delay=2 --fail-on-regression 5 --baseline no-such-run
python3 - "$base" <<'END'
import sqlite3, sys
db = sqlite3.connect("r.db")
db.execute("UPDATE machine SET key = 'elsewhere' WHERE run = (SELECT number FROM run WHERE id = ?)", sys.argv[1:])
db.commit()
END
gate 2 --backends native --fail-on-regression 5 --baseline "$base"
holds err "is from another machine (elsewhere; "
[ "$(runs)" -eq "$before" ] || fail "something was measured"
finish
