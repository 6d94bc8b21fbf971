"""The fields that a version takes, from its signature, and what is said of input that does not fit.

>>> schema = Schema.of("lending 2", {"income": "double", "cosigner": "boolean"})
>>> schema.checked([{"income": 4, "cosigner": True}])
[{'income': 4.0, 'cosigner': True}]
>>> schema.checked([{"income": "much", "cosigner": True}])
Traceback (most recent call last):
    ...
workbench.serving.schema.Refused: row 0: 'income' is "much"; it must be a finite number
hint: lending 2 takes income: a finite number; cosigner: true or false
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.errors import EngineError, Misuse

SHOWN = 20  # problems told at once
Row = dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one field of one row."""

    row: int  # from 0
    field: str
    got: str
    needs: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.field!r} {self.got}; {self.needs}"


class Refused(Misuse):
    """An input that the model is not shown; `status` is HTTP's, `problems` names rows and fields."""

    def __init__(self, message: str, *, hint: str, status: int = 422, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Kind:
    """A type of MLflow's signatures: what it is to a reader, and how a JSON value becomes one."""

    words: str
    take: Callable[[Any], Any]  # the value, or None where it is not of this kind
    dtype: str  # of a pandas column


@dataclass(frozen=True)
class Schema:
    """The fields that a version takes."""

    owner: str  # "lending 2"
    kinds: Mapping[str, Kind]  # by field, in order

    @classmethod
    def of(cls, owner: str, columns: Mapping[str, str]) -> Schema:
        """The schema of a signature's columns, given with MLflow's names of types.

        Raises:
            EngineError: It has a type that does not travel in JSON.
        """
        strange = {name: kind for name, kind in columns.items() if kind not in KINDS}
        if strange:
            raise EngineError(
                f"{owner} takes {', '.join(f'{name} ({kind})' for name, kind in strange.items())}, "
                "which the gateway cannot read",
                hint=f"it reads {', '.join(KINDS)}",
            )
        return cls(owner, {name: KINDS[kind] for name, kind in columns.items()})

    def checked(self, rows: Sequence[Any]) -> list[Row]:
        """The rows with their fields in the signature's order and types.

        Raises:
            Refused: A row has a field too many, too few, or of a wrong type.
        """
        problems: list[Problem] = []
        good = [row for number, row in enumerate(rows) for row in self._row(number, row, problems)]
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise Refused(
                f"{problems[0]}{more}", hint=f"{self.owner} takes {self._fields()}", problems=problems[:SHOWN]
            )
        return good

    def frame(self, rows: Sequence[Row]) -> Any:
        """Checked rows as a pandas frame with the signature's types."""
        import numpy as np
        import pandas as pd

        dtypes = {kind.dtype for kind in self.kinds.values()}
        if len(dtypes) == 1:  # one block: ten times quicker than column by column
            values = np.array([list(row.values()) for row in rows], dtype=dtypes.pop())
            return pd.DataFrame(values, columns=list(self.kinds), copy=False)
        return pd.DataFrame(
            {name: np.array([row[name] for row in rows], dtype=kind.dtype) for name, kind in self.kinds.items()},
            copy=False,
        )

    def _fields(self) -> str:
        """The fields in words, each kind said once."""
        by_kind: dict[str, list[str]] = {}
        for name, kind in self.kinds.items():
            by_kind.setdefault(kind.words, []).append(name)
        return "; ".join(f"{', '.join(names)}: {words}" for words, names in by_kind.items())

    def _row(self, number: int, row: Any, problems: list[Problem]) -> Iterable[Row]:
        if type(row) is not dict:
            problems.append(Problem(number, "", f"is {shown(row)}", "a row must be an object of fields"))
            return
        good: Row = {}
        for name, kind in self.kinds.items():
            if name not in row:
                problems.append(Problem(number, name, "is missing", f"it must be {kind.words}"))
                continue
            value = kind.take(row[name])
            if value is None:
                problems.append(Problem(number, name, f"is {shown(row[name])}", f"it must be {kind.words}"))
            good[name] = value
        if len(good) != len(row):
            for name in row.keys() - self.kinds.keys():
                near = difflib.get_close_matches(name, self.kinds, n=1)
                out = f"did you mean {near[0]!r}?" if near else "leave it out"
                problems.append(Problem(number, _readable(name), "is not a field of this model", out))
        yield good


def shown(value: Any) -> str:
    """A value as a message shows it: JSON, and short."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _readable(name: str) -> str:
    """A name that can be sent back: half of a surrogate pair has no bytes."""
    return name.encode("utf-8", "replace").decode()


def _real(largest: float) -> Callable[[Any], float | None]:
    def take(value: Any) -> float | None:
        if type(value) is int and abs(value) <= largest:
            return float(value)
        if type(value) is float and abs(value) <= largest:  # false for NaN
            return value
        return None

    return take


def _whole(bits: int) -> Callable[[Any], int | None]:
    bound = 1 << (bits - 1)

    def take(value: Any) -> int | None:
        if type(value) is float and math.isfinite(value) and value == int(value):
            value = int(value)
        return value if type(value) is int and -bound <= value < bound else None

    return take


def _truth(value: Any) -> bool | None:
    return value if type(value) is bool else None


def _text(value: Any) -> str | None:
    if type(value) is not str:
        return None
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    return str(value)


def _time(value: Any) -> str | None:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)).isoformat()


KINDS: Mapping[str, Kind] = {
    "double": Kind("a finite number", _real(1.7976931348623157e308), "float64"),
    "float": Kind("a finite number within ±3.4e38", _real(3.4028234663852886e38), "float32"),
    "long": Kind("a whole number of 64 bits", _whole(64), "int64"),
    "integer": Kind("a whole number of 32 bits", _whole(32), "int32"),
    "boolean": Kind("true or false", _truth, "bool"),
    "string": Kind("a text", _text, "object"),
    "datetime": Kind("a time in ISO 8601 (UTC unless it says otherwise)", _time, "datetime64[ns]"),
}
