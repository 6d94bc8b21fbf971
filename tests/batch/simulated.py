"""A tracking store in one JSON file, a lane without a kernel, and runs that are killed at every step.

    python simulated.py FOLDER

kills one run at every point it passes, runs it again under its key, and prints a line of JSON a point.
"""

import contextlib
import json
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workbench.batch import Record, Registered, run
from workbench.batch.lanes import Ended
from workbench.batch.tracking import KEY
from workbench.ledger import Ledger

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
KEYED = "weekly/2026-01-05"
NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "first",
            "metadata": {"tags": ["parameters"]},
            "outputs": [],
            "source": "seed: int = 7  # seed of the random numbers",
        }
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}


class Clock:
    """A minute later at every look."""

    def __init__(self):
        self.time = START

    def __call__(self):
        self.time += timedelta(minutes=1)
        return self.time


class Finding:
    """What `workbench.evidence.Finding` is to a record: something that has itself as plain JSON."""

    def __init__(self, subject="lending", run_id="", **more):
        self.body = {
            "kind": "performance",
            "subject": subject,
            "verdict": "pass",
            "sentence": "It tells good risks from bad ones.",
            "figures": {"f1": {"value": 0.9}},
            "data_digest": "d",
            "run_id": run_id,
            "at": START.isoformat(),
            "details": {},
            **more,
        }

    def as_body(self):
        return self.body


class SimulatedTracking:
    """What MLflow is to a runner, in one JSON file that outlives its process; `calls` tells what was asked."""

    def __init__(self, path):
        self.path = Path(path)
        self.calls = []

    @property
    def state(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {"runs": {}, "versions": []}

    @contextlib.contextmanager
    def _change(self, call):
        self.calls.append(call)
        state = self.state
        yield state
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(state))
        beside.replace(self.path)

    def start(self, name, *, parameters, tags):
        with self._change("start") as state:
            run_id = f"{len(state['runs']) + 1:032x}"[::-1]
            state["runs"][run_id] = {
                "name": name,
                "status": "RUNNING",
                "parameters": parameters,
                "tags": dict(tags),
                "metrics": {},
                "files": [],
            }
        return run_id

    def log(self, run_id, *, metrics, tags, folder):
        with self._change("log") as state:
            kept = state["runs"][run_id]
            kept["metrics"] |= metrics
            kept["tags"] |= tags
            kept["files"] = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())

    def register(self, run_id, model, path, *, tags):
        with self._change("register") as state:
            number = 1 + sum(version["model"] == model for version in state["versions"])
            state["versions"].append(
                {"model": model, "version": number, "run_id": run_id, "path": path, "tags": dict(tags)}
            )
        return number

    def registered_under(self, key):
        for version in reversed(self.state["versions"]):
            if version["tags"].get(KEY) == key:
                return Registered(version["model"], version["version"], version["run_id"], version["tags"])
        return None

    def finish(self, run_id, status):
        with self._change("finish") as state:
            state["runs"][run_id]["status"] = status

    def attempts(self, key):
        return [run_id for run_id, kept in self.state["runs"].items() if kept["tags"].get(KEY) == key]

    def abandon(self, key):
        with self._change("abandon") as state:
            left = [run for run in self.attempts(key) if state["runs"][run]["status"] == "RUNNING"]
            for run_id in left:
                state["runs"][run_id]["status"] = "FAILED"
        return left


class SimulatedLane:
    """Does in the run's folder what a kernel would do there; notes how often and in what environment."""

    def __init__(self, hand_over=None, failure=None):
        self.hand_over = hand_over or hand_over_a_model
        self.failure = failure
        self.times = 0
        self.environ = None

    def __call__(self, job, on_cell=None):
        self.times += 1
        self.environ = job.environ
        if on_cell:
            on_cell(1, 1)
        self.hand_over(job.run_folder)
        return Ended(self.failure, lane="simulated")


def hand_over_a_model(folder, names=("lending", "pricing")):
    """Close a record with numbers, findings and models of one file each, as a kernel does."""
    record = Record.in_run(folder, now=START)
    record.metrics({"f1": 0.9, "auc": 0.95})
    record.sentence("It is better than the one before.")
    record.lesson("More data did not help.")
    record.data("loans", "d" * 64, 100)
    record.finding(Finding())
    record.finding(Finding("lending", run_id=record.run_id, kind="fairness"))
    record.finding(Finding("experiment/rand-hie", run_id="another-run", kind="experiment"))
    record.close()
    content = json.loads((folder / "record.json").read_text())
    for name in names:
        place = folder / "models" / name / "model"
        place.mkdir(parents=True)
        (place / "MLmodel").write_text(name)
        content["models"].append(
            {
                "name": name,
                "threshold": 0.123456789 if name == "lending" else None,
                "data_digest": "d" * 64,
                "feature_set": "loan@1",
                "model_digest": f"{name}-{content['run_id']}",  # no training gives the same bytes twice
                "metrics": {"f1": 0.9},
            }
        )
    (folder / "record.json").write_text(json.dumps(content))


class Points:
    """Counts the points that a run passes, and kills the process at one of them."""

    def __init__(self, fatal=None):
        self.fatal = fatal
        self.passed = 0

    def __call__(self):
        self.passed += 1
        if self.passed == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call):
        def passed(*arguments, **options):
            self()
            answer = call(*arguments, **options)
            self()
            return answer

        return passed


class WatchedTracking:
    """A tracking store with a point before and after every call that changes it."""

    def __init__(self, tracking, point):
        self._tracking = tracking
        for name in ("start", "log", "register", "finish", "abandon"):
            setattr(self, name, point.around(getattr(tracking, name)))

    def __getattr__(self, name):
        return getattr(self._tracking, name)


class WatchedLedger:
    """A ledger with a point before and after its commit, and after each entry within."""

    def __init__(self, ledger, point):
        self._ledger = ledger
        self._point = point

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    @contextlib.contextmanager
    def transaction(self):
        self._point()
        with self._ledger.transaction() as writer:
            append = writer.append

            def appended(*arguments, **options):
                entry = append(*arguments, **options)
                self._point()
                return entry

            writer.append = appended
            yield writer
        self._point()


def run_once(root, *, point=None, lane=None):
    """One attempt at the run, in a workspace of simulators."""
    point = point or Points()
    notebook = root / "weekly.ipynb"
    notebook.write_text(json.dumps(NOTEBOOK))
    tracking = WatchedTracking(SimulatedTracking(root / "tracking.json"), point)
    with Ledger.open(f"sqlite:///{root / 'ledger.db'}") as ledger:
        return run(
            notebook,
            {"seed": "8"},
            workspace_root=root,
            tracking=lambda: tracking,
            ledger=WatchedLedger(ledger, point),
            actor="analyst",
            now=Clock(),
            environ={},
            key=KEYED,
            lane=point.around(lane or SimulatedLane()),
        )


def killed_at(root, fatal):
    """Whether an attempt in a process of its own was killed at a point."""
    child = os.fork()
    if not child:
        run_once(root, point=Points(fatal))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def told(root, fatal, outcome):
    """What a workspace holds after a run was killed and run again."""
    state = SimulatedTracking(root / "tracking.json").state
    with Ledger.open(f"sqlite:///{root / 'ledger.db'}") as ledger:
        return {
            "point": fatal,
            "status": outcome.status,
            "reused": outcome.reused,
            "versions": [[version["model"], version["version"]] for version in state["versions"]],
            "told_versions": [[version.model, version.version] for version in ledger.versions()],
            "kept_digests": {v["model"]: v["tags"]["workbench.model_digest"] for v in state["versions"]},
            "told_digests": {version.model: version.model_digest for version in ledger.versions()},
            "kinds": sorted(entry.kind for entry in ledger.entries()),
            "statuses": sorted(kept["status"] for kept in state["runs"].values()),
            "valid": ledger.verify().valid,
        }


def main(place):
    """Kill one run at every point; a line of JSON for each."""
    fatal = 1
    while True:
        root = place / f"killed-{fatal}"
        root.mkdir()
        if not killed_at(root, fatal):
            break
        killed_again = fatal % 3 == 0 and killed_at(root, 2)
        outcome = run_once(root)
        again = run_once(root)
        print(json.dumps({**told(root, fatal, outcome), "twice": killed_again, "again": again.reused}))
        fatal += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
