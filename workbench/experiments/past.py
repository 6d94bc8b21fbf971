"""A past experiment: what was expected, what came out, what was decided, what was learned.

>>> arm = ArmEffect(0.4, 0.2, 0.05, 0.025, 1000, 0.977, "better")
>>> arm.on("relative")
(0.05, 0.025)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from workbench.batch.folders import FILES, REPORT
from workbench.data.moments import MomentCube
from workbench.errors import EngineError
from workbench.ledger import digest
from workbench.stats.effects import Scale

CUBES = ("moments.parquet", "moments.json")  # as notebooks name them

Verdict = Literal["pass", "fail", "not enough evidence"]


@dataclass(frozen=True)
class ArmEffect:
    """What an experiment said of one metric in one arm, against its control."""

    effect: float | None  # difference of means; None where only a relative one is known
    error: float | None  # its standard error
    relative: float | None  # difference as a share of the control's mean; None where that is not known
    relative_error: float | None
    n: int | None  # units in the arm
    chance_to_win: float | None  # that the arm is truly better
    verdict: str  # "better", "worse" or "not enough evidence"

    def on(self, scale: Scale) -> tuple[float, float] | None:
        """Estimate and standard error on a scale; None where they are not known there."""
        pair = (self.effect, self.error) if scale == "absolute" else (self.relative, self.relative_error)
        if pair[0] is None or pair[1] is None or not (np.isfinite(pair[0]) and 0 < pair[1] < np.inf):
            return None
        return pair[0], pair[1]


Effects = Mapping[str, Mapping[str, ArmEffect]]  # by metric and arm


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
    metrics: Effects  # by metric and arm, the control left out; the first decides
    control: str
    earlier: tuple[Effects, ...]  # what was said at earlier looks, the first one first
    design_digest: str  # empty where it had no design
    data_digest: str
    folder: Path | None  # of its last look; None for one from elsewhere
    simulated: bool = False  # True: on made-up data, so that nothing is learned from it and no review counts it
    sound: bool = True  # False: its sample ratio failed, so that nothing is learned from its effects

    @property
    def place(self) -> str | None:
        """What tells it apart from others of its name: what was expected; None for one from elsewhere."""
        return self.hypothesis if self.run_id else None

    @property
    def key(self) -> str:
        """What names it among all experiments, however often it is looked at."""
        return key_of(self.name, self.place, simulated=self.simulated)

    @property
    def failed(self) -> bool:
        """Whether the idea was shown not to do what it was to do: the verdict is "fail"."""
        return self.verdict == "fail"

    @property
    def unsettled(self) -> bool:
        """Whether its data said neither yes nor no."""
        return self.verdict == "not enough evidence"

    @property
    def outcome(self) -> str:
        """The verdict as lists show it: one on made-up data says so."""
        return f"{self.verdict} (made-up data)" if self.simulated else self.verdict

    @property
    def decided(self) -> str:
        """The decision with its reason, as one text; empty where none was told."""
        return ": ".join(filter(None, (self.decision, self.why)))

    @property
    def looks(self) -> int:
        """How many times its data was looked at."""
        return 1 + len(self.earlier)

    @property
    def report(self) -> Path | None:
        """The page of its last look, where there is one."""
        return self._file(REPORT)

    @property
    def cube_path(self) -> Path | None:
        """Where its moment cube lies, if one was kept."""
        return next((path for name in CUBES if (path := self._file(f"{FILES}/{name}"))), None)

    @cached_property
    def cube(self) -> MomentCube | None:
        """Its moment cube, read when it is first asked for; None where none was kept.

        Raises:
            EngineError: The file cannot be read.
            Misuse: The file is no cube.
        """
        path = self.cube_path
        if path is None:
            return None
        try:
            if path.suffix == ".parquet":
                return MomentCube.from_parquet(path)
            return MomentCube.from_json(path.read_text("utf-8"))
        except OSError as error:
            raise EngineError(f"{path} cannot be read: {error}", hint="look at the run's folder") from error

    def estimates(self, metric: str, scale: Scale) -> list[tuple[float, float]]:
        """Estimates of a metric and their errors, one an arm, untouched by any prior.

        They are taken from the cube where one was kept and holds the metric, else from what was told.

        Args:
            metric: Its name, in any case.
            scale: On which they are wanted; those not known there are left out.
        """
        found = next((name for name in self.metrics if name.casefold() == metric.strip().casefold()), None)
        if found is None:
            return []
        cube = self.cube
        if cube is not None and found in {m.name for m in cube.measures} and self.control in cube.arms:
            arms = [arm for arm in self.metrics[found] if arm in cube.arms]
            pairs = [_from_cube(cube, found, arm, self.control).on(scale) for arm in arms]
        else:
            pairs = [arm.on(scale) for arm in self.metrics[found].values()]
        return [pair for pair in pairs if pair is not None]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON, numbers unrounded."""
        told = ("name", "run_id", "owner", "hypothesis", "decision", "why", "lesson", "sentence", "verdict", "control")
        plain = {name: getattr(self, name) for name in (*told, "design_digest", "data_digest", "sound", "simulated")}
        return plain | {
            "key": self.key,
            "at": self.at.isoformat(),
            "failed": self.failed,
            "unsettled": self.unsettled,
            "looks": self.looks,
            "metrics": {name: {arm: vars(e) for arm, e in arms.items()} for name, arms in self.metrics.items()},
            "report": None if self.report is None else str(self.report),
            "cube": None if self.cube_path is None else str(self.cube_path),
        }

    def _file(self, name: str) -> Path | None:
        path = None if self.folder is None else self.folder / name
        return path if path is not None and path.is_file() else None


def key_of(name: str, place: str | None, *, simulated: bool = False) -> str:
    """The key of an experiment.

    Args:
        name: Its name.
        place: What was expected, which tells two of one name apart; None for one from elsewhere.
        simulated: Whether its data was made up; it is never a look at the real one of its name.

    >>> key_of("checkout", "Fewer fields help"), key_of("checkout", None)
    ('checkout@e56cac6aafce', 'checkout@elsewhere')
    """
    return f"{name}@{'elsewhere' if place is None else digest(place)[:12]}{'-simulated' if simulated else ''}"


def _from_cube(cube: MomentCube, metric: str, arm: str, control: str) -> ArmEffect:
    """The plain difference of means, relative by the delta method."""
    treated, base = cube.sample(metric, arm), cube.sample(metric, control)
    effect, relative, relative_error = treated.mean - base.mean, None, None
    if base.mean:
        relative = effect / base.mean
        relative_error = float(np.hypot(treated.error, (1 + relative) * base.error) / abs(base.mean))
    return ArmEffect(
        effect, float(np.hypot(treated.error, base.error)), relative, relative_error, int(treated.n), None, ""
    )
