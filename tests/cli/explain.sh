#!/usr/bin/env bash
# How a number came about: explain.sh PROGRAM LIBRARIES, where the folder holds libdouble_*.so.
libraries=$(realpath "$2")
source "$(dirname "$0")/common.sh" "$1"

works run relu/1000 'matmul/64x64,64x64' --backends native,native+isa=portable --quick --quiet --db r.db
works show --db r.db --explain relu/1000/f32@native
holds out "# relu/1000/f32 on native:cpu"
holds out "- status: OK"
holds out "| incarnation.round "
[ "$(grep -c '^| [0-4]\.[01].* kept |$' out)" -eq 10 ] || fail "not the ten visits of a quick run: $(cat out)"
[ "$(grep -c '^- incarnation [0-4]: first call .* warm-up of at least 2 more calls' out)" -eq 5 ] || fail "notes: $(cat out)"
[ "$(grep -c '; 2n executions over n: [12]\.*[0-9]* (2 is right)' out)" -eq 2 ] || fail "linearity is of one incarnation a pass"
[ "$(grep -c 'new bytes over the same bytes written again: [01][ .]' out)" -eq 1 ] || fail "rewriting is looked at once"
holds out "- oracle in float64: pass; 1000 elements"
holds out "- limit: "
grep -qE '^- peak on the host: [0-9.]+ MB' out || fail "no peak of memory"
holds out "- QUICK: measured with --quick"
holds out "- native:cpu+isa=portable against native:cpu: "
holds out "    tensormark run relu/1000/f32 --backends native:cpu --quick --seed "
! grep -qi 'nan\b' out || fail "nan in what is explained"

# What a backend adds is explained where it is known, and shown as it is where not.
cp r.db l.db
python3 - <<'END'
import sqlite3
db = sqlite3.connect("l.db")
db.execute("UPDATE cell SET labels = 'QUICK,ALSO=indices,OPERATORS=6,NEW=<word>'")
db.commit()
END
works show --db l.db --explain relu/1000@native:cpu
holds out "- ALSO=indices: the backend cannot sort without making the indices as well"
holds out "- OPERATORS=6: of so many of the backend's operators the op is put together"
holds out "- NEW=\\<word>: added by the backend; what it means, only that knows"

# What the run was told is told again, and measures the same.
TENSORMARK_COOLDOWN=0.1 works run relu/1000 --backends native --threads 1 --isa portable --torch "$scratch/no such" --quick --quiet --db t.db
works show --db t.db --explain relu@native
again=$(sed -n 's/^    tensormark \(run .*\)/\1/p' out)
[ "$again" = "${again#*--threads 1 --torch "'$scratch/no such'" --isa portable --quick --cooldown 0.1 }" ] && fail "the command: $again"
eval "works $again --db again.db --quiet"
grep -qE '^- backend native:cpu: tensormark [^ ]* portable, .*, 1 thread$' out || fail "not as before: $again: $(cat out err)"

# The peak is the case's own, whatever the worker did before.
works run softmax/2000x4001 relu/1000 --backends native --quick --quiet --db p.db --format json
python3 - out <<'END' || fail "peaks of memory"
import json, sys
large, small = json.load(open(sys.argv[1]))["cells"]
assert large["peak_host_bytes"] > 2 * 2000 * 4001 * 4, large
assert "PEAK=WORKER" in small["labels"] or small["peak_host_bytes"] < 2000 * 4001 * 4, small
assert "energy_j" not in large["metrics"] or large["metrics"]["energy_j"] > 0, large
END

# Beginnings of names, as long as they are the beginning of one.
works show --db r.db --explain matmul@native:cpu+isa=portable
holds out "# matmul/64x64,64x64/f32 on native:cpu+isa=portable"
refused "names no backend of this run" show --db r.db --explain relu/1000/f32
refused "names no backend of this run" show --db r.db --explain relu/1000@torch
refused "is no case of this run" show --db r.db --explain rel@native
refused "--format is md" show --db r.db --explain relu@native --format json

# A wrong output is shown without timing, a lie about time with it.
"$program" run matmul/64x300,300x50 --backend a=honest@"$libraries/libdouble_lost_term.so" --backends a --quick --quiet --db w.db \
    >out 2>err
works show --db w.db --explain matmul@a
holds out "- status: INVALID"
holds out "    tensormark run matmul/64x300,300x50/f32 --backend a=honest@$libraries/libdouble_lost_term.so:cpu --backends a --quick "
holds out "    tensormark verify matmul/64x300,300x50/f32 --backend a=honest@$libraries/libdouble_lost_term.so:cpu --backends a --seed "
again=$(sed -n 's/^    tensormark \(verify .*\)/\1/p' out)
mkdir elsewhere
(cd elsewhere && eval "\"$program\" $again" >../out 2>../err)
[ $? -eq 3 ] && grep -q "output differs" out || fail "the command that shows it again: $again: $(cat out err)"
[ -s elsewhere/wrong/oracle0.npy ] || fail "nothing was dumped: $(ls elsewhere elsewhere/wrong)"
"$program" run matmul/64x300,300x50 --backend a=honest@"$libraries/libdouble_lost_term.so" --backends a --threads 1 --isa portable \
    --quick --quiet --db i.db >out 2>err
works show --db i.db --explain matmul@a
again=$(sed -n 's/^    tensormark \(verify .*\)/\1/p' out)
[ "$again" = "${again#*--threads 1 --isa portable --seed}" ] && fail "verify without what the run was told: $again"
eval "\"\$program\" $again" >out 2>err
[ $? -eq 3 ] && grep -q "output differs" out || fail "the command that shows it again: $again: $(cat out err)"
"$program" run relu/512x256 --backend b=honest@"$libraries/libdouble_lazy.so" --backends b --quick --quiet --db w.db >out 2>err
works show --db w.db --explain relu@b
holds out "- status: INVALID"
holds out "The finding is about the time"
finish
