"""kill -9 of the parent at random points: the database stays whole, each round is wholly in or out, no worker survives by more
than 2 s, and --resume completes the run with every committed round as it was. Usage: parent_killed.py PROGRAM [POINTS]"""
import random
import signal
import sqlite3
import sys
import time

from harness import Scratch, check, children, is_worker, kill, wait_for

POINTS = int(sys.argv[2]) if len(sys.argv) > 2 else 20
CASES = ["relu/64x1024", "softmax/1000x65", "sum/37x41x43/axis=1", "matmul/65x64,64x33"]
ROUNDS = len(CASES) * 10  # quick: 5 incarnations x 2 rounds


def committed_rounds(scratch):
    """(case, incarnation, round) -> samples, of every kept visit in the database."""
    if not scratch.database.exists() or scratch.database.stat().st_size == 0:
        return {}
    check(scratch.integrity() == "ok", "integrity_check after the kill")
    connection = sqlite3.connect(scratch.database)
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'visit'").fetchone()[0]:
            return {}
        query = "SELECT case_position, incarnation, round, sample_ns FROM visit WHERE kept = 1"
        return {row[:3]: row[3] for row in connection.execute(query)}
    finally:
        connection.close()


def has_run(scratch):
    connection = sqlite3.connect(scratch.database)
    try:
        return connection.execute("SELECT count(*) FROM run").fetchone()[0] == 1
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()


def kill_once(scratch, arguments, before):
    """Starts, kills after a random time, checks; returns the committed rounds, or None when the run ended by itself."""
    process = scratch.start(*arguments)
    time.sleep(random.uniform(0.0, 5.0))
    family = children(process.pid)
    if process.poll() is not None:
        out, err = process.communicate()
        check(process.returncode == 0, f"{arguments} ended with {process.returncode}: {err[-1000:]}")
        return None
    kill(process.pid, signal.SIGKILL)
    process.communicate()
    check(wait_for(lambda: not any(map(is_worker, family)), 2.0), f"workers outlive their parent: {family}")
    after = committed_rounds(scratch)
    lost = [key for key, samples in before.items() if after.get(key) != samples]
    check(not lost, f"committed rounds were lost or changed: {lost}")
    return after


def one_run(points):
    """A run killed again and again, then completed; returns how often it was killed."""
    killed, before = 0, {}
    with Scratch() as scratch:
        path = scratch.cases(*CASES)
        first = ["run", path, "--backends", "native", "--quick", "--format", "json"]
        while killed < points:
            started = scratch.database.exists() and has_run(scratch)
            after = kill_once(scratch, ["run", "--resume", "--format", "json"] if started else first, before)
            if after is None:
                break
            killed, before = killed + 1, after
        if not has_run(scratch):
            return killed
        _, record = scratch.run_json("show")
        if record["run"]["status"] == "INTERRUPTED":
            status, record = scratch.run_json("run", "--resume")
            check(status == 0, f"resume ended with {status}")
        check(record["run"]["status"] == "COMPLETE", record["run"]["status"])
        check([c["status"] for c in record["cells"]] == ["OK"] * len(CASES), [c["status"] for c in record["cells"]])
        after = committed_rounds(scratch)
        check(all(after.get(key) == samples for key, samples in before.items()), "resume changed committed rounds")
        check(len(after) == ROUNDS, f"{len(after)} rounds instead of {ROUNDS}")
    return killed


def main():
    random.seed(20260101)
    killed = 0
    while killed < POINTS:
        killed += one_run(POINTS - killed)
    print(f"parent killed at {killed} points; no committed round lost, no worker left, every run completed")


main()
