"""A tracking store in one file and a lane without a kernel; both can be told to die at the n-th boundary."""

import json
import os
import signal
from contextlib import contextmanager
from pathlib import Path

from workbench.batch.folders import MODELS, RECORD
from workbench.batch.kernels import Failure
from workbench.batch.tracking import KEY, Registered
from workbench.data.digests import digest_folder
from workbench.ledger import Ledger
from workbench.ledger.store import Writer

FINDING = {
    "kind": "performance",
    "subject": "lending",
    "verdict": "pass",
    "sentence": "It is good enough.",
    "figures": {"f1": {"value": 0.9}},
    "data_digest": "d",
    "run_id": "",
    "at": "2026-01-01T00:00:00+00:00",
    "details": {},
}


def never(boundary):
    """Nobody dies."""


class Killer:
    """Counts boundaries, and at the chosen one kills the process as a power cut would."""

    def __init__(self, at):
        self.left = at

    def __call__(self, boundary):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class SimulatedTracking:
    """Runs and versions in a JSON file; like MLflow it keeps nothing unique and each call is a commit."""

    def __init__(self, path, boundary=never):
        self.path = path
        self.boundary = boundary

    def read(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {"runs": {}, "versions": []}

    @contextmanager
    def change(self, name):
        self.boundary(f"before {name}")
        content = self.read()
        yield content
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(content))
        beside.replace(self.path)
        self.boundary(f"after {name}")

    def start(self, name, *, parameters, tags):
        with self.change("start") as content:
            run_id = f"{len(content['runs']) + 1:08x}{'0' * 24}"
            content["runs"][run_id] = {"name": name, "parameters": parameters, "tags": tags, "status": "RUNNING"}
        return run_id

    def log(self, run_id, *, metrics, tags, folder):
        with self.change("log") as content:
            run = content["runs"][run_id]
            run["metrics"] = metrics
            run["tags"] |= tags
            run["files"] = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())

    def register(self, run_id, model, path, *, tags):
        with self.change("register") as content:
            assert f"{path}/MLmodel" in content["runs"][run_id]["files"]
            number = sum(version["model"] == model for version in content["versions"]) + 1
            content["versions"].append({"model": model, "version": number, "run_id": run_id, "tags": tags})
        return number

    def registered_under(self, key):
        found = [version for version in self.read()["versions"] if version["tags"].get(KEY) == key]
        return Registered(**found[0]) if found else None

    def finish(self, run_id, status):
        with self.change("finish") as content:
            content["runs"][run_id]["status"] = status

    def attempts(self, key):
        return [run_id for run_id, run in self.read()["runs"].items() if run["tags"].get(KEY) == key]

    def abandon(self, key):
        left = [run_id for run_id in self.attempts(key) if self.read()["runs"][run_id]["status"] == "RUNNING"]
        for run_id in left:
            self.finish(run_id, "FAILED")
        return left

    def statuses(self):
        return [run["status"] for run in self.read()["runs"].values()]


class KillableLedger(Ledger):
    """The ledger itself, with boundaries around and within each transaction."""

    boundary = staticmethod(never)

    @contextmanager
    def transaction(self):
        self.boundary("before transaction")
        with super().transaction() as writer:
            inner = writer.append

            def append(*arguments, **options):
                self.boundary("before entry")
                entry = inner(*arguments, **options)
                self.boundary("after entry")
                return entry

            assert isinstance(writer, Writer)
            writer.append = append
            yield writer
        self.boundary("after transaction")


class SimulatedLane:
    """Runs no cell: leaves behind what a notebook with these results would have left."""

    def __init__(
        self, log=None, *, model="lending", findings=(FINDING,), metrics=None, close=True, failure=None, boundary=never
    ):
        self.log = log
        self.model = model
        self.findings = findings
        self.metrics = {"f1": 0.9} if metrics is None else metrics
        self.close = close
        self.failure = failure
        self.boundary = boundary

    def __call__(self, notebook, *, workspace, run_folder, environ, on_cell):
        self.boundary("before the cells")
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{run_folder.name}\n")
        if on_cell:
            on_cell(1, 1)
        if self.failure:
            return Failure(*self.failure)
        models = [self.saved(run_folder)] if self.model else []
        record = {
            "run_id": json.loads((run_folder / "run.json").read_text())["run_id"],
            "metrics": self.metrics,
            "sentence": "It went well.",
            "lessons": ["a lesson"],
            "findings": list(self.findings),
            "data": [{"name": "loans", "digest": "d", "rows": 3}],
            "models": models,
        }
        if self.close:
            (run_folder / RECORD).write_text(json.dumps(record))
        self.boundary("after the cells")
        return None

    def saved(self, run_folder):
        folder = run_folder / MODELS / self.model
        (folder / "model").mkdir(parents=True)
        (folder / "model" / "MLmodel").write_text(f"made in {run_folder.name}")
        return {
            "name": self.model,
            "threshold": 0.5,
            "data_digest": "d",
            "feature_set": "loan@1",
            "model_digest": digest_folder(folder),
            "metrics": {"f1": 0.9},
        }


def open_ledger(path: Path, boundary=never):
    ledger = KillableLedger.open(f"sqlite:///{path}")
    ledger.boundary = boundary
    return ledger
