"""Reads the rows of a request and checks them against a model's signature; errors name row and field.

>>> rows_of({"rows": [{"hrat": 25}]})
[{'hrat': 25}]
>>> checked([{"hrat": "much"}], {"hrat": "double"})
Traceback (most recent call last):
    ...
workbench.serving.rows.Unfit: row 0: hrat is "much"; it must be a number
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.errors import Misuse

KINDS = {
    "double": ("a number", (int, float)),
    "float": ("a number", (int, float)),
    "long": ("a whole number", (int,)),
    "integer": ("a whole number", (int,)),
    "boolean": ("true or false", (bool,)),
    "string": ("a text", (str,)),
}
SHAPES = (
    'send {"rows": [{…}]}, a row or a list of rows, '
    "or dataframe_split, dataframe_records or inputs as MLflow takes them"
)
MOST_ROWS = 10_000


class Unfit(Misuse):
    """A request's body that does not fit the model."""


def rows_of(body: Any) -> list[Any]:
    """The rows in a request's body, in any of the shapes that clients send.

    Raises:
        Unfit: The body has none of the shapes, has no row, or too many.
    """
    rows = _unpacked(body)
    if not rows:
        raise Unfit("the request has no rows", hint=SHAPES)
    if len(rows) > MOST_ROWS:
        raise Unfit(
            f"the request has {len(rows)} rows; at most {MOST_ROWS} are taken at once", hint="send several requests"
        )
    return rows


def checked(rows: Sequence[Any], columns: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows with exactly the signature's fields, in its order; a null number is "not known".

    Args:
        rows: As the client sent them.
        columns: The signature: name to MLflow type ("double", "long", "string", "boolean").

    Raises:
        Unfit: A field is missing, does not belong, or has a wrong type; the message names row and field.
    """
    return [_checked(number, row, columns) for number, row in enumerate(rows)]


def _unpacked(body: Any) -> list[Any]:
    if isinstance(body, list):
        return body
    if not isinstance(body, Mapping):
        raise Unfit(f"the body is a JSON {_told(body)}", hint=SHAPES)
    if "dataframe_split" in body:
        split = body["dataframe_split"]
        if not isinstance(split, Mapping) or not isinstance(split.get("columns"), list) or "data" not in split:
            raise Unfit("dataframe_split needs columns and data", hint=SHAPES)
        names, data = split["columns"], split["data"]
        if not isinstance(data, list) or any(not isinstance(row, list) or len(row) != len(names) for row in data):
            raise Unfit(f"every row of dataframe_split.data needs {len(names)} values", hint=SHAPES)
        return [dict(zip(names, row, strict=True)) for row in data]
    for name in ("rows", "dataframe_records", "inputs", "instances"):
        if name in body:
            rows = body[name]
            if isinstance(rows, Mapping) and rows and all(isinstance(values, list) for values in rows.values()):
                lengths = {len(values) for values in rows.values()}
                if len(lengths) != 1:
                    raise Unfit(f"the columns of {name} have lengths {sorted(lengths)}; they must be the same")
                return [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]
            if not isinstance(rows, list):
                raise Unfit(f"{name} is a JSON {_told(rows)}; it must be a list of rows", hint=SHAPES)
            return rows
    return [dict(body)] if body else []


def _checked(number: int, row: Any, columns: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise Unfit(f"row {number} is a JSON {_told(row)}; it must be an object", hint=SHAPES)
    missing = [name for name in columns if name not in row]
    extra = [str(name) for name in row if name not in columns]
    if missing:
        near = difflib.get_close_matches(missing[0], extra, n=1)
        hint = f"is it the field {near[0]!r}?" if near else f"it needs {', '.join(columns)}"
        raise Unfit(f"row {number}: the field {missing[0]!r} is missing", hint=hint)
    if extra:
        near = difflib.get_close_matches(extra[0], columns, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the fields are {', '.join(columns)}"
        raise Unfit(f"row {number}: the model has no field {extra[0]!r}", hint=hint)
    return {name: _value(number, name, row[name], kind) for name, kind in columns.items()}


def _value(number: int, name: str, value: Any, kind: str) -> Any:
    needed, types = KINDS.get(kind, ("a text", (str,)))
    if value is None and kind in {"double", "float"}:
        return None
    right = isinstance(value, types) and (bool in types or not isinstance(value, bool))
    if not right or (isinstance(value, float) and not math.isfinite(value)):
        raise Unfit(f"row {number}: {name} is {_shown(value)}; it must be {needed}")
    return value


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except ValueError:
        text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"


def _told(value: Any) -> str:
    names = {dict: "object", list: "array", str: "text", bool: "truth value", type(None): "null"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), "number")
