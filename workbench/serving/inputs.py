"""What a client sends, read and checked against a model's signature before the model sees it.

Accepted are rows in five forms, one row or many:

    {"rows": [{"income": 4.2}]}          ours                   {"income": 4.2} and [{"income": 4.2}] too
    {"dataframe_split": {"columns": ["income"], "data": [[4.2]]}}         MLflow's
    {"dataframe_records": [{"income": 4.2}]}                              MLflow's
    {"inputs": {"income": [4.2]}} or {"inputs": [{"income": 4.2}]}        MLflow's

>>> schema = Schema.of("lending 2", {"income": "double", "cosigner": "boolean"})
>>> schema.checked([{"income": 4, "cosigner": True}])
[{'income': 4.0, 'cosigner': True}]
>>> schema.checked([{"income": "much", "cosigner": True}])
Traceback (most recent call last):
    ...
workbench.serving.inputs.Refused: row 0: 'income' is "much"; it must be a finite number
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from workbench.errors import EngineError, Misuse

FORMS = ("rows", "dataframe_split", "dataframe_records", "inputs")
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
            fields = ", ".join(f"{name} ({kind.words})" for name, kind in self.kinds.items())
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise Refused(f"{problems[0]}{more}", hint=f"{self.owner} takes {fields}", problems=problems[:SHOWN])
        return good

    def frame(self, rows: Sequence[Row]) -> Any:
        """Checked rows as a pandas frame with the signature's types."""
        import numpy as np
        import pandas as pd

        return pd.DataFrame(
            {name: np.array([row[name] for row in rows], dtype=kind.dtype) for name, kind in self.kinds.items()},
            copy=False,
        )

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
                problems.append(Problem(number, name, "is not a field of this model", out))
        yield good


def decoded(body: bytes, *, most: int) -> list[Any]:
    """The rows of a request's body, not checked yet.

    Args:
        body: JSON in one of the five forms.
        most: Rows it may have.

    Raises:
        Refused: It is no JSON (400), has too many rows (413), or is in no form that is known (422).
    """
    rows = _rows(_json(body))
    if not rows:
        raise Refused("there is no row", hint='send at least one: {"rows": [{…}]}')
    if len(rows) > most:
        raise Refused(f"there are {len(rows)} rows; at most {most} are taken", hint="send several requests", status=413)
    return rows


def shown(value: Any) -> str:
    """A value as a message shows it: JSON, and short."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass  # Python's reader takes NaN and 1e999 too, so that the answer can name their row and field
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(
            f"the body is no JSON: {error}", hint='it looks like {"rows": [{"field": 1.5}]}', status=400
        ) from error


def _rows(value: Any) -> list[Any]:
    if type(value) is list:
        return value
    if type(value) is not dict:
        raise Refused(f"the body is {shown(value)}; it must be a row or rows", hint='{"rows": [{"field": 1.5}]}')
    form = next((name for name in FORMS if type(value.get(name)) in {list, dict}), None)
    if form is None:
        return [value]
    if len(value) > 1:
        others = ", ".join(repr(name) for name in value if name != form)
        raise Refused(f"beside {form!r} there is {others}, which means nothing here", hint=f"send {form!r} alone")
    content = value[form]
    if form == "dataframe_split":
        return _split(content)
    if form == "inputs" and type(content) is dict:
        return _columns(content)
    if type(content) is not list:
        raise Refused(f"{form!r} is an object; it must be a list of rows", hint=f'{{"{form}": [{{"field": 1.5}}]}}')
    return content


def _split(content: Any) -> list[Row]:
    hint = '{"dataframe_split": {"columns": ["field"], "data": [[1.5]]}}'
    columns, data = (content.get(name) for name in ("columns", "data")) if type(content) is dict else (None, None)
    if type(columns) is not list or type(data) is not list or not all(type(name) is str for name in columns):
        raise Refused("'dataframe_split' must have 'columns' (names) and 'data' (rows)", hint=hint)
    if len(set(columns)) != len(columns):
        raise Refused("'dataframe_split' names a column twice", hint="name each column once")
    for number, row in enumerate(data):
        if type(row) is not list or len(row) != len(columns):
            raise Refused(f"row {number} does not have {len(columns)} values, one a column", hint=hint)
    return [dict(zip(columns, row, strict=True)) for row in data]


def _columns(content: dict[str, Any]) -> list[Row]:
    lengths = {name: len(values) if type(values) is list else None for name, values in content.items()}
    if None in lengths.values() or len(set(lengths.values())) > 1:
        raise Refused("the columns in 'inputs' must be lists of one length", hint='{"inputs": {"field": [1.5, 2.5]}}')
    return [dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)]


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
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return str(value)


KINDS: Mapping[str, Kind] = {
    "double": Kind("a finite number", _real(1.7976931348623157e308), "float64"),
    "float": Kind("a finite number within ±3.4e38", _real(3.4028234663852886e38), "float32"),
    "long": Kind("a whole number of 64 bits", _whole(64), "int64"),
    "integer": Kind("a whole number of 32 bits", _whole(32), "int32"),
    "boolean": Kind("true or false", _truth, "bool"),
    "string": Kind("a text", _text, "object"),
    "datetime": Kind("a time in ISO 8601", _time, "datetime64[ns]"),
}
