"""kill -9 of the parent at random points: the database stays whole, each round is wholly in or out, no worker survives by more
than 2 s, and --resume completes the run. Usage: parent_killed.py PROGRAM [POINTS]"""
import random
import signal
import sqlite3
import sys
import time

from harness import Scratch, check, children, is_worker, kill, wait_for

POINTS = int(sys.argv[2]) if len(sys.argv) > 2 else 20
CASES = ["relu/64x1024", "softmax/1000x65", "sum/37x41x43/axis=1", "matmul/65x64,64x33"]


def rounds(scratch):
    """(case, incarnation, round) -> number of samples, of every kept visit in the database."""
    if not scratch.database.exists():
        return {}
    connection = sqlite3.connect(scratch.database)
    try:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        if "visit" not in tables:
            return {}
        query = "SELECT case_position, incarnation, round, length(samples) FROM visit WHERE kept = 1"
        return {row[:3]: row[3] for row in connection.execute(query)}
    finally:
        connection.close()


def main():
    random.seed(20260101)
    total_lost = 0
    killed = 0
    while killed < POINTS:
        with Scratch() as scratch:
            path = scratch.cases(*CASES)
            before = {}
            arguments = ["run", path, "--backends", "native", "--quick", "--format", "json"]
            while killed < POINTS:
                process = scratch.start(*arguments)
                time.sleep(random.uniform(0.0, 6.0))
                family = children(process.pid)
                if process.poll() is not None:
                    break
                kill(process.pid, signal.SIGKILL)
                process.wait()
                killed += 1
                gone = wait_for(lambda: not [p for p in family if is_worker(p)], 2.0)
                check(gone, f"workers outlive the parent: {family}")
                if scratch.database.exists() and scratch.database.stat().st_size:
                    check(scratch.integrity() == "ok", "integrity_check")
                after = rounds(scratch)
                lost = [key for key in before if after.get(key) != before[key]]
                check(not lost, f"committed rounds were lost: {lost}")
                before = after
                if after:
                    arguments = ["run", "--resume", "--format", "json"]
            done = process.stdout.read() if process.poll() == 0 else ""
            if not done and before:
                status, record = scratch.run_json("run", "--resume")
                check(status == 0, f"resume ended with {status}")
                check(record["run"]["status"] == "COMPLETE", record["run"]["status"])
                check(all(c["status"] == "OK" for c in record["cells"]), [c["status"] for c in record["cells"]])
                check(len(record["cells"]) == len(CASES), "cells are missing")
                after = rounds(scratch)
                check(all(after.get(key) == before[key] for key in before), "resume changed committed rounds")
                check(len(after) == len(CASES) * 10, f"{len(after)} rounds instead of {len(CASES) * 10}")
    print(f"parent killed at {killed} points, {total_lost} committed rounds lost")


main()
