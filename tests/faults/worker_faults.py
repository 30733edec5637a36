"""Whatever a backend does in a worker becomes the status of that case alone: the case after it is OK, and nothing of the
worker is left."""
import os
import pathlib
import subprocess

from harness import PROGRAM, Scratch, cells, check, children

BAD, GOOD = "relu/33x65", "softmax/40x30/axis=-1"

# script, status, words of the reason; the script strikes on relu alone.
FAULTS = [
    ("crash run", "CRASHED", "SIGSEGV"),
    ("abort run", "CRASHED", "SIGABRT"),
    ("exit0 run", "PROTOCOL", "exited with status 0"),
    ("garbage run 1", "PROTOCOL", "magic"),
    ("oom run", "OOM", "no memory"),
    ("device_oom run", "OOM_DEVICE", "no device memory"),
    ("device_error run", "DEVICE_ERROR", "fell off the bus"),
    ("fail run the framework said no", "FAILED", "the framework said no"),
    ("crash compile", "CRASHED", "SIGSEGV"),
    ("crash bind", "CRASHED", "SIGSEGV"),
    ("wrong", "INVALID", ""),
    ("nothing", "INVALID", ""),
    ("flood run 3000000 1", "OK", ""),
    ("fork run 1", "OK", ""),
    ("escape run 1", "OK", ""),
]


def processes_with(text):
    """Living processes in whose environment `text` stands."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if text.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def check_nothing_left(scratch, script):
    left = processes_with(f"HOME={scratch.path}")
    check(not left, f"{script}: left behind: {left}")


def check_fault(script, status, reason):
    """With `verify`: a cell's whole way but the timing, in a second."""
    with Scratch() as scratch:
        mock = scratch.mock(f"when relu\n{script}\n")
        done = subprocess.run([str(PROGRAM), "verify", scratch.cases(BAD, GOOD), *mock], env=scratch.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        lines = {line.split()[1]: line for line in done.stdout.splitlines() if "/f32" in line}
        check(len(lines) == 2, f"{script}: {done.stdout}{done.stderr}")
        bad, good = lines[BAD + "/f32"], lines[GOOD + "/f32"]
        check(bad.split()[0] == ("pass" if status == "OK" else status), f"{script}: {bad}, expected {status}")
        check(reason in bad, f"{script}: {bad}")
        check(good.startswith("pass "), f"{script}: the next case: {good}")
        check(done.returncode == (0 if status == "OK" else 3), f"{script}: exit {done.returncode}")
        check_nothing_left(scratch, script)
        print(bad)


def check_run():
    """A whole run with a backend that dies in the middle of visits and leaves children behind."""
    with Scratch() as scratch:
        mock = scratch.mock("when relu\nescape run 1\nflood run 1000000 2\ncrash run 40\n")
        code, out = scratch.run_json("run", scratch.cases(BAD, GOOD), "--quick", *mock)
        table = cells(out)
        bad, good = table[BAD + "/f32"], table[GOOD + "/f32"]
        check(bad["status"] == "CRASHED" and "SIGSEGV" in bad["reason"], bad)
        check(good["status"] == "OK", good)
        check(code == 3 and out["run"]["status"] == "COMPLETE", f"exit {code}, {out['run']['status']}")
        check(scratch.integrity() == "ok", "database")
        check_nothing_left(scratch, "run")
        print("run:", bad["status"], bad["reason"])


def main():
    for fault in FAULTS:
        check_fault(*fault)
    check_run()
    check(not children(os.getpid()), "children left")


main()
