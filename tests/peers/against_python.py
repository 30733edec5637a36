#!/usr/bin/env python3
"""Does the program measure what Python measures? Every case's median from `tensormark run --quick` against the same call
timed in Python, in alternation: Python, the program, Python again is one look.

against_python.py PROGRAM [--frameworks torch,mlx] [--filter REGEX] [--looks N] [--require SHARE]

Cases that take Python under 50 us are left out: there a call of Python itself is part of the time. A virtual machine whose
processors are moved changes its speed by a factor within seconds: with --placement, what was taken while they lay
alike is compared. A case that is off at first sight gets up to N looks; all they gave counts. Python's own spread stands
beside it: the largest of its looks' medians over the smallest. Python waits in one process per framework and runs nothing while the program measures.

Exit 0; 1: below --require, or a case failed on one side only; 77: no framework that both can use.
"""
import argparse
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LEAST_NS = 50e3


class Python:
    """A framework in a Python process that runs one case when asked and sleeps otherwise."""

    def __init__(self, name, asked):
        self.name, self.backend = name, f"{name}:cpu"
        probe = [asked.placement] if asked.placement else []
        self.process = subprocess.Popen([asked.python, HERE / "python_calls.py", name, str(asked.threads), *probe], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.imported = json.loads(self.process.stdout.readline() or '{"missing": "Python ended"}')

    def time(self, case):
        self.process.stdin.write(case + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline() or '{"failed": "Python ended"}')

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)


def usable_cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("--frameworks", default="torch,mlx", help="of torch, mlx (default: both where they are)")
    parser.add_argument("--filter", default="", help="only cases whose id matches")
    parser.add_argument("--looks", type=int, default=5, help="at most so many looks at a case (default 5)")
    parser.add_argument("--within", type=float, default=10, metavar="PCT", help="what counts as equal (default 10)")
    parser.add_argument("--require", type=float, default=0, metavar="SHARE", help="fail below this share, such as 0.95")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="of both (default: all cores)")
    parser.add_argument("--python", default=HERE.parents[1] / ".venv/bin/python3",
                        help="the interpreter that has the frameworks (default: that of .venv)")
    parser.add_argument("--placement", default="", metavar="PROGRAM",
                        help="core_to_core of the build: times are compared that were taken with the processors lying alike")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one run of the program (default 900)")
    return parser.parse_args()


def both_have(asked):
    """The frameworks that Python imports and the program finds, the others named on stderr."""
    found = []
    if not shutil.which(asked.python):
        print(f"no interpreter {asked.python}: ./peers.sh makes it", file=sys.stderr)
        return found
    for name in asked.frameworks.split(","):
        python = Python(name, asked)
        reason = python.imported.get("missing")
        if not reason:
            os.environ[f"TENSORMARK_{name.upper()}"] = os.path.dirname(python.imported["file"])
            listed = subprocess.run([asked.program, "list", "backends", "--backends", python.backend], capture_output=True,
                                    text=True, timeout=120, check=False)
            if listed.returncode != 0 or "| yes " not in re.sub(r" +", " ", listed.stdout):
                reason = (listed.stderr or listed.stdout.splitlines()[-1]).strip()
        if reason:
            print(f"{name} is left out: {reason}", file=sys.stderr)
            python.close()
        else:
            print(f"{name} {python.imported['version']} in {os.path.dirname(python.imported['file'])}, threads: {asked.threads}")
            found.append(python)
    return found


def run_program(asked, case, pythons, folder):
    """Backend -> its cell."""
    out = folder / "run.json"
    subprocess.run([asked.program, "run", "ops", "--quick", "--quiet", "--backends", ",".join(p.backend for p in pythons),
                    "--filter", f"^{re.escape(case)}$", "--threads", str(asked.threads), "--db", folder / "runs.db",
                    "--format", "json", "--samples", "-o", out], stdin=subprocess.DEVNULL, timeout=asked.timeout, check=False)
    record = json.loads(out.read_text())
    out.unlink()
    cells = {cell["backend"]: cell for cell in record["cells"]}
    for cell in cells.values():
        cell["visits"] = [[s["core_to_core_ns"] or 0, statistics.median(s["ns"])] for s in record["samples"]
                          if s["backend"] == cell["backend"]]
    return cells


def alike(a_ns, b_ns):
    """Of one placement of the processors: src/measure/placement.h."""
    return a_ns <= 0 or b_ns <= 0 or max(a_ns, b_ns) <= 2 * min(a_ns, b_ns)


def at(place_ns, timed):
    """The times of [placement, time] pairs that were taken there."""
    return [ns for place, ns in timed if alike(place, place_ns)]


class Result:
    """What the looks at one case on one framework gave: [placement, ns] of our visits and of Python's bursts, a list a look."""

    LEAST = 3  # times on both sides, for their medians to be compared

    def __init__(self, case, framework):
        self.case, self.framework = case, framework
        self.ours, self.python, self.failed, self.looks = [], [], "", 0

    def add(self, cell, before, after):
        fails = [answer["failed"] for answer in (before, after) if "failed" in answer]
        self.looks += 1
        if cell["status"] == "OK" and not fails:
            self.ours += cell["visits"]
            self.python += [before["bursts"], after["bursts"]]
        elif cell["status"] == "UNSUPPORTED" and fails:
            self.failed = f"both refuse it: {fails[0]}"
        else:
            self.failed = f"FAILED: {cell['status']} {cell['reason']}; Python: {fails[0] if fails else 'runs it'}"

    def bursts(self):
        return [burst for of_look in self.python for burst in of_look]

    def place(self):
        """The placement that both were seen in most often; 0, which is all, if there is none."""
        best, most = 0, self.LEAST - 1
        for candidate, _ in self.ours:
            common = min(len(at(candidate, self.ours)), len(at(candidate, self.bursts())))
            if candidate > 0 and common > most:
                best, most = candidate, common
        return best

    def medians(self):
        place = self.place()
        return statistics.median(at(place, self.ours)), statistics.median(at(place, self.bursts()))

    def ratio(self):
        ours, python = self.medians()
        return ours / python

    def spread(self):
        place = self.place()
        of_looks = [statistics.median(at(place, bursts)) for bursts in self.python if at(place, bursts)]
        return max(of_looks) / min(of_looks)

    def short(self):
        return not self.failed and self.medians()[1] < LEAST_NS

    def within(self, percent):
        return abs(math.log(self.ratio())) <= math.log1p(percent / 100)


def look(asked, case, pythons, results, folder):
    before = [python.time(case) for python in pythons]
    cells = run_program(asked, case, pythons, folder)
    after = [python.time(case) for python in reversed(pythons)][::-1]
    for python, one, other in zip(pythons, before, after):
        results[python.name].add(cells[python.backend], one, other)


def examine(asked, case, pythons, folder):
    """Looks at a case until every framework agrees or the looks are used up."""
    results = {python.name: Result(case, python.name) for python in pythons}
    left = pythons
    for _ in range(asked.looks):
        look(asked, case, left, results, folder)
        left = [p for p in left if not results[p.name].failed and not results[p.name].short()
                and not results[p.name].within(asked.within)]
        if not left:
            break
    return list(results.values())


def row(result, asked):
    start = f"{result.framework:6} {result.case:66}"
    if result.failed:
        return f"{start} {result.failed}"
    ours, python = result.medians()
    verdict = "under 50 us" if result.short() else "" if result.within(asked.within) else "OFF"
    return (f"{start} {ours / 1e6:10.4f} {python / 1e6:10.4f} {result.ratio():7.3f} {result.spread():8.2f} "
            f"{result.place():6.0f} {result.looks:5d}  {verdict}").rstrip()


def summary(results, name, asked):
    """Prints the share of one framework; True if it is enough."""
    mine = [r for r in results if r.framework == name]
    counted = [r for r in mine if not r.failed and not r.short()]
    broken = [r for r in mine if r.failed.startswith("FAILED")]
    if not counted:
        print(f"{name}: no case over 50 us")
        return not broken
    good = sum(r.within(asked.within) for r in counted)
    steady = sum(r.spread() <= 1 + asked.within / 100 for r in counted)
    worst = max(counted, key=lambda r: abs(math.log(r.ratio())))
    print(f"{name}: {good} of {len(counted)} cases within {asked.within:g} % ({100 * good / len(counted):.1f} %); worst "
          f"{worst.ratio():.3f}, {worst.case}; Python's looks agreed with each other in {steady}; {len(broken)} failed")
    return not broken and good >= asked.require * len(counted)


def main():
    asked = arguments()
    listed = subprocess.run([asked.program, "list", "cases", "ops"], capture_output=True, text=True, check=True)
    cases = [case for case in listed.stdout.split() if re.search(asked.filter, case)]
    if not cases:
        sys.exit(f"no case of ops matches '{asked.filter}'")
    pythons = both_have(asked)
    if not pythons:
        print("skipped: no framework that both Python and the program can use")
        return 77
    print(f"{'':6} {'case':66} {'ours, ms':>10} {'Python, ms':>10} {'ratio':>7} {'Python':>8} {'ns':>6} "
          f"{'looks':>5}")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            for result in examine(asked, case, pythons, pathlib.Path(folder)):
                results.append(result)
                print(row(result, asked), flush=True)
    enough = [summary(results, python.name, asked) for python in pythons]
    for python in pythons:
        python.close()
    return 0 if all(enough) else 1


if __name__ == "__main__":
    sys.exit(main())
