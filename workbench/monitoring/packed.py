"""An hour as the table keeps it: MessagePack, arrays as bytes, so that a day of 300 models is read in a second.

Nothing is executed by reading it, and what is no hour is refused.

>>> hour = Hour(requests={200: 3}, latency={80: 3}, rows=3)
>>> unpacked(*packed(hour)) == hour
True
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from workbench.data import Categories, ScoreCube
from workbench.errors import EngineError
from workbench.monitoring.hour import Hour, Kpi
from workbench.monitoring.sums import Arrays, Inputs, Numbers

REBUILD = "workbench monitor --rebuild makes it anew from the log"
PARTS = (("bins", "<u2"), ("counts", "<u4"), ("rests", "<u8"))  # of a histogram, and how each is kept


class _Texts(msgspec.Struct, array_like=True, tag="t"):
    name: str
    counts: dict[str, int]
    nulls: int
    known: list[str]


class _Inputs(msgspec.Struct, array_like=True):
    columns: list[Numbers | _Texts]
    bins: bytes  # of all columns of numbers, one after the other
    counts: bytes
    rests: bytes
    rows: int
    schema: dict[str, str]


class _Cube(msgspec.Struct, array_like=True):
    attributes: list[str]
    groups: list[list[str]]
    bins: int
    places: bytes  # of the cells that are not empty, in the flat table
    cases: bytes


class _Packed(msgspec.Struct):
    requests: dict[int, int]
    latency: dict[int, int]
    rows: int
    yes: int
    decided: int
    scores: _Cube | None
    kpis: dict[str, Kpi]
    labels: int
    labelled_at: str


class Outline(msgspec.Struct):
    """What a glance reads of an hour; the rest of the bytes is passed over."""

    requests: dict[int, int]  # by status of HTTP
    latency: dict[int, int]  # answered requests by `latency_bin`


def packed(hour: Hour) -> tuple[bytes, bytes | None]:
    """The hour as bytes, its inputs by themselves: they are most of it, and not always wanted."""
    told = _Packed(
        requests=dict(hour.requests),
        latency=dict(hour.latency),
        rows=hour.rows,
        yes=hour.yes,
        decided=hour.decided,
        scores=None if hour.scores is None else _cube(hour.scores),
        kpis=dict(hour.kpis),
        labels=hour.labels,
        labelled_at=hour.labelled_at,
    )
    inputs = hour.inputs
    if inputs is None:
        return _ENCODER.encode(told), None
    return _ENCODER.encode(told), _ENCODER.encode(_inputs(inputs))


def outlined(data: bytes) -> Outline:
    """Requests and latencies of the hour that `packed` wrote.

    Raises:
        EngineError: The bytes are no hour.

    >>> outlined(packed(Hour(requests={200: 3}, latency={80: 3}))[0]).requests
    {200: 3}
    """
    try:
        return _OUTLINES.decode(data)
    except msgspec.DecodeError as error:
        raise EngineError(f"a stored summary cannot be read: {error}", hint=REBUILD) from error


def unpacked(data: bytes, inputs: bytes | None = None) -> Hour:
    """The hour that `packed` wrote.

    Args:
        data: What it wrote.
        inputs: The inputs that it wrote; None where there are none, or none are wanted.

    Raises:
        EngineError: The bytes are no hour.
    """
    try:
        told = _DECODER.decode(data)
        found = None if inputs is None else _INPUTS.decode(inputs)
        return Hour(
            requests=told.requests,
            latency=told.latency,
            rows=told.rows,
            yes=told.yes,
            decided=told.decided,
            inputs=None if found is None else _read_inputs(found),
            scores=None if told.scores is None else _read_cube(told.scores),
            kpis=told.kpis,
            labels=told.labels,
            labelled_at=told.labelled_at,
        )
    except (msgspec.DecodeError, ValueError, IndexError) as error:
        raise EngineError(f"a stored summary cannot be read: {error}", hint=REBUILD) from error


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Packed)
_OUTLINES = msgspec.msgpack.Decoder(Outline)
_INPUTS = msgspec.msgpack.Decoder(_Inputs)


def _inputs(inputs: Inputs) -> _Inputs:
    columns: list[Numbers | _Texts] = [
        column if isinstance(column, Numbers) else _Texts(name, dict(column.counts), column.nulls, list(column.known))
        for name, column in inputs.columns.items()
    ]
    bins, counts, rests = (getattr(inputs.arrays, part).astype(kind).tobytes() for part, kind in PARTS)
    return _Inputs(columns, bins, counts, rests, inputs.rows, dict(inputs.schema))


def _read_inputs(told: _Inputs) -> Inputs:
    """The inputs.

    Raises:
        ValueError: The arrays are not as long as the columns say.
    """
    columns: dict[str, Numbers | Categories] = {}
    for of in told.columns:
        columns[of.name] = of if isinstance(of, Numbers) else Categories(of.counts, of.nulls, tuple(of.known))
    arrays = Arrays(*(_array(getattr(told, part), kind) for part, kind in PARTS))
    return Inputs(columns, arrays, told.rows, told.schema)


def _cube(cube: ScoreCube) -> _Cube:
    flat = cube.table.ravel()
    places = np.flatnonzero(flat)
    return _Cube(
        list(cube.attributes),
        [list(group) for group in cube.groups],
        cube.bins,
        places.astype("<u4").tobytes(),
        flat[places].astype("<u4").tobytes(),
    )


def _read_cube(told: _Cube) -> ScoreCube:
    table = np.zeros(len(told.groups) * 3 * told.bins, np.int64)
    table[_array(told.places, "<u4")] = _array(told.cases, "<u4")
    groups = tuple(tuple(group) for group in told.groups)
    return ScoreCube(tuple(told.attributes), groups, table.reshape(-1, 3, told.bins))


def _array(data: bytes, kind: str) -> npt.NDArray[Any]:
    return np.frombuffer(data, kind).astype(np.int64)
