"""What a sweep came to: its runs one by one, the best of them, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.batch.kinds import shown
from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["finished", "failed", "waiting"]


@dataclass(frozen=True)
class Child:
    """One run of a sweep, as far as it has come."""

    number: int  # from 1, in the order of the plan
    parameters: Mapping[str, Any]  # the swept ones
    status: Status = "waiting"
    run_id: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    sentence: str = ""  # what came out, or what went wrong
    error: str = ""  # the exception's name, where it failed
    cell: int | None = None  # that failed, as the notebook counts
    folder: str = ""  # the run's, below reports/runs
    seconds: float = 0.0  # that its cells took
    cpu_seconds: float = 0.0
    peak_memory: int = 0  # bytes
    attempts: int = 0  # how often it was tried
    reused: bool = False  # True: nothing ran, an earlier run stands for it


@dataclass(frozen=True)
class Best:
    """By which metric runs are compared, and which way."""

    metric: str
    lowest: bool = False

    @classmethod
    def read(cls, text: str) -> Best:
        """The measure that a text names: "f1" is the highest, "loss:min" the lowest.

        Raises:
            Misuse: It names no metric.

        >>> Best.read("loss:min")
        Best(metric='loss', lowest=True)
        """
        name, colon, way = text.strip().rpartition(":")
        metric = (name if colon and way in {"min", "max"} else text).strip()
        if not metric:
            raise Misuse("--best names no metric", hint="--best f1, or --best loss:min")
        return cls(metric, lowest=bool(colon) and way == "min")

    def of(self, children: Sequence[Child]) -> Child | None:
        """The best of the finished runs that have the metric; of equals the first; None where there is none."""
        found = self.ranked(children)
        return found[0] if found and self.metric in found[0].metrics else None

    def ranked(self, children: Sequence[Child]) -> list[Child]:
        """All runs, the best first; those without the metric last, in their order."""
        sign = 1 if self.lowest else -1
        having: list[Child] = []
        rest: list[Child] = []
        for child in children:
            (having if child.status == "finished" and self.metric in child.metrics else rest).append(child)
        return sorted(having, key=lambda child: sign * child.metrics[self.metric]) + rest


@dataclass(frozen=True)
class SweepResult:
    """A sweep as it stands after it was run, or stopped."""

    id: str
    name: str  # the notebook's
    folder: Path  # with summary.csv and index.html
    swept: tuple[str, ...]
    children: tuple[Child, ...]
    measure: Best | None = None
    parent: str = ""  # the tracking store's run; none where nothing had to run

    @property
    def status(self) -> Literal["finished", "failed", "stopped"]:
        """Whether all finished, all ended but some failed, or some are still to do."""
        if self.count("waiting"):
            return "stopped"
        return "failed" if self.count("failed") else "finished"

    @property
    def best(self) -> Child | None:
        """The best run, where a metric was named and a run has it."""
        return self.measure.of(self.children) if self.measure else None

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all metrics, as they came."""
        return tuple(dict.fromkeys(name for child in self.children for name in child.metrics))

    @property
    def reused(self) -> int:
        """How many runs are finished without anything having run for them."""
        return sum(child.reused for child in self.children)

    @property
    def page(self) -> Path:
        """The page about it."""
        return self.folder / "index.html"

    def count(self, status: Status) -> int:
        """How many runs are at a status."""
        return sum(child.status == status for child in self.children)

    def ranked(self) -> list[Child]:
        """The runs, the best first where a metric was named."""
        return self.measure.ranked(self.children) if self.measure else list(self.children)

    def frame(self) -> pd.DataFrame:
        """One row a run: its swept parameters, its metrics, and how it went."""
        import pandas as pd

        rows = [row_of(child, self.swept, self.metrics) for child in self.children]
        return pd.DataFrame(rows, columns=columns_of(self.swept, self.metrics)).set_index("run")


def columns_of(swept: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """The columns of a sweep's table; a metric that is called like another column is marked as one."""
    own = ["run", *swept]
    after = ["status", "seconds", "cpu_seconds", "peak_memory", "attempts", "reused", "run_id", "sentence"]
    taken = {*own, *after}
    return [*own, *(f"metric {name}" if name in taken else name for name in metrics), *after]


def row_of(child: Child, swept: Sequence[str], metrics: Sequence[str]) -> list[Any]:
    """A run as a row of its sweep's table."""
    return [
        child.number,
        *(child.parameters.get(name) for name in swept),
        *(child.metrics.get(name) for name in metrics),
        child.status,
        child.seconds,
        child.cpu_seconds,
        child.peak_memory,
        child.attempts,
        child.reused,
        child.run_id,
        child.sentence,
    ]


def writable(text: str) -> str:
    """A text of somebody else's that every file, store and terminal can take.

    >>> writable("half a sign: " + chr(0xD800))
    'half a sign: ?'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def value_of(parameters: Mapping[str, Any], name: str) -> str:
    """A run's value of a parameter as a person would write it."""
    return shown(parameters[name]) if name in parameters else "default"


def runs_told(number: int) -> str:
    """A number of runs in words.

    >>> runs_told(1), runs_told(1000)
    ('1 run', '1,000 runs')
    """
    return "1 run" if number == 1 else f"{number:,} runs"
