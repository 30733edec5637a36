"""kill -9 of a worker in mid-run costs one round of one case at most: every cell is still OK and the run COMPLETE."""
import time

from harness import Scratch, cells, check, kill, wait_for, workers

CASES = ["relu/1024x1024", "softmax/4000x1001", "sum/64x128x128/axis=0"]


def main():
    with Scratch() as scratch:
        import json

        path = scratch.cases(*CASES)
        process = scratch.start("run", path, "--backends", "native", "--quick", "--format", "json", "--samples")
        found = wait_for(lambda: workers(process.pid), 20)
        check(found, "no worker was started")
        time.sleep(0.5)
        victim = (workers(process.pid) or found)[-1]
        kill(victim)
        out, err = process.communicate(timeout=300)
        check(process.returncode == 0, f"exit {process.returncode}: {err[-1000:]}")
        record = json.loads(out)
        check(record["run"]["status"] == "COMPLETE", record["run"]["status"])
        table = cells(record)
        check(all(cell["status"] == "OK" for cell in table.values()), {c: v["status"] for c, v in table.items()})
        visits = sum(len(cell.get("visits", [])) or 0 for cell in table.values())
        print(f"worker {victim} killed, all {len(table)} cells OK, {visits} visits listed")
        import sqlite3

        connection = sqlite3.connect(scratch.database)
        kept = connection.execute("SELECT count(*) FROM visit WHERE kept = 1").fetchone()[0]
        check(kept >= len(CASES) * 10 - 1, f"{kept} visits kept; more than one round was lost")


main()
