#!/usr/bin/env bash
# A short run, then the same record in every form.
source "$(dirname "$0")/common.sh" "$1"

works run softmax/64x640 relu/1000 sum_all/5000 --backends native --quick --db r.db
holds out "# Run "
holds out "| softmax/64x640/axis=-1/f32 "
holds out "| all "
! grep -qi 'nan\b' out || fail "nan in the tables"
! grep -q provisional out || fail "a complete run is called provisional"
holds err "Provisional rows"
holds err "| relu/1000/f32 "
! grep -q $'\e' out err || fail "colours without a terminal"
cp out run.md

works show --db r.db
cmp -s out run.md || fail "show differs from run: $(diff out run.md | head -5)"
works show --db r.db --color always
holds out $'\e['

"$program" show --db r.db --format json --samples -o r.json || fail "show -o"
python3 - r.json <<'END' || fail "the JSON is not as the schema says"
import json, sys
def no_constants(text): raise ValueError(text)
record = json.load(open(sys.argv[1]), parse_constant=no_constants)
assert record["schema"] == "tensormark.run/1" and record["run"]["status"] == "COMPLETE", record["run"]
assert set(record["run"]) >= {"id", "started", "finished", "seed", "mode", "command", "version", "status"}
assert set(record["machine"]) >= {"key", "cpu", "cores", "memory_bytes", "gpus", "os", "governor", "smt", "limits"}
assert set(record["machine"]["limits"]) == {"read_gbs", "copy_gbs", "write_gbs", "l1_gbs", "l2_gbs", "llc_gbs", "f32_gflops",
                                            "bf16_gflops", "i8_gops"}
assert [b["id"] for b in record["backends"]] == ["native:cpu"]
assert record["aa"] == [] and record["aa_floor"] is None and record["comparisons"] == []
assert len(record["cells"]) == 3
for cell in record["cells"]:
    time = cell["time_ns"]
    assert cell["status"] == "OK" and cell["verify"]["status"] == "pass", cell
    assert 0 < time["min"] <= time["p5"] <= time["median"] <= time["p95"], time
    assert time["ci_low"] <= time["median"] <= time["ci_high"], time
    assert time["samples"] > 0 and cell["work"]["bytes"] > 0 and cell["floor_ns"] > 0
    assert abs(cell["efficiency"] - cell["limit_ns"] / time["median"]) < 1e-9
    mine = [s for s in record["samples"] if s["case"] == cell["case"]]
    assert sum(len(s["ns"]) for s in mine) == time["samples"], (len(mine), time)
END
works show --db r.db --format jsonl
[ "$(wc -l <out)" -eq 3 ] || fail "jsonl has not a line per cell"
works show --db r.db --format csv
python3 -c 'import csv, sys; rows = list(csv.reader(open("out", newline="")))
assert len(rows) == 4 and len({len(r) for r in rows}) == 1, rows
assert rows[1][5] == "OK" and float(rows[1][7]) > 0, rows[1]' || fail "the CSV is not as it should be"
works list runs --db r.db
holds out "COMPLETE"
id=$(sed -n 's/^# Run \([^ ]*\).*/\1/p' run.md)
works show "${id%???}" --db r.db
"$program" show --db r.db --base torch:cpu >out 2>err
[ $? -eq 2 ] && holds err "(native:cpu)" || fail "an unknown base"

# --quiet is quiet, -o is whole, jsonl to stdout is nothing but jsonl.
works run relu/1000 --backends native --quick --quiet --db r.db --format jsonl
[ ! -s err ] || fail "--quiet says: $(cat err)"
python3 -c 'import json; [json.loads(line) for line in open("out")]' || fail "run --format jsonl"

# Interrupted: what there is, is saved, and the run can be resumed.
"$program" run relu/1000 softmax/64x640 sum_all/5000 --backends native --db r.db >out 2>err &
sleep 4
kill -INT $!
wait $!
[ $? -eq 130 ] || fail "interrupted, but the exit status is not 130"
holds err "tensormark run --resume"
holds out "provisional"
works run --resume --quiet --db r.db
holds out "| relu/1000/f32 "
! grep -q provisional out || fail "a resumed run is not complete"

# A thread sweep makes a backend of each count, for every backend that names none; each with the limits of its count.
works run relu/1000 --backends native+isa=portable,native+threads=3 --threads 1,2 --quick --quiet --db r.db
for backend in native:cpu+isa=portable+threads=1 native:cpu+isa=portable+threads=2 native:cpu+threads=3; do
    holds out "$backend: median"
done
! grep -qF -- "native:cpu+threads=2" out || fail "--threads overrides what a name says"
! grep -qF -- "portable+threads=3" out || fail "a thread count came from nowhere"
[ "$(grep -c '^- limits measured, [123] threads\?: memory read' out)" -eq 3 ] || fail "not limits of 3 thread counts"
holds out "- backend native:cpu+isa=portable+threads=1: tensormark $("$program" --version | sed 's/.* //') portable, "
grep -q "isa=portable+threads=1: .*, 1 thread$" out || fail "the table does not say how many threads"

# On a terminal tables keep to its width: a row for each backend where one for all is too long. A file has them whole.
works show --db r.db
python3 - "$program" out <<'END' || fail "the tables in a terminal"
import fcntl, os, pty, struct, subprocess, sys, termios
def tables(columns, *more):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen([sys.argv[1], "show", "--db", "r.db", "--color", "never", *more], stdin=subprocess.DEVNULL, stdout=theirs)
    os.close(theirs)
    text = b""
    try:
        while part := os.read(ours, 65536):
            text += part
    except OSError:
        pass # what Linux says at the end
    assert process.wait() == 0
    return [line for line in text.decode().replace("\r", "").splitlines() if line.startswith("|")]
whole = [line.rstrip("\n") for line in open(sys.argv[2], encoding="utf-8") if line.startswith("|")]
narrow = tables(190)
assert max(map(len, whole)) > 190 >= max(map(len, narrow)), (max(map(len, whole)), max(map(len, narrow)))
assert tables(1000) == whole and tables(190, "-o", "kept.md") == []
assert [line.rstrip("\n") for line in open("kept.md", encoding="utf-8") if line.startswith("|")] == whole
rows = [line for line in narrow if line.startswith("| relu/1000/f32 ")]
assert len(rows) == 3 and "native:cpu+threads=3 " in rows[2] and " base |" in rows[0], rows
END
works show --db r.db --efficiency
holds out "    tensormark run relu/1000/f32 --backends native:cpu+isa=portable"
holds out "    tensormark show --db efficiency.db --efficiency -o docs/efficiency.md"
grep -q "^| relu/1000/f32  *| *[0-9.]* [nu]s llc-copy | .* % |$" out || fail "no row of efficiencies: $(cat out)"
works show --db r.db --format json
python3 - out <<'END' || fail "a thread sweep in JSON"
import json, sys
record = json.load(open(sys.argv[1]))
limits = {one["threads"]: one for one in record["machine"]["facts"]["limits"]}
assert {1, 2, 3} <= set(limits) and all(one["f32_gflops"] > 0 for one in limits.values()), limits
assert [(b["threads"], b["options"]) for b in record["backends"]] == [(1, "isa=portable"), (2, "isa=portable"), (3, "")]
END
works run relu/1000 --backends native --isa portable --quick --quiet --db r.db
grep -q "^- backend native:cpu: tensormark [^ ]* portable" out || fail "--isa is not obeyed"
works run relu/1000 --backends native+isa=sse9 --quick --quiet --db r.db
holds out "UNSUPPORTED: native+isa=sse9: no such instruction set (portable"

# Kernels alone: every output right, every row with its limit.
works run kernels '^(sum|gemm)_f32' --isa portable
holds out "| sum_f32 "
holds out "| gemm_f32 strip |"
! grep -q "INVALID\|nan\|relu" out || fail "kernels: $(cat out)"
works run kernels '^sum_f32' --format json
python3 - out <<'END' || fail "kernels in JSON"
import json, sys
record = json.load(open(sys.argv[1]))
assert record["schema"] == "tensormark.kernels/1" and record["limits"]["l1_gbs"] > 0
rows = record["kernels"]
assert {r["data_in"] for r in rows if r["isa"] == "portable"} == {"L1", "L2", "memory"}, rows
for r in rows:
    assert r["status"] == "OK" and 0 < r["min_ns"] <= r["median_ns"] <= r["p95_ns"], r
    assert abs(r["efficiency"] - r["limit_ns"] / r["median_ns"]) < 1e-9, r
END
works run kernels '^sum_f32' --isa portable --format csv
python3 -c 'import csv; rows = list(csv.reader(open("out"))); assert len(rows) == 4 and {len(r) for r in rows} == {16}, rows' ||
    fail "kernels in CSV"
TENSORMARK_ISA=portable works run kernels '^sum_f32' --format csv
[ "$(wc -l <out)" -eq 4 ] || fail "TENSORMARK_ISA does not choose the kernels"

# What handing work to the engine's threads costs.
works limits --threads 1,2 --format json
python3 - out <<'END' || fail "fork-join"
import json, sys
one, two = json.load(open(sys.argv[1]))
assert one["fork_join_ns"] is None and 0 < two["fork_join_ns"] <= two["fork_join_p95_ns"], two
END
finish
