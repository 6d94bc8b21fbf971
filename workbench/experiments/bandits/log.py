"""What was played and what came of it: one record a decision, its propensity always among it.

A record is one line of JSON, appended when the reward is known; a log can as well be a CSV or Parquet
file of any column names. A log without propensities can still teach the bandit; what another policy
would have earned it cannot say.

>>> record = LogRecord("u1", "default", "new", 0.75, "44addaaf041f", 1.0, date(2026, 1, 31))
>>> log = BanditLog.of([record])
>>> log.propensity.tolist(), next(log.observations()).arm
([0.75], 'new')
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from workbench.data.tables import read_table
from workbench.errors import EngineError, Misuse
from workbench.experiments.bandits.leaves import DEFAULT
from workbench.experiments.bandits.state import Observation
from workbench.stats.moments import Floats

if TYPE_CHECKING:
    import pandas as pd


class LogRecord(NamedTuple):
    """One decision and its reward."""

    unit: str  # whom it was made for
    leaf: str  # circumstances
    arm: str  # what was played
    propensity: float  # with which probability, in (0, 1]
    table_version: str  # of the decision table
    reward: float
    day: date


@dataclass(frozen=True)
class Columns:
    """What a log's columns are called; of those other than arm and reward any may be absent."""

    arm: str = "arm"
    reward: str = "reward"
    propensity: str = "propensity"
    unit: str = "unit"
    leaf: str = "leaf"
    day: str = "day"
    table_version: str = "table_version"
    target: str | None = None  # probability with which another policy would have played the arm


COLUMNS = Columns()
HINT = "give a .jsonl, .csv or .parquet file"


@dataclass(frozen=True, eq=False)
class BanditLog:
    """A log's columns, one entry a decision."""

    arm: Sequence[str]
    reward: Floats
    propensity: Floats | None  # None: not logged
    unit: Sequence[str] | None  # None: each decision stands for itself
    leaf: Sequence[str]
    day: Sequence[date] | None
    table_version: Sequence[str] | None
    target: Floats | None = None  # another policy's probability of the arm that was played

    @classmethod
    def of(cls, records: Iterable[LogRecord]) -> BanditLog:
        """The log of records.

        Raises:
            Misuse: There is none.
        """
        rows = list(records)
        if not rows:
            raise Misuse("the log has no record")
        unit, leaf, arm, propensity, version, reward, day = zip(*rows, strict=True)
        return cls(arm, np.array(reward, dtype=np.float64), np.array(propensity), unit, leaf, day, version)

    @classmethod
    def read(cls, path: Path, columns: Columns = COLUMNS) -> BanditLog:
        """The log in a JSON-lines, CSV or Parquet file.

        Args:
            path: The file; `.jsonl`, `.csv` or `.parquet`.
            columns: What its columns are called.

        Raises:
            Misuse: It cannot be read, a column is absent, or a value is missing or of the wrong kind.
        """
        if not path.is_file():
            raise Misuse(f"the log {path} cannot be read: there is no such file", hint=HINT)
        frame = _json_lines(path) if path.suffix == ".jsonl" else read_table(path)
        for name in (columns.arm, columns.reward, columns.target):
            if name is not None and name not in frame:
                known = ", ".join(map(str, frame.columns))
                raise Misuse(f"{path} has no column {name!r}", hint=f"the columns are: {known}")
        texts = {
            name: texts_of(frame, name) for name in (columns.arm, columns.leaf, columns.unit, columns.table_version)
        }
        return cls(
            arm=texts[columns.arm] or (),
            reward=numbers_of(frame, columns.reward),
            propensity=numbers_of(frame, columns.propensity) if columns.propensity in frame else None,
            unit=texts[columns.unit],
            leaf=texts[columns.leaf] or [DEFAULT] * len(frame),
            day=days_of(frame, columns.day),
            table_version=texts[columns.table_version],
            target=None if columns.target is None else numbers_of(frame, columns.target),
        )

    def __len__(self) -> int:
        return len(self.arm)

    def observations(self, day: date | None = None) -> Iterator[Observation]:
        """What a bandit learns from.

        Args:
            day: The day of all decisions, for a log that has none.

        Raises:
            Misuse: The log has no days, and none was given.
        """
        if self.day is None and day is None:
            raise Misuse("the log has no days", hint="say on which day its decisions were made, as in --day 2026-01-31")
        days = self.day if self.day is not None else [day or date.min] * len(self)
        rows = zip(self.arm, self.reward.tolist(), days, self.leaf, strict=True)
        return (Observation(*row) for row in rows)

    def frame(self) -> pd.DataFrame:
        """The log as a data frame, absent columns left out."""
        import pandas as pd

        held = {
            "unit": self.unit,
            "leaf": self.leaf,
            "arm": self.arm,
            "propensity": self.propensity,
            "table_version": self.table_version,
            "reward": self.reward,
            "day": self.day,
        }
        return pd.DataFrame({name: column for name, column in held.items() if column is not None})

    def summary(self) -> pd.DataFrame:
        """One row a leaf and arm: decisions, smallest and mean propensity, mean reward."""
        told = {"decisions": ("reward", "size"), "mean reward": ("reward", "mean")}
        if self.propensity is not None:
            told |= {"smallest propensity": ("propensity", "min"), "mean propensity": ("propensity", "mean")}
        return self.frame().groupby(["leaf", "arm"]).agg(**told).round(4)

    def first(self, decisions: int) -> BanditLog:
        """The log's first decisions."""
        kept = slice(decisions)
        return BanditLog(
            arm=self.arm[kept],
            reward=self.reward[kept],
            propensity=None if self.propensity is None else self.propensity[kept],
            unit=None if self.unit is None else self.unit[kept],
            leaf=self.leaf[kept],
            day=None if self.day is None else self.day[kept],
            table_version=None if self.table_version is None else self.table_version[kept],
            target=None if self.target is None else self.target[kept],
        )

    def write(self, path: Path) -> None:
        """The log as a Parquet file.

        Raises:
            EngineError: The file cannot be written.
        """
        try:
            self.frame().to_parquet(path)
        except OSError as error:
            raise EngineError(f"{path} cannot be written: {error.strerror}") from error


def append(path: Path, records: Iterable[LogRecord]) -> None:
    """Add records to a file of JSON lines, all of them in one write.

    Raises:
        EngineError: The file cannot be written.
    """
    lines = [json.dumps(r._asdict() | {"day": r.day.isoformat()}, ensure_ascii=False) + "\n" for r in records]
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror}") from error


def _json_lines(path: Path) -> pd.DataFrame:
    """The rows of a file of JSON lines.

    Raises:
        Misuse: It cannot be read, or a line is no object.
    """
    import pandas as pd

    rows = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"{path} cannot be read: {error}", hint=HINT) from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            hint = "a line that was cut short may be removed"
            raise Misuse(f"line {number} of {path} is no JSON: {error}", hint=hint) from error
        if not isinstance(row, dict):
            raise Misuse(f"line {number} of {path} is no JSON object")
        rows.append(row)
    if not rows:
        raise Misuse(f"{path} has no rows", hint="a record is appended for each decision")
    return pd.DataFrame(rows)


def texts_of(frame: pd.DataFrame, name: str) -> list[str] | None:
    """A column as texts, or None where it is absent; numbers in their shortest form, 29 and 29.5.

    Raises:
        Misuse: A value is missing.
    """
    if name not in frame:
        return None
    if frame[name].isna().any():
        raise Misuse(f"{name} is missing in row {int(frame[name].isna().to_numpy().argmax()) + 1}")
    return [str(value).removesuffix(".0") if isinstance(value, float) else str(value) for value in frame[name]]


def numbers_of(frame: pd.DataFrame, name: str) -> Floats:
    """A column as numbers.

    Raises:
        Misuse: A value is missing or no number.
    """
    try:
        values = frame[name].astype("float64").to_numpy(na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise Misuse(f"{name} holds something that is no number: {error}") from error
    if not np.isfinite(values).all():
        raise Misuse(f"{name} is missing or infinite in row {int(np.argmax(~np.isfinite(values))) + 1}")
    return np.asarray(values, dtype=np.float64)


def days_of(frame: pd.DataFrame, name: str) -> list[date] | None:
    """A column as days, or None where it is absent.

    Raises:
        Misuse: A value is no day.
    """
    return [_day(value) for value in frame[name]] if name in frame else None


def _day(value: Any) -> date:
    if isinstance(value, datetime):  # a pandas timestamp is one
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(value).date()
    except (TypeError, ValueError) as error:
        raise Misuse(f"a day is {value!r}; it must be like 2026-01-31") from error
