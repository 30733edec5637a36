"""Every lie is INVALID, every time; the honest double never is.

    liars.py PROGRAM LIBRARIES [RUNS [CELLS [SEED]]]

LIBRARIES is the folder with libdouble_*.so. RUNS short runs, each with a seed of its own, put all liars to all of LIE_CASES;
then the honest double is measured on CELLS cases. Without numbers the short form runs: 3 and 36. The full form is 100 and
1000; it can be cut into parts with seeds of their own."""
import collections
import itertools
import pathlib
import random
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
from harness import Scratch, check, fail  # noqa: E402

LIBRARIES = pathlib.Path(sys.argv[2]).resolve()
RUNS = int(sys.argv[3]) if len(sys.argv) > 3 else 3
CELLS = int(sys.argv[4]) if len(sys.argv) > 4 else 36
SEED = int(sys.argv[5]) if len(sys.argv) > 5 else 1000
LIE_CASES = ["relu/512x256", "softmax/64x256", "matmul/200x300,300x250"]
LIARS = sorted(p.stem.removeprefix("libdouble_") for p in LIBRARIES.glob("libdouble_*.so"))
LIARS.remove("honest")
LIARS.remove("cached_while_held")  # lies in cases that leave the caches, see held()

# What a cell says, and the check that said it.
CHECKS = [
    ("oracle", r"^output differs from the oracle"),
    ("new bytes, oracle", r"^after new bytes were written"),
    ("probe", r"^exact probe"),
    ("2n / n", r"^twice the executions"),
    ("4 / 1", r"^four executions"),
    ("one by one", r"asked for one by one"),
    ("caching", r"^CACHING"),
    ("late work", r"^work after the stop"),
    ("inputs", r"^inputs changed"),
    ("floor", r"^faster than this machine"),
]


def backends(names):
    arguments = []
    for name in names:
        arguments += ["--backend", f"{name}=honest@{LIBRARIES}/libdouble_{name}.so"]
    return [*arguments, "--backends", ",".join(names)]


def check_of(reason):
    return next((name for name, pattern in CHECKS if re.search(pattern, reason)), reason)


def lies():
    found = {name: collections.Counter() for name in LIARS}
    missed = []
    for run in range(RUNS):
        with Scratch() as scratch:
            code, record = scratch.run_json("run", scratch.cases(*LIE_CASES), "--quick", "--seed", SEED + run,
                                            *backends(LIARS))
            check(code == 3, f"exit {code}")
            for cell in record["cells"]:
                if cell["status"] == "UNSUPPORTED":
                    continue
                caught = cell["status"] == "INVALID"
                found[cell["backend"]][check_of(cell["reason"]) if caught else "MISSED"] += 1
                if not caught:
                    missed.append(f"{cell['backend']} on {cell['case']}, seed {SEED + run}: {cell['status']} {cell['reason']}")
    for name, kinds in found.items():
        cells = sum(kinds.values())
        check(cells >= RUNS, f"{name}: {cells} cells in {RUNS} runs")
        print(f"{name:16} {cells - kinds['MISSED']} of {cells} cells in {RUNS} runs:",
              ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    return missed


def last_level_cache():
    """Bytes of the largest cache of the first processor; 0 where the system does not tell."""
    sizes = [p.read_text().strip() for p in pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")]
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return max((int(size[:-1]) * units[size[-1]] for size in sizes if size[-1:] in units), default=0)


def held():
    """A case whose inputs and output leave the caches by turns keeps to one slot: what is kept for that slot shows."""
    columns = last_level_cache() // 16000
    if not 0 < columns <= 1 << 15:
        print("held: no case of a fit size here")
        return []
    with Scratch() as scratch:
        _, record = scratch.run_json("run", scratch.cases(f"relu/1000x{columns}"), "--quick", "--seed", SEED,
                                     *backends(["honest", "cached_while_held"]))
        honest, liar = record["cells"]
        print("held:", liar["status"], liar["reason"])
        # The floor rests on limits that other load distorts, and says nothing about slots.
        fine = honest["status"] == "OK" or check_of(honest["reason"]) == "floor"
        wrong = [] if fine else [f"honest: {honest['status']} {honest['reason']}"]
        return wrong + ([] if check_of(liar["reason"]) == "4 / 1" else [f"liar: {liar['status']} {liar['reason']}"])


def honest_cases():
    """Cases of every kind and of 60 ns to 10 ms, as many as wanted, always the same ones of a seed."""
    draw = random.Random(SEED)

    def size(low, high):
        return int(low * (high / low) ** draw.random())

    makers = [
        lambda: f"relu/{size(3, 2000)}x{size(3, 2000)}",
        lambda: f"sigmoid/{size(3, 1000)}x{size(3, 1000)}",
        lambda: f"selu/{size(3, 1000)}x{size(3, 1000)}",
        lambda: f"softmax/{size(3, 1000)}x{size(3, 1000)}",
        lambda: f"layer_norm/{size(3, 1000)}x{size(8, 1000)}",
        lambda: "matmul/{0}x{1},{1}x{2}".format(size(3, 600), size(3, 600), size(3, 600)),
        lambda: "linear/{0}x{1},{1}x{2},{2}".format(size(3, 400), size(3, 400), size(3, 400)),
        lambda: f"sum/{size(3, 2000)}x{size(3, 1000)}/axis={draw.randrange(2)}",
        lambda: f"argmax/{size(3, 1000)}x{size(3, 1000)}/axis={draw.randrange(2)}",
        lambda: f"sort/{size(3, 300)}x{size(3, 300)}/axis={draw.randrange(2)}",
        lambda: f"gather/{size(8, 4000)}x{size(3, 100)},{size(3, 4000)}",
        lambda: f"scatter/{size(8, 4000)}x{size(3, 100)},{size(3, 4000)}",
        lambda: "bce/{0},{0}".format(size(8, 1000000)),
        lambda: "sdpa/1x2x{0}x32,1x2x{0}x32,1x2x{0}x32/mask=causal".format(size(8, 200)),
    ]
    seen = set()
    for make in itertools.cycle(makers):
        case = make()
        if case not in seen:
            seen.add(case)
            yield case


def honesty():
    """In runs of 50 cases, so that no run is long."""
    cases, wrong, labelled = itertools.islice(honest_cases(), CELLS), [], 0
    for run in range((CELLS + 49) // 50):
        with Scratch() as scratch:
            ids = list(itertools.islice(cases, 50))
            _, record = scratch.run_json("run", scratch.cases(*ids), "--quick", "--seed", SEED + run, *backends(["honest"]),
                                         timeout=600)
            check(len(record["cells"]) == len(ids), f"{len(record['cells'])} cells of {len(ids)}")
            labelled += sum("NONLINEAR" in cell["labels"] for cell in record["cells"])
            wrong += [f"honest on {c['case']}: {c['status']} {c['reason']}" for c in record["cells"] if c["status"] != "OK"]
    print(f"honest: {CELLS - len(wrong)} of {CELLS} cells OK, {labelled} labelled NONLINEAR")
    return wrong


begun = time.monotonic()
findings = (lies() + held() if RUNS else []) + (honesty() if CELLS else [])
print(f"{time.monotonic() - begun:.0f} s")
if findings:
    fail("\n".join(findings))
