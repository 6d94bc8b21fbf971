"""Rows read from JSON straight into a signature's types: the way that almost every request takes.

The record type is generated from the signature, and one pass of the decoder both parses and checks. What
does not fit is never explained here: it is read again by `inputs` and `schema`, which name row and field.

>>> reader = Reader({"income": (float, False), "purpose": (str, True)})
>>> [reader.values(record) for record in reader.read(b'{"rows": [{"income": 4}]}') or ()]
[(4.0, None)]
>>> reader.read(b'{"rows": [{"income": "much"}]}') is None
True
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

Record = Any  # a struct whose class is known once the signature is
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what the decoder raises
Values = tuple[Any, ...]  # one row, in the signature's order


class Reader:
    """Reads the rows of one signature."""

    def __init__(self, columns: Mapping[str, tuple[Any, bool]]) -> None:
        """Generate the decoders.

        Args:
            columns: Type, and whether it may be missing, by column in order.
        """
        self._names = list(columns)
        places = [f"f{number}" for number in range(len(columns))]
        kinds = [kind | None if free else kind for kind, free in columns.values()]
        free = [free for _, free in columns.values()]
        self._type = msgspec.defstruct(
            "Record",
            [
                (place, kind, None) if free else (place, kind)
                for place, kind, free in zip(places, kinds, free, strict=True)
            ],
            rename=dict(zip(places, self._names, strict=True)),
            forbid_unknown_fields=True,
            kw_only=True,  # so that one that may be missing may stand before one that may not
            frozen=True,
            gc=False,  # values alone, so that no cycle begins here
        )
        self._places = places
        self.values: Callable[[Record], Values] = (
            operator.attrgetter(*places) if len(places) > 1 else lambda record: (getattr(record, places[0]),)
        )
        rows = list[self._type]  # type: ignore[name-defined]
        tuples = list[tuple[tuple(kinds)]]  # type: ignore[misc, valid-type]
        self._rows = msgspec.json.Decoder(rows)
        self.row: Callable[[bytes], Record] = msgspec.json.Decoder(self._type).decode  # one row, or UNREADABLE
        self._forms = {
            form: msgspec.json.Decoder(msgspec.defstruct("Form", [(form, rows)], forbid_unknown_fields=True))
            for form in ("rows", "dataframe_records", "inputs")
        }
        split = msgspec.defstruct("Split", [("columns", list[str]), ("data", tuples), ("index", Any, None)])
        self._split = msgspec.json.Decoder(
            msgspec.defstruct("Form", [("dataframe_split", split)], forbid_unknown_fields=True)
        )

    def read(self, body: bytes) -> Sequence[Record] | None:
        """The rows of a body that is as it should be; None where it is not, or might not be."""
        start = body[:24].lstrip()
        try:
            if start[:1] == b"[":
                return self._rows.decode(body)
            form = start.partition(b'"')[2].partition(b'"')[0].decode("latin-1")
            if form in self._forms and form not in self._names:
                found: Sequence[Record] = getattr(self._forms[form].decode(body), form)
                return found
            if form == "dataframe_split" and form not in self._names:
                split = getattr(self._split.decode(body), form)
                return [self.record(row) for row in split.data] if split.columns == self._names else None
            return [self.row(body)]
        except UNREADABLE:
            return None

    def record(self, values: Sequence[Any]) -> Record:
        """Checked values in the signature's order as a record."""
        return self._type(**dict(zip(self._places, values, strict=True)))
