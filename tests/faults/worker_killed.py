"""kill -9 of a worker in mid-run costs no more than the visit it was in, which a fresh worker takes: every cell is still OK,
with all its rounds, and the run COMPLETE."""
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
        check(kept == ROUNDS, f"{kept} of {ROUNDS} rounds kept")
        print(f"worker killed; {len(status)} cells OK, {kept} of {ROUNDS} rounds kept")


def nothing_to_do_after_a_loss():
    """A call over 1 s has one round. A worker that replaces one lost in it measures it, so that no incarnation is without a
    visit. It has nothing to do in the next, and is stopped like all that wait: while another backend is measured nobody else
    is awake."""
    with Scratch() as scratch:
        mock = scratch.mock("call_ns 1100000000\n")
        process = scratch.start("run", scratch.cases("relu/33x65"), *mock[:2], "--backends", "m,native", "--quick",
                                "--format", "json")
        check(wait_for(lambda: len(workers(process.pid)) == 6, 60), "six workers were not started")
        first = min(workers(process.pid))
        check(wait_for(lambda: is_awake(first), 60), "the first worker is not awake")
        kill(first)
        together, since = None, 0.0
        while process.poll() is None:
            awake, now = frozenset(filter(is_awake, workers(process.pid))), time.monotonic()
            if awake != together:
                together, since = awake, now
            check(len(awake) < 2 or now - since < 0.04, f"{len(awake)} workers awake for {now - since:.2f} s")
            time.sleep(0.002)
        out, err = process.communicate(timeout=60)
        check(process.returncode == 0, f"exit {process.returncode}: {err[-1000:]}")
        check({cell["status"] for cell in json.loads(out)["cells"]} == {"OK"}, out[-2000:])
        check("a fresh one goes on" in err, f"no worker was lost: {err[-1000:]}")
        connection = sqlite3.connect(scratch.database)
        visits = connection.execute("SELECT incarnation, round FROM visit WHERE backend_position = 0 AND kept = 1").fetchall()
        check(sorted(visits) == [(incarnation, 0) for incarnation in range(5)], visits)
        print("a worker lost in its only round: its successor takes it, and waits")


main()
nothing_to_do_after_a_loss()
