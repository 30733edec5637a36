"""What the fault tests share: a program under test, a scratch folder, its database, its workers."""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

PROGRAM = pathlib.Path(sys.argv[1]).resolve()


def fail(text):
    print("FAIL:", text)
    sys.exit(1)


def check(condition, text):
    if not condition:
        fail(text)


class Scratch:
    """A folder that is gone afterwards, with home, cache and data of its own."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="tm-fault-"))
        self.database = self.path / "results.db"
        self.environment = dict(os.environ, HOME=str(self.path), XDG_CACHE_HOME=str(self.path / "cache"),
                                XDG_DATA_HOME=str(self.path / "data"))
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)

    def cases(self, *ids, name="cases.txt"):
        path = self.path / name
        path.write_text("\n".join(ids) + "\n")
        return str(path)

    def command(self, *arguments):
        return [str(PROGRAM), *map(str, arguments), "--db", str(self.database)]

    def start(self, *arguments, **options):
        return subprocess.Popen(self.command(*arguments), env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def run(self, *arguments, timeout=300):
        return subprocess.run(self.command(*arguments), env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout)

    def run_json(self, *arguments, timeout=300):
        """Runs with --format json; returns exit status and record."""
        done = self.run(*arguments, "--format", "json", timeout=timeout)
        check(done.stdout.strip(), f"no record; exit {done.returncode}, stderr: {done.stderr[-2000:]}")
        return done.returncode, json.loads(done.stdout)

    def mock(self, script, name="script.txt"):
        """Arguments that add a mock backend `m` with this script."""
        path = self.path / name
        path.write_text(script)
        return ["--backend", f"m=mock@{path}", "--backends", "m"]

    def integrity(self):
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute("PRAGMA integrity_check").fetchone()[0]
        finally:
            connection.close()


def children(pid):
    """Processes whose parent is `pid`."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def workers(pid):
    """Worker processes started by the run with this pid."""
    return [child for child in children(pid) if is_worker(child)]


def is_worker(pid):
    try:
        return b"worker" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[1:2]
    except OSError:
        return False


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    return condition()


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def cells(record):
    return {cell["case"]: cell for cell in record["cells"]}
