"""Sweeps in a workspace of simulators, and one that is killed at every step.

    python swept.py FOLDER

kills a sweep of three runs at every point it passes, does the rest, and prints a line of JSON a point.
"""

import json
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from simulated import Clock, Points, SimulatedTracking, WatchedLedger, WatchedTracking, hand_over_a_model

from workbench.batch import run
from workbench.batch.lanes import Ended, Failure, Stopped
from workbench.batch.sweeps import Options, Sweeps
from workbench.batch.sweeps.folder import SweepFolder
from workbench.ledger import Ledger

CELL = 'seed: int = 7  # of the draws, at least 0\nlabel: str = "plain"  # title'
RUNS = 3


class Lane:
    """Hands over the seed as a metric; fails, waits or is stopped as a test says."""

    def __init__(self):
        self.executed = []  # seeds
        self.fails = {}  # seed: failures still to come
        self.waits = threading.Event()
        self.waits.set()
        self.lock = threading.Lock()

    def __call__(self, job, on_cell=None):
        given = json.loads((job.run_folder / "run.json").read_text())["parameters"]
        with self.lock:
            self.executed.append(given["seed"])
            with (job.workspace / "executed").open("a") as file:
                file.write(f"{given['seed']}\n")
        while not self.waits.wait(0.01):
            if job.stop.is_set():
                raise Stopped
        if on_cell:
            on_cell(1, 1)
        left = self.fails.get(given["seed"], [])
        if left:
            return Ended(Failure(left.pop(0), "it is <b>away</b>", 3), lane="simulated")
        hand_over_a_model(job.run_folder, names=())
        record = json.loads((job.run_folder / "record.json").read_text())
        record["metrics"] = {"seed": given["seed"], "loss": abs(given["seed"] - 2)}
        (job.run_folder / "record.json").write_text(json.dumps(record))
        return Ended(lane="simulated")


class OneAtATime:
    """A simulated store that several threads share."""

    def __init__(self, tracking):
        self._tracking = tracking
        self._lock = threading.RLock()

    def __getattr__(self, name):
        found = getattr(self._tracking, name)
        if not callable(found):
            return found

        def alone(*arguments, **options):
            with self._lock:
                return found(*arguments, **options)

        return alone


class Place:
    """A workspace with a notebook, a lane, a tracking store, a ledger, and its sweeps."""

    def __init__(self, root, point=None, cell=CELL):
        self.root, self.point = root, point or Points()
        self.notebook = root / "weekly.ipynb"
        if not self.notebook.exists():
            self.write(cell)
        self.lane = Lane()
        self.opened = 0
        self.store = OneAtATime(WatchedTracking(SimulatedTracking(root / "tracking.json"), self.point))
        self.ledger = Ledger.open(f"sqlite:///{root / 'ledger.db'}")
        self.sweeps = self.seen_by("analyst")

    def write(self, *cells):
        code = [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"cell-{number}",
                "metadata": {"tags": ["parameters"]} if number == 0 else {},
                "outputs": [],
                "source": text,
            }
            for number, text in enumerate(cells)
        ]
        self.notebook.write_text(json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))

    def tracking(self):
        self.opened += 1
        return self.store

    def seen_by(self, actor):
        """The sweeps as another process would open them."""
        watched, now = WatchedLedger(self.ledger, self.point), Clock()
        outside = {"tracking": self.tracking, "ledger": watched, "actor": actor, "now": now}
        lane = self.point.around(self.lane)
        child = partial(run, workspace_root=self.root, environ={}, lane=lane, **outside)
        return Sweeps(self.root, run=child, **outside)

    def begin(self, swept=None, **options):
        plan = self.sweeps.plan(self.notebook, swept or {"seed": list(range(1, RUNS + 1))})
        return self.sweeps.begin(self.notebook, plan, Options(**options))

    def runs(self):
        """What the tracking store holds, by key."""
        return {kept["tags"]["workbench.key"]: kept for kept in self.store.state["runs"].values()}

    def told(self, kind):
        return self.ledger.entries(kind=kind)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ledger.close()


def killed_at(root, fatal):
    """Whether the sweep, in a process of its own, was killed at a point."""
    child = os.fork()
    if not child:
        place = Place(root, Points(fatal))
        for name in ("note", "note_parent", "note_closed"):
            setattr(SweepFolder, name, place.point.around(getattr(SweepFolder, name)))
        place.sweeps.go_on("last")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def told(root, fatal):
    """What a workspace holds after the rest was done."""
    with Place(root) as place:
        first = place.sweeps.go_on("last")
        identity, executed = first.id, len(place.lane.executed)
        again = place.sweeps.go_on(identity)
        runs = place.store.state["runs"].values()
        finished = [kept["tags"]["workbench.key"] for kept in runs if kept["status"] == "FINISHED"]
        parent = place.store.attempts(f"sweep/{identity}")
        return {
            "point": fatal,
            "statuses": [first.status, again.status],
            "executed": sorted(map(int, (root / "executed").read_text().split())),
            "again": len(place.lane.executed) - executed,
            "children": [[child.number, child.status, child.reused] for child in first.children],
            "same": [child.run_id for child in first.children] == [child.run_id for child in again.children],
            "finished": sorted(key.partition(identity)[2] for key in finished),
            "running": [kept["tags"] for kept in runs if kept["status"] == "RUNNING"],
            "parents": len(parent),
            "orphans": [k for k in runs if k["tags"].get("mlflow.parentRunId", parent[0]) != parent[0]],
            "told": sorted(entry.key.partition(identity)[2] for entry in place.told("run.finished")),
            "ended": len(place.told("sweep.finished")),
            "best": first.best.parameters,
            "valid": place.ledger.verify().valid,
        }


def main(folder):
    """Kill one sweep at every point; a line of JSON for each."""
    import nbconvert  # noqa: F401  (once, for all the processes)

    fatal = 1
    while True:
        root = folder / f"killed-{fatal}"
        root.mkdir()
        with Place(root) as place:
            place.begin(best="loss:min")
        if not killed_at(root, fatal):
            break
        if fatal % 3 == 0:
            killed_at(root, 4)
        print(json.dumps(told(root, fatal)), flush=True)
        fatal += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
