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


for test in (memory, unsupported, not_a_library, budget, hang):
    test()
