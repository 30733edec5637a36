"""kill -9 of a worker in mid-run costs at most one round of one case: every cell is still OK and the run COMPLETE."""
import json
import sqlite3
import time

from harness import Scratch, check, kill, wait_for, workers

CASES = ["relu/1024x1024", "softmax/4000x1001", "sum/64x128x128/axis=0"]
ROUNDS = len(CASES) * 10  # quick: 5 incarnations x 2 rounds


def is_awake(pid):
    """Running or sleeping in a wait, not stopped by signal: the worker that is being measured."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "TZ"
    except OSError:
        return False


def main():
    with Scratch() as scratch:
        process = scratch.start("run", scratch.cases(*CASES), "--backends", "native", "--quick", "--format", "json")
        check(wait_for(lambda: len(workers(process.pid)) == 3, 30), "three workers were not started")
        time.sleep(0.3)
        victim = wait_for(lambda: next(filter(is_awake, workers(process.pid)), None), 10)
        check(victim, "no worker is awake")
        kill(victim)
        out, err = process.communicate(timeout=300)
        check(process.returncode == 0, f"exit {process.returncode}: {err[-1000:]}")
        record = json.loads(out)
        check(record["run"]["status"] == "COMPLETE", record["run"]["status"])
        status = {cell["case"]: cell["status"] for cell in record["cells"]}
        check(set(status.values()) == {"OK"} and len(status) == len(CASES), status)
        connection = sqlite3.connect(scratch.database)
        kept = connection.execute("SELECT count(*) FROM visit WHERE kept = 1").fetchone()[0]
        check(kept >= ROUNDS - 1, f"{kept} of {ROUNDS} rounds kept; more than one was lost")
        print(f"worker killed; {len(status)} cells OK, {kept} of {ROUNDS} rounds kept")


main()
