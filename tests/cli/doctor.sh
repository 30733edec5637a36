#!/usr/bin/env bash
# What doctor says: every subject in both forms, each finding with a level and, unless it is OK, with what to do.
source "$(dirname "$0")/common.sh" "$1"

works doctor --db none.db
holds out "# This machine"
holds out "# Findings"
holds out "none.db: not there yet"
for subject in governor turbo smt "clock source" "huge pages" swap memory "numa nodes" load container "virtual machine" \
    "free page reporting" "fresh memory" "(GPU clocks|clock of GPU 0)" "backend native" "backend torch"; do
    grep -qE "^- (OK|ADVICE|WARNING) $subject: ." out || fail "nothing on $subject: $(cat out)"
done
[ "$(grep -cE '^- (ADVICE|WARNING)' out)" -eq "$(grep -c '^  do: .' out)" ] || fail "a finding says not what to do"
grep -qE '^- (OK|WARNING) fresh memory: ([0-9.]+ GB/s at first touch|unknown)' out || fail "fresh memory: $(cat out)"
holds out "- OK backend native: tensormark"

works doctor --db none.db --format json --torch "$scratch"
python3 - out <<'END' || fail "doctor in JSON"
import json, sys
said = json.load(open(sys.argv[1]))
assert said["schema"] == "tensormark.doctor/1" and "none.db" in said["results"], said
assert said["machine"]["CPU"] and said["machine"]["container"], said["machine"]
findings = {one["subject"]: one for one in said["findings"]}
assert len(findings) == len(said["findings"]) >= 15
for one in findings.values():
    assert one["level"] in ("OK", "ADVICE", "WARNING") and one["finding"], one
    assert (one["level"] == "OK") == (one["action"] == ""), one
torch = findings["backend torch"]
assert torch["level"] == "ADVICE" and "peers.sh" in torch["action"], torch
END
"$program" doctor --format csv >out 2>err
[ $? -eq 2 ] && holds err "--format is md or json" || fail "doctor --format csv"
finish
