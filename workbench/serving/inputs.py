"""What a client sends, read into rows; whether they fit a model is the schema's to say.

Accepted are rows in five forms, one row or many:

    {"rows": [{"income": 4.2}]}          ours                   {"income": 4.2} and [{"income": 4.2}] too
    {"dataframe_split": {"columns": ["income"], "data": [[4.2]]}}         MLflow's
    {"dataframe_records": [{"income": 4.2}]}                              MLflow's
    {"inputs": {"income": [4.2]}} or {"inputs": [{"income": 4.2}]}        MLflow's

>>> decoded(b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}', most=10)
[{'a': 1, 'b': 2}]
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from workbench.serving.schema import Refused, Row, shown

FORMS = ("rows", "dataframe_split", "dataframe_records", "inputs")


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
