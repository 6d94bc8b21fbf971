"""An hour as the table keeps it: MessagePack, arrays as bytes, so that a day of 300 models is read in a second.

Nothing is executed by reading it, and what is no hour is refused.

>>> hour = Hour(requests={200: 3}, latency={80: 3}, rows=3)
>>> unpacked(packed(hour)) == hour
True
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from workbench.data import Categories, ColumnProfile, Histogram, Profile, ScoreCube
from workbench.errors import EngineError
from workbench.monitoring.hour import Hour, Kpi


class _Numbers(msgspec.Struct, array_like=True, tag="n"):
    name: str
    centre: float
    scale: float
    nulls: int
    low: float | None
    high: float | None
    bins: bytes
    counts: bytes
    rests: bytes


class _Texts(msgspec.Struct, array_like=True, tag="t"):
    name: str
    counts: dict[str, int]
    nulls: int
    known: list[str]


class _Profile(msgspec.Struct, array_like=True):
    columns: list[_Numbers | _Texts]
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
    profile: _Profile | None
    scores: _Cube | None
    kpis: dict[str, Kpi]
    labels: int
    labelled_at: str


def packed(hour: Hour) -> bytes:
    """The hour as bytes."""
    profile = hour.profile
    told = _Packed(
        requests=dict(hour.requests),
        latency=dict(hour.latency),
        rows=hour.rows,
        yes=hour.yes,
        decided=hour.decided,
        profile=None
        if profile is None
        else _Profile([_column(*item) for item in profile.columns.items()], profile.rows, dict(profile.schema)),
        scores=None if hour.scores is None else _cube(hour.scores),
        kpis=dict(hour.kpis),
        labels=hour.labels,
        labelled_at=hour.labelled_at,
    )
    return _ENCODER.encode(told)


def unpacked(data: bytes) -> Hour:
    """The hour that `packed` wrote.

    Raises:
        EngineError: The bytes are no hour.
    """
    try:
        told = _DECODER.decode(data)
        profile = told.profile
        return Hour(
            requests=told.requests,
            latency=told.latency,
            rows=told.rows,
            yes=told.yes,
            decided=told.decided,
            profile=None
            if profile is None
            else Profile({c.name: _read(c) for c in profile.columns}, profile.rows, (), profile.schema),
            scores=None if told.scores is None else _read_cube(told.scores),
            kpis=told.kpis,
            labels=told.labels,
            labelled_at=told.labelled_at,
        )
    except (msgspec.DecodeError, ValueError, IndexError) as error:
        raise EngineError(
            f"a stored summary cannot be read: {error}", hint="workbench monitor --rebuild makes it anew from the log"
        ) from error


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Packed)


def _column(name: str, column: ColumnProfile) -> _Numbers | _Texts:
    if isinstance(column, Categories):
        return _Texts(name, dict(column.counts), column.nulls, list(column.known))
    arrays = (np.asarray(column.bins, "<u2"), np.asarray(column.counts, "<u4"), np.asarray(column.rests, "<u8"))
    return _Numbers(
        name, column.centre, column.scale, column.nulls, column.low, column.high, *(each.tobytes() for each in arrays)
    )


def _read(column: _Numbers | _Texts) -> ColumnProfile:
    if isinstance(column, _Texts):
        return Categories(column.counts, column.nulls, tuple(column.known))
    bins, counts, rests = (
        _array(data, kind) for data, kind in ((column.bins, "<u2"), (column.counts, "<u4"), (column.rests, "<u8"))
    )
    if not len(bins) == len(counts) == len(rests) or (np.diff(bins) <= 0).any() or not column.scale > 0:
        raise ValueError(f"the column {column.name!r} holds no histogram")
    arrays = (bins, counts, rests)
    return Histogram.of(column.centre, column.scale, arrays, column.nulls, column.low, column.high)


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
