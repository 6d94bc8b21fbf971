"""The archive: every finished experiment of a workspace, failures too, as the ledger tells them.

An experiment is what a run hands over as a finding of kind "experiment"; looked at again, under the
same name and hypothesis, it is the same experiment, and its last look counts: an estimate taken
early because it looked good is never what is learned from. Decisions and lessons may come later, and
past experiments from elsewhere may be brought in (`workbench.experiments.imported`). One pass over
the ledger reads all; a run's folder is opened only when its cube is asked for.

    archive = Archive.read(bench.ledger, bench.root)
    [past.name for past in archive.search("free shipping", failed=True)]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from workbench.batch.folders import FILES, REPORT
from workbench.data.moments import MomentCube
from workbench.ledger import Ledger
from workbench.stats.effects import Scale

IMPORTED = "experiment.imported"
DECIDED = "experiment.decided"
KINDS = ("run.finished", IMPORTED, DECIDED)
CUBES = ("moments.parquet", "moments.json")  # as notebooks name them
CERTAINTY = 0.95  # of the intervals of a run that does not say which

Verdict = Literal["pass", "fail", "not enough evidence"]


@dataclass(frozen=True)
class ArmEffect:
    """What an experiment said of one metric in one arm, against its control."""

    effect: float  # difference of means
    error: float  # its standard error
    relative: float | None  # difference as a share of the control's mean; None where that is not known
    relative_error: float | None
    n: int | None  # units in the arm
    chance_to_win: float | None  # that the arm is truly better
    verdict: str  # "better", "worse" or "not enough evidence"

    def on(self, scale: Scale) -> tuple[float, float] | None:
        """Estimate and standard error on a scale; None where they are not known there."""
        if scale == "absolute":
            return self.effect, self.error
        if self.relative is None or self.relative_error is None:
            return None
        return self.relative, self.relative_error


@dataclass(frozen=True)
class Past:
    """An experiment that has ended, as it ended."""

    name: str
    run_id: str  # of its last look; empty for one from elsewhere
    at: datetime  # when that was told, in UTC
    owner: str
    hypothesis: str  # what was expected; empty where nobody said
    decision: str  # "ship", "stop", …; empty where none was told
    why: str  # of the decision
    lesson: str  # what was learned; empty where nobody said
    sentence: str  # what came out
    verdict: Verdict  # pass: an arm beat the control on the first metric
    metrics: Mapping[str, Mapping[str, ArmEffect]]  # by metric and arm, the control left out; the first decides
    control: str
    looks: int  # how many runs looked at it
    design_digest: str  # empty where it had no design
    data_digest: str
    folder: Path | None  # of its last look; None for one from elsewhere

    @property
    def failed(self) -> bool:
        """Whether the idea did not do what it was to do: no arm was shown to be better."""
        return self.verdict != "pass"

    @property
    def report(self) -> Path | None:
        """The page of its last look, where there is one."""
        return self._file(REPORT)

    @property
    def cube_path(self) -> Path | None:
        """Where its moment cube lies, if one was kept."""
        return next((path for name in CUBES if (path := self._file(f"{FILES}/{name}"))), None)

    def cube(self) -> MomentCube | None:
        """Its moment cube, read now; None where none was kept.

        Raises:
            Misuse: The file is no cube.
        """
        path = self.cube_path
        if path is None:
            return None
        return MomentCube.from_parquet(path) if path.suffix == ".parquet" else MomentCube.from_json(path.read_text())

    def _file(self, name: str) -> Path | None:
        path = None if self.folder is None else self.folder / name
        return path if path is not None and path.is_file() else None


@dataclass(frozen=True)
class Archive:
    """The finished experiments of a workspace."""

    pasts: tuple[Past, ...]  # newest first

    @classmethod
    def read(cls, ledger: Ledger, root: Path) -> Archive:
        """All that the ledger tells, in one pass.

        Args:
            ledger: Where runs, imports and decisions are told.
            root: The workspace.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.pasts)

    def __iter__(self) -> Iterator[Past]:
        return iter(self.pasts)

    def search(self, text: str = "", *, failed: bool = False, since: date | None = None, metric: str = "") -> Archive:
        """Those that match all that is given.

        Args:
            text: Words, each of which stands somewhere in name, hypothesis, decision, lesson, sentence or metrics.
            failed: Only those in which no arm was shown to be better.
            since: Only those told on this day or later.
            metric: Only those that measured this.
        """
        raise NotImplementedError

    def named(self, name: str) -> Past:
        """The newest experiment of a name.

        Raises:
            Misuse: There is none.
        """
        raise NotImplementedError
