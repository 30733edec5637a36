"""What becomes of cells when a run does not go straight on: a hang in a visit, a case too large for memory, a budget that ends,
an op the backend has not, a backend that cannot be loaded."""
import time

from harness import PROGRAM, Scratch, cells, check


def hang():
    """A worker that hangs in a visit and ignores TERM is killed after its deadline; the next case runs."""
    with Scratch() as scratch:
        mock = scratch.mock("when relu\nhang run 30\n")
        begun = time.monotonic()
        code, record = scratch.run_json("run", scratch.cases("relu/33x65", "softmax/40x30"), "--quick", *mock)
        table = cells(record)
        bad = table["relu/33x65/f32"]
        check(bad["status"] == "HUNG", bad)
        check(table["softmax/40x30/axis=-1/f32"]["status"] == "OK", table)
        check(code == 3 and time.monotonic() - begun < 300, f"exit {code}")
        print("hang:", bad["reason"][:100])


def memory():
    """16 TB are skipped before they start, and that is no failure."""
    with Scratch() as scratch:
        code, record = scratch.run_json("run", scratch.cases("relu/2000000x1000000", "relu/3x5"), "--quick",
                                        "--backends", "native")
        table = cells(record)
        skipped = table["relu/2000000x1000000/f32"]
        check(skipped["status"] == "SKIPPED" and skipped["reason"].startswith("memory"), skipped)
        check(table["relu/3x5/f32"]["status"] == "OK" and code == 0, f"exit {code}")
        print("memory:", skipped["reason"])


def budget():
    """Cases that do not fit into the budget are dropped from the end, visibly."""
    with Scratch() as scratch:
        ids = [f"softmax/{n}x64" for n in range(100, 140)]
        code, record = scratch.run_json("run", scratch.cases(*ids), "--quick", "--backends", "native", "--budget", "12s")
        status = [(c["status"], c["reason"]) for c in record["cells"]]
        kept = [s for s in status if s[0] == "OK"]
        check(0 < len(kept) < len(ids), f"{len(kept)} of {len(ids)} measured")
        check(status[:len(kept)] == kept, "dropped from the middle")
        check(all(s == ("SKIPPED", "budget") for s in status[len(kept):]), status)
        check(code == 3, f"exit {code}")
        print(f"budget: {len(kept)} of {len(ids)} cases")


def unsupported():
    """An op that a backend has not is a true statement about it, not a failure."""
    with Scratch() as scratch:
        code, record = scratch.run_json("run", scratch.cases("sort/64x8/axis=0", "relu/3x5"), "--quick", *scratch.mock(""))
        table = cells(record)
        check(table["sort/64x8/axis=0/f32"]["status"] == "UNSUPPORTED", table)
        check(table["relu/3x5/f32"]["status"] == "OK" and code == 0, f"exit {code}")


def not_a_library():
    """A library that cannot be loaded: one clear reason, and the other backend's cells are unharmed."""
    with Scratch() as scratch:
        path = scratch.path / "broken.so"
        path.write_bytes(PROGRAM.read_bytes()[:4096])
        code, record = scratch.run_json("run", scratch.cases("relu/3x5"), "--quick", "--backend", f"x=native@{path}",
                                        "--backends", "native,x")
        status = {c["backend"]: (c["status"], c["reason"]) for c in record["cells"]}
        check(status["native:cpu"][0] == "OK", status)
        check(status["x"][0] != "OK" and status["x"][1], status)  # the system's loader itself may die on it
        check(code == 3, f"exit {code}")
        print("not a library:", *status["x"])


def nonlinear():
    """Where a batch costs something by itself, a cell's time is what one more execution takes: 50 us, not 55."""
    with Scratch() as scratch:
        code, record = scratch.run_json("run", scratch.cases("relu/33x65"), "--quick", "--samples",
                                        *scratch.mock("call_ns 50000\nbatch_ns 20000\n"))
        cell = record["cells"][0]
        check(code == 0 and cell["status"] == "OK" and "NONLINEAR" in cell["labels"], cell)
        check(49e3 < cell["time_ns"]["median"] < 52.5e3, cell["time_ns"])
        check(all(min(visit["ns"]) > 0 for visit in record["samples"]), "a slope that is not positive")
        print("nonlinear:", cell["time_ns"]["median"])


def capped():
    """A cell may sample for 20 s and then has no last round. It is looked at all the same: inputs that changed show."""
    with Scratch() as scratch:
        mock = scratch.mock("call_ns 60000000\nlater_ns 7000000000 5\nspoil 5\n")
        code, record = scratch.run_json("run", scratch.cases("relu/33x65"), *mock)
        cell = record["cells"][0]
        check(code == 3 and cell["status"] == "INVALID" and cell["reason"].startswith("inputs changed"), cell)
        print("capped:", cell["reason"])


for test in (memory, unsupported, not_a_library, budget, hang, nonlinear, capped):
    test()
