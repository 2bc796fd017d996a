# SPDX-License-Identifier: Apache-2.0
"""Studies from the command line: shards, interrupted and killed runs, files.

Usage: sweep_test.py TRIPTYCH [KILLS]. With KILLS, only the runs that are
killed, that often, at moments drawn from a fixed seed. Prints one line a case
and 'N passed, N failed'; exits 1 if any failed.
"""
import csv
import glob
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

TRIPTYCH = sys.argv[1]
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 0
PATIENCE_S = 120
STUDY = """
name = "tried"
model = "stories260k"
targets = ["npu", "gpu"]
batch = { low = 1, high = %d, steps = %d }
context = [16, 64]
[axes]
"host.link_gb_per_s" = { low = "10 GB/s", high = 40, steps = 3 }
[derived]
cost = { value = "batch * host.link_gb_per_s", unit = "USD" }
[constraints]
even = "batch != 5"
[objectives]
maximise = ["tokens_per_s"]
minimise = ["cost"]
[refine]
band = 0.02
set = { "host.link_latency_us" = 4 }
[set]
"npu:schedule" = "closed_form"
"""
SWEPT = {"points", "ok", "invalid", "oom", "timeout", "crash", "points_per_s",
         "pareto"}


def run(*arguments):
    return subprocess.run([TRIPTYCH, *arguments], capture_output=True,
                          text=True, timeout=PATIENCE_S)


def succeed(*arguments):
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sweep(study, db, *arguments):
    return json.loads(succeed("sweep", study, "--db", db, "--json", "-",
                              *arguments))["results"][0]


def refused(*arguments, says):
    done = run(*arguments)
    assert done.returncode == 2, f"exit code {done.returncode}"
    assert says in done.stderr, f"stderr: {done.stderr}"
    assert done.stdout == "", "results on stdout beside an error"


def bytes_of(path):
    with open(path, "rb") as file:
        return file.read()


class Folder:
    """A folder with a study of so many batches."""

    def __init__(self, batches):
        self.folder = tempfile.TemporaryDirectory()
        self.study = self / "study.toml"
        self.points = (batches - 1) * 2 * 3 * 2
        with open(self.study, "w", encoding="utf-8") as file:
            file.write(STUDY % (batches, batches))

    def __truediv__(self, name):
        return os.path.join(self.folder.name, name)

    def files(self):
        return sorted(os.path.basename(path)
                      for path in glob.glob(self / "*.db*"))


def rows_in(path):
    """Numbers of the points that are committed; none before there are any."""
    if not os.path.exists(path):
        return set()
    db = sqlite3.connect(path, timeout=30)
    try:
        numbers = [row[0] for row in db.execute("SELECT point FROM analytic")]
    except sqlite3.OperationalError as error:
        assert "no such table" in str(error), error
        numbers = []
    finally:
        db.close()
    assert len(numbers) == len(set(numbers)), "a point is there twice"
    return set(numbers)


def start(folder, db):
    return subprocess.Popen(
        [TRIPTYCH, "sweep", folder.study, "--db", db, "--threads", "2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(what, condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def killed_runs_go_on():
    """kill -9 at random moments, resumed each time: no point is lost once it
    is committed, none doubled, and the end is that of an undisturbed run."""
    folder = Folder(20000)
    began = time.monotonic()
    sweep(folder.study, folder / "whole.db", "--threads", "2")
    took = time.monotonic() - began
    whole = bytes_of(folder / "whole.db")
    assert len(rows_in(folder / "whole.db")) == folder.points
    moments = random.Random(8)
    kills, partial, db = 0, 0, folder / "killed.db"
    committed = set()
    while kills < KILLS:
        process = start(folder, db)
        time.sleep(moments.uniform(0, 0.7 * took))
        workers = children_of(process.pid)
        process.kill()
        process.communicate(timeout=PATIENCE_S)
        if process.returncode == 0:  # it was faster
            assert bytes_of(db) == whole
            os.remove(db)
            committed = set()
            continue
        kills += 1
        wait_for("workers outlive their parent",
                 lambda: not any(map(is_running, workers)))
        now = rows_in(db)
        assert committed <= now, "committed points are lost"
        partial += committed < now
        committed = now
    assert partial > KILLS // 4, "hardly a kill came while points were added"
    sweep(folder.study, db, "--threads", "1")
    assert bytes_of(db) == whole
    assert folder.files() == ["killed.db", "whole.db"], folder.files()


def shards_are_the_whole():
    folder = Folder(20)
    whole = sweep(folder.study, folder / "whole.db")
    assert SWEPT <= whole.keys(), SWEPT - whole.keys()
    assert whole["points"] == whole["ok"] == folder.points
    shards = []
    for i in range(8):
        shards.append(folder / f"{i}.db")
        part = sweep(folder.study, shards[-1], "--shard", f"{i}/8")
        assert 0 < part["points"] < folder.points
    succeed("sweep", "merge", folder / "merged.db", *shards)
    assert bytes_of(folder / "merged.db") == bytes_of(folder / "whole.db")
    again = sweep(folder.study, folder / "merged.db")
    assert again["evaluated"] == 0 and again["pareto"] == whole["pareto"]
    assert bytes_of(folder / "merged.db") == bytes_of(folder / "whole.db")


def the_front_is_a_front():
    folder = Folder(20)
    front = sweep(folder.study, folder / "a.db")["pareto"]
    text = succeed("sweep", "export", folder / "a.db", "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == folder.points
    values = {int(r["point"]): (-float(r["tokens_per_s"]), float(r["cost"]))
              for r in rows}
    best = {n for n, v in values.items()
            if not any(o != v and o[0] <= v[0] and o[1] <= v[1]
                       for o in values.values())}
    assert {p["point"] for p in front} == best and best
    ndjson = succeed("sweep", "export", folder / "a.db", "--ndjson", "-")
    for row, line in zip(rows, ndjson.splitlines(), strict=True):
        for name, value in json.loads(line).items():
            want = "" if value is None else str(value)
            got = row[name]
            assert got == want or float(got) == value, (name, got, want)


def a_signal_leaves_a_file_to_go_on_with():
    folder = Folder(40000)
    db = folder / "stopped.db"
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start(folder, db)
        before = len(rows_in(db))
        wait_for("no rows", lambda: len(rows_in(db)) > before)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == -number, (process.returncode, stderr)
        assert "the same command goes on from there" in stderr, stderr
        there = len(rows_in(db))
        assert before < there < folder.points
        assert f"stopped with {there} of {folder.points} points" in stderr
        assert folder.files() == ["stopped.db"], folder.files()


def a_worker_that_is_killed_costs_its_point():
    folder = Folder(8000)
    sweep(folder.study, folder / "whole.db")
    db = folder / "hit.db"
    process = start(folder, db)
    wait_for("no rows", lambda: rows_in(db))
    for worker in children_of(process.pid):
        os.kill(worker, signal.SIGKILL)
    _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, stderr
    assert len(rows_in(db)) == folder.points
    sweep(folder.study, db, "--retry", "oom,crash")
    assert bytes_of(db) == bytes_of(folder / "whole.db")


def refining_walks_the_band():
    folder = Folder(8)
    db = folder / "a.db"
    refined = sweep(folder.study, db, "--refine")
    assert refined["tier"] == "detailed"
    assert 0 < refined["points"] < folder.points
    whole = bytes_of(db)
    assert sweep(folder.study, db, "--refine")["evaluated"] == 0
    assert bytes_of(db) == whole
    text = succeed("sweep", "export", db, "--csv", "-")
    tiers = [row["tier"] for row in csv.DictReader(io.StringIO(text))]
    assert tiers.count("analytic") == folder.points
    assert tiers.count("detailed") == refined["points"]
    # The extra override is that tier's alone, and costs time.
    number = refined["pareto"][0]["point"]
    seconds = {}
    for tier in "analytic", "detailed":
        shown = succeed("sweep", "show", db, "--point", str(number), "--tier",
                        tier)
        overridden = "host.link_latency_us = { value = 4," in shown
        assert overridden == (tier == "detailed"), shown
        seconds[tier] = float(shown.split("\nseconds = ")[1].split("\n")[0])
    assert seconds["detailed"] > seconds["analytic"]


def a_point_shown_is_a_machine():
    """The configuration that `show` prints is one that `profile` takes, and
    it costs what the database says."""
    folder = Folder(20)
    sweep(folder.study, folder / "a.db")
    shown = succeed("sweep", "show", folder / "a.db", "--point", "77")
    columns, machine = shown.split("\n\n", 1)
    values = dict(line.split(" = ", 1) for line in columns.splitlines())
    with open(folder / "machine.toml", "w", encoding="utf-8") as file:
        file.write(machine)
    result = json.loads(succeed(
        "profile", "-m", "stories260k", "-t", folder / "machine.toml",
        "--batch", values["batch"], "--context", values["context"], "--json",
        "-"))["results"][0]
    for name in "seconds", "energy_j":
        assert abs(result[name] / float(values[name]) - 1) < 1e-9, name


def mistakes_are_located():
    folder = Folder(3)
    bad = folder / "bad.toml"
    with open(bad, "w", encoding="utf-8") as file:
        file.write(STUDY.replace("steps = 3", "step = 3") % (3, 3))
    db = folder / "a.db"
    refused("sweep", bad, "--db", db,
            says=f"triptych: {bad}:8: host.link_gb_per_s.step: no such key; "
                 "the nearest is steps")
    assert not os.path.exists(db), "a file beside an error"
    refused("sweep", folder.study, says="--db is missing")
    refused("sweep", says="the study is missing")
    refused("sweep", folder / "no.toml", "--db", db, says="cannot be opened")
    refused("sweep", folder.study, "--db", db, "--shard", "2/2",
            says="--shard: 2/2 is not allowed")
    refused("sweep", folder.study, "--db", db, "--retry", "ok",
            says="--retry: ok is not allowed; allowed invalid, oom, timeout, "
                 "crash")
    refused("sweep", folder.study, "--db", db, "--refine", "--shard", "0/2",
            says="allowed without --shard")
    refused("sweep", "show", folder.study, "--point", "1",
            says="not a database of a study")
    refused("sweep", "merge", db, folder / "no.db", says="no.db")
    assert folder.files() == [], folder.files()


CASES = [
    shards_are_the_whole, the_front_is_a_front,
    a_signal_leaves_a_file_to_go_on_with,
    a_worker_that_is_killed_costs_its_point, refining_walks_the_band,
    a_point_shown_is_a_machine, mistakes_are_located,
]


def main():
    failed = 0
    cases = [killed_runs_go_on] if KILLS else CASES
    for case in cases:
        try:
            case()
            print("passed", case.__name__)
        except Exception as error:  # one case must not stop the others
            failed += 1
            print("FAILED", case.__name__, repr(error))
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
