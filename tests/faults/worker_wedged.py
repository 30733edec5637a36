"""A worker that cannot be reaped: it hangs, and a tracer that never waits keeps its remains from the parent, as a driver would.
The parent gives up after 10 s, the cell is WEDGED, its backend is set aside, and the other backend goes on."""
import ctypes
import json
import os

from harness import Scratch, check, wait_for, workers

PTRACE_SEIZE = 0x4206


def main():
    with Scratch() as scratch:
        mock = scratch.mock("when relu\nhang run 30\n")[:2]
        process = scratch.start("run", scratch.cases("relu/33x65", "softmax/40x30"), "--quick", "--format", "json", *mock,
                                "--backends", "m,native")
        found = wait_for(lambda: workers(process.pid), 30)
        check(found, "no worker was started")
        ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
        if ptrace(PTRACE_SEIZE, found[0], None, None) != 0:
            print("skipped: tracing is not allowed here:", os.strerror(ctypes.get_errno()))
            process.kill()
            raise SystemExit(77)
        out, err = process.communicate(timeout=200)
        check(out.strip(), f"no record; exit {process.returncode}: {err[-1000:]}")
        status = {(c["case"].split("/")[0], c["backend"]): (c["status"], c["reason"]) for c in json.loads(out)["cells"]}
        check(status["relu", "m"][0] == "WEDGED", status)
        check(status["softmax", "m"][0] == "WEDGED", status)
        check(status["relu", "native:cpu"][0] == status["softmax", "native:cpu"][0] == "OK", status)
        check(process.returncode == 3, f"exit {process.returncode}")
        print("wedged:", status["relu", "m"][1])


main()
