"""The automatic A/A comparison: a run of 12 cases also measures 10 pairs of equal programs, killed and resumed or not; they are
in the list `aa` and nowhere else. A few cases use what larger runs have left; a machine without any says NO-AA."""
import signal
import sqlite3

from harness import Scratch, check, kill, wait_for

# Ops of the mock, whose time is the script's whatever else the machine does, in sizes of all time classes.
CASES = [f"relu/{n}" for n in (100, 1000, 3000, 100000, 2000000)] + [f"softmax/{n}x64" for n in (10, 100, 20000)] + [
    "matmul/65x64,64x33", "sum_all/1000", "sum_all/100000", "sum_all/1000000"]
SCRIPT = "call_ns 30000\n"
WORDS = {"FASTER", "SLOWER", "EQUAL", "UNDECIDED"}


def few_cases(scratch, label):
    """Two cases on three backends: comparisons with verdicts, a twin asked for by name, and the label or not."""
    code, record = scratch.run_json("run", scratch.cases(*CASES[:2], name="few.txt"), "--quick", *scratch.mock(SCRIPT)[:2],
                                    "--backends", "m,m+twin,m+delay=100")
    check(code == 0 and len(record["cells"]) == 6, f"exit {code}")
    labels = [cell["labels"] for cell in record["cells"]]
    check(all(("NO-AA" in words) == label for words in labels), labels)
    check((record["aa_floor"] is None) == label, record["aa_floor"])
    pairs = {(pair["case"], pair["backend"]): pair for pair in record["comparisons"]}
    check(len(pairs) == 4, pairs)
    for (case, backend), pair in pairs.items():
        steady = all("NO STEADY STATE" not in cell["labels"] for cell in record["cells"]
                     if cell["case"] == case and cell["backend"] in (backend, "m"))
        check(pair["verdict"] in WORDS if steady else pair["verdict"] in WORDS | {None}, pair)
        check(pair["margin"] >= 0.01 and pair["smallest_effect"] > pair["margin"], pair)
        check(pair["ci_low"] < pair["ratio"] < pair["ci_high"], pair)
        if backend == "m+delay=100":
            check(pair["ci_low"] < 0.75 and pair["ci_high"] > 0.3, pair)
    check(all(pair["backend"] == "m+twin" for pair in record["aa"]) and len(record["aa"]) <= 2, record["aa"])


def interrupted_and_resumed(scratch):
    process = scratch.start("run", scratch.cases(*CASES), *scratch.mock(SCRIPT), "--quick")
    def many_visits():
        with sqlite3.connect(scratch.database, timeout=5) as connection:
            return connection.execute("SELECT count(*) FROM visit WHERE backend_position = 1 AND kept").fetchone()[0] > 15
    check(wait_for(lambda: scratch.database.exists(), 20) and wait_for(many_visits, 300), "no visits of the twin")
    kill(process.pid, signal.SIGINT)
    process.communicate()
    _, record = scratch.run_json("show")
    check(record["run"]["status"] == "INTERRUPTED", record["run"])
    check(not record["aa"] and not record["comparisons"] and record["aa_floor"] is None, "verdicts before the end")
    code, record = scratch.run_json("run", "--resume", timeout=900)
    bad = [(cell["case"], cell["status"], cell["reason"]) for cell in record["cells"] if cell["status"] != "OK"]
    check(code == 0 and record["run"]["status"] in ("COMPLETE", "NOISY"), f"exit {code}, {record['run']}, {bad}")
    check(len(record["cells"]) == 12 and len(record["backends"]) == 1, "the twin is in the record")
    check(len(record["aa"]) == 10 and record["aa_floor"] > 0, record["aa"])
    ranked = [pair for pair in record["aa"] if pair["verdict"]]  # the others were not steady
    for pair in record["aa"]:
        check(pair["backend"] == "m+twin" and pair["base"] == "m", pair)
        check(pair["verdict"] in WORDS | {None} and pair["margin"] >= 0.01 - 1e-9, pair)
        check(pair["ci_low"] < 2 and pair["ci_high"] > 0.5, pair)  # beside a build a ratio may be anything, but says so
    told_apart = sum(pair["verdict"] in ("FASTER", "SLOWER") for pair in record["aa"])
    noisy = told_apart >= 2 and len(ranked) >= 8
    check(record["run"]["status"] == ("NOISY" if noisy else "COMPLETE"), (told_apart, len(ranked), record["run"]))
    print(f"twins: {len(ranked)} of 10 ranked, told apart {told_apart}, floor {record['aa_floor']:.3f}")


with Scratch() as scratch:
    few_cases(scratch, True)
with Scratch() as scratch:
    interrupted_and_resumed(scratch)
    few_cases(scratch, False)
