"""The fields that a version takes, from its signature, and what is said of input that does not fit.

>>> schema = Schema.of("lending 2", {"income": "double", "cosigner": "boolean"})
>>> schema.checked([{"income": 4, "cosigner": True}])
[{'income': 4.0, 'cosigner': True}]
>>> schema.checked([{"income": "much", "cosigner": True}])
Traceback (most recent call last):
    ...
workbench.serving.schema.Refused: row 0: 'income' is "much"; it must be a finite number within ±3.4e38
hint: lending 2 takes income: a finite number within ±3.4e38; cosigner: true or false
"""

from __future__ import annotations

import difflib
import json
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Annotated, Any

import msgspec

from workbench.errors import EngineError, Misuse
from workbench.serving.typed import Reader, Record

LARGEST = 3.4028234663852886e38  # number of 32 bits
SHOWN = 20  # problems told at once
NAME = 100  # characters of a field's name that is told
FIRST_TIME, LAST_TIME = (  # UTC; what nanoseconds in 64 bits hold
    datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (1678, 2262)
)
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

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        status: int = 422,
        problems: Sequence[Problem] = (),
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.retry_after = retry_after  # seconds; None: coming again does not help
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Kind:
    """A type of MLflow's signatures: what it is to a reader, and how a JSON value becomes one."""

    words: str
    take: Callable[[Any], Any]  # the value, or None where it is not of this kind
    dtype: str  # of a pandas column
    typed: Any  # as the typed reader takes it; None: only `take` can
    json: Mapping[str, Any] = field(default_factory=dict)  # as JSON Schema says it

    @property
    def ordered(self) -> bool:
        """Whether its values are numbers, which can lie outside a range."""
        return self.dtype.startswith(("float", "int"))

    @property
    def or_missing(self) -> str:
        """The type of a pandas column in which some values are missing."""
        return "float64" if self.ordered else "datetime64[ns]" if self.dtype.startswith("date") else "object"


@dataclass(frozen=True)
class Schema:
    """The fields that a version takes."""

    owner: str  # "lending 2"
    kinds: Mapping[str, Kind]  # by field, in order
    optional: frozenset[str] = frozenset()  # fields that may be null or left out
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # seen in training; outside is a warning

    @classmethod
    def of(
        cls,
        owner: str,
        columns: Mapping[str, str],
        *,
        optional: Iterable[str] = (),
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> Schema:
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
        kinds = {name: KINDS[kind] for name, kind in columns.items()}
        bounds = {name: ends for name, ends in (ranges or {}).items() if name in kinds and kinds[name].ordered}
        return cls(owner, kinds, frozenset(optional), bounds)

    @cached_property
    def reader(self) -> Reader | None:
        """Reads rows in one pass; None where the signature has a type that needs more."""
        if not self.kinds or any(kind.typed is None for kind in self.kinds.values()):
            return None
        return Reader({name: (kind.typed, name in self.optional) for name, kind in self.kinds.items()})

    @cached_property
    def records(self) -> Reader:
        """Makes records of rows that were checked."""
        return self.reader or Reader(dict.fromkeys(self.kinds, (Any, True)))

    def read(self, body: bytes, decoded: Callable[[bytes], Sequence[Any]]) -> Sequence[Record]:
        """The rows of a request's body as records.

        Args:
            body: JSON.
            decoded: Reads what the typed reader does not, so that it can be explained.

        Raises:
            Refused: The body or a row is not as it must be.
        """
        found = self.reader.read(body) if self.reader is not None else None
        if found:
            return found
        return [self.records.record(list(row.values())) for row in self.checked(decoded(body))]

    def unusual(self, rows: Sequence[tuple[Any, ...]]) -> list[Problem]:
        """The first values outside what the version saw in training, of rows in the signature's order."""
        found = (
            Problem(number, name, f"is {row[place]:.6g}", f"training saw {low:.6g} to {high:.6g}")
            for number, row in enumerate(rows)
            if not self._usual(row)
            for name, place, low, high in self._bounds
            if row[place] is not None and not low <= row[place] <= high
        )
        return list(islice(found, SHOWN))

    def _usual(self, row: tuple[Any, ...]) -> bool:
        """Whether all of a row was surely seen in training; what almost every row is, so it has to be quick."""
        chosen, lows, highs = self._ends
        values = chosen(row)
        try:
            return all(map(operator.le, lows, values)) and all(map(operator.le, values, highs))
        except TypeError:  # a value is missing
            return False

    @cached_property
    def _ends(self) -> tuple[Callable[[tuple[Any, ...]], tuple[Any, ...]], list[float], list[float]]:
        """What takes the fields that have ranges out of a row, and the ends of these ranges."""
        places = [place for _, place, _, _ in self._bounds]
        chosen = operator.itemgetter(*places) if len(places) > 1 else lambda row: tuple(row[place] for place in places)
        return chosen, [low for _, _, low, _ in self._bounds], [high for _, _, _, high in self._bounds]

    @cached_property
    def _bounds(self) -> list[tuple[str, int, float, float]]:
        places = {name: place for place, name in enumerate(self.kinds)}
        return [(name, places[name], low, high) for name, (low, high) in self.ranges.items()]

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

    def frame(self, rows: Sequence[tuple[Any, ...]]) -> Any:
        """Checked rows, each in the signature's order, as a pandas frame with the signature's types."""
        import numpy as np
        import pandas as pd

        dtypes = {kind.dtype for kind in self.kinds.values()}
        if len(dtypes) == 1 and not (self.optional and dtypes - {"float64", "float32"}):
            # one block: ten times quicker than column by column
            return pd.DataFrame(np.array(rows, dtype=dtypes.pop()), columns=list(self.kinds), copy=False)
        columns = dict(zip(self.kinds, zip(*rows, strict=True), strict=True))
        return pd.DataFrame(
            {
                name: np.array(columns[name], dtype=kind.dtype if None not in columns[name] else kind.or_missing)
                for name, kind in self.kinds.items()
            },
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
            if name in self.optional and row.get(name) is None:
                good[name] = None
                continue
            if name not in row:
                problems.append(Problem(number, name, "is missing", f"it must be {kind.words}"))
                continue
            value = kind.take(row[name])
            if value is None:
                problems.append(Problem(number, name, f"is {shown(row[name])}", f"it must be {kind.words}"))
            good[name] = value
        for name in row if len(row) > len(self.kinds) or row.keys() - self.kinds.keys() else ():
            if name not in self.kinds:
                # looking for a near name is slow, and a body may hold a million names
                near = difflib.get_close_matches(name[:NAME], self.kinds, n=1) if len(problems) < SHOWN else []
                out = f"did you mean {near[0]!r}?" if near else "leave it out"
                problems.append(Problem(number, _readable(name[:NAME]), "is not a field of this model", out))
        yield good


def shown(value: Any) -> str:
    """A value as a message shows it: JSON, and short.

    >>> shown([1, "a"]), shown([[[]]]), shown({"a": [1] * 100})
    ('[1, "a"]', 'an array', 'an object')
    """
    if type(value) in {list, dict}:  # what is long or deep is not written out to be cut
        inner = value if type(value) is list else list(value.values())
        if len(inner) > SHOWN or any(type(one) in {list, dict} for one in inner):
            return "an array" if type(value) is list else "an object"
    text = json.dumps(value[:NAME] if type(value) is str else value, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _readable(name: str) -> str:
    """A name that can be sent back: half of a surrogate pair has no bytes."""
    return name.encode("utf-8", "replace").decode()


def _number(dtype: str) -> Kind:
    """Numbers; beyond 32 bits trees and compiled forms have no score: a client's value would be a version's error."""

    def take(value: Any) -> float | None:
        if type(value) is int and abs(value) <= LARGEST:
            return float(value)
        if type(value) is float and abs(value) <= LARGEST:  # false for NaN
            return value
        return None

    typed = Annotated[float, msgspec.Meta(ge=-LARGEST, le=LARGEST)]
    return Kind(
        "a finite number within ±3.4e38",
        take,
        dtype,
        typed,
        {"type": "number", "minimum": -LARGEST, "maximum": LARGEST},
    )


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
        time = time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError):
        return None
    return time.isoformat() if FIRST_TIME <= time < LAST_TIME else None


def _whole_type(bits: int) -> Any:
    return Annotated[int, msgspec.Meta(ge=-(1 << (bits - 1)), le=(1 << (bits - 1)) - 1)]


KINDS: Mapping[str, Kind] = {
    "double": _number("float64"),
    "float": _number("float32"),
    "long": Kind(
        "a whole number of 64 bits",
        _whole(64),
        "int64",
        _whole_type(64),
        {"type": "integer", "format": "int64", "minimum": -(1 << 63), "maximum": (1 << 63) - 1},
    ),
    "integer": Kind(
        "a whole number of 32 bits",
        _whole(32),
        "int32",
        _whole_type(32),
        {"type": "integer", "format": "int32", "minimum": -(1 << 31), "maximum": (1 << 31) - 1},
    ),
    "boolean": Kind("true or false", _truth, "bool", bool, {"type": "boolean"}),
    "string": Kind("a text", _text, "object", str, {"type": "string"}),
    "datetime": Kind(
        "a time in ISO 8601 from 1678 to 2261 (UTC unless it says otherwise)",
        _time,
        "datetime64[ns]",
        None,
        {"type": "string", "format": "date-time"},
    ),
}
