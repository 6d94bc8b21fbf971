"""The tracking store's run that the runs of a sweep belong to.

It is begun with the first of them that really runs, so that a sweep whose runs all come from earlier ones
never opens the store; those that come from earlier ones are named in a tag. It is found again by its key,
so that a kill and a resumption end with one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from workbench.batch.sweeps.folder import Sweep, SweepFolder
from workbench.batch.sweeps.results import SweepResult
from workbench.batch.tracking import KEY, Status, Tracking

ENDS: dict[str, Status] = {"finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
MOST_VALUES = 20  # of a swept parameter that are written out
MOST_REUSED = 100  # ids of runs in a tag, which may have some thousands of characters


class Parent:
    """The parent run of one sweep; called, it gives its id and is safe to share between threads."""

    def __init__(self, sweep: Sweep, folder: SweepFolder, tracking: Callable[[], Tracking]) -> None:
        self._sweep = sweep
        self._folder = folder
        self._tracking = tracking
        self._lock = Lock()
        self._id = ""

    def __call__(self) -> str:
        """The run's id; it is begun if it was not."""
        with self._lock:
            self._id = self._id or self._found() or self._begun()
            return self._id

    def end(self, result: SweepResult) -> str:
        """Tell the store what the sweep came to, if there is a run to tell it of; its id."""
        if not self._id and self._folder.has_parent:
            self._id = self._found()
        if not self._id:
            return ""
        best = result.best
        tags = {f"workbench.sweep.{status}": str(result.count(status)) for status in ("finished", "failed", "waiting")}
        reused = [child.run_id for child in result.children if child.reused]
        if reused:
            tags["workbench.sweep.reused"] = _written(reused, MOST_REUSED)
        if best and result.measure:
            tags["workbench.sweep.best"] = best.run_id
            tags["workbench.sweep.best_value"] = f"{result.measure.metric} = {best.metrics[result.measure.metric]!r}"
        # metrics are never taken back, so they are logged when no run can end any more
        metrics = best.metrics if best and result.status == "finished" else {}
        store = self._tracking()
        store.log(self._id, metrics=metrics, tags=tags, folder=self._folder.path)
        store.finish(self._id, ENDS[result.status])
        return self._id

    def _found(self) -> str:
        begun = self._tracking().attempts(self._sweep.key)
        return begun[0] if begun else ""

    def _begun(self) -> str:
        plan = self._sweep.plan
        values = {name: list(dict.fromkeys(str(run.get(name)) for run in plan.runs)) for name in plan.swept}
        written = {name: _written(told, MOST_VALUES) for name, told in values.items()}
        tags = {
            KEY: self._sweep.key,
            "workbench.notebook": self._sweep.name,
            "workbench.actor": self._sweep.actor,
            "workbench.sweep": self._sweep.id,
            "workbench.sweep.over": ", ".join(plan.swept),
            "workbench.sweep.runs": str(len(plan.runs)),
        }
        self._folder.note_parent()  # first, so that one that is killed here is looked for when the sweep ends
        return self._tracking().start(self._sweep.name, parameters={**plan.fixed, **written}, tags=tags)


def _written(texts: Sequence[str], most: int) -> str:
    return ", ".join(texts[:most]) + (f", … {len(texts)} in all" if len(texts) > most else "")
