"""An entry as a row of the database, and its canonical bytes straight from the row.

The body is stored in its one spelling, so the bytes that the hash covers are the row's texts put together:
no JSON is read. If those bytes have the stored hash, every column is what was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from json.encoder import encode_basestring as quoted
from typing import Any

from workbench.errors import EngineError
from workbench.ledger.entry import Entry, canonical, read_body
from workbench.ledger.schema import ENTRY_COLUMNS, HEAD_COLUMNS

COLUMNS = ", ".join(ENTRY_COLUMNS)
HEADS = ", ".join(HEAD_COLUMNS)


def as_row(entry: Entry) -> tuple[Any, ...]:
    """The entry as the database keeps it; no other row tells of it."""
    return (
        entry.seq,
        entry.at.isoformat(),
        entry.kind,
        entry.subject,
        entry.actor,
        entry.why,
        canonical(dict(entry.body)).decode(),
        entry.key,
        entry.prev,
        entry.hash,
    )


def from_row(row: Sequence[Any]) -> Entry:
    """The entry that a row tells of, its hash as stored.

    Raises:
        EngineError: The row was damaged.
    """
    seq, at, kind, subject, actor, why, body, key, prev, stored = row
    try:
        when, told = datetime.fromisoformat(at), read_body(body)
        return Entry(seq, when, kind, subject, actor, why, told, key, prev, stored)
    except (ValueError, TypeError) as error:  # msgspec's errors are of ValueError
        raise EngineError(f"entry {seq} cannot be read: {error}", hint="workbench ledger verify") from error


def row_content(row: Sequence[Any]) -> bytes:
    r"""The bytes that the hash of a row covers, as `entry.content` gives them.

    Raises:
        TypeError: A column is of another type than the ledger writes.
        ValueError: A text is no Unicode.

    >>> row_content((1, "2026-01-01T00:00:00+00:00", "note", "ü", "a", "", '{"n":1}', None, "00", "ab"))
    b'{"actor":"a","at":"2026-01-01T00:00:00+00:00","body":{"n":1},"key":null,"kind":"note","prev":"00","seq":1,"subject":"\xc3\xbc","why":""}'
    """
    seq, at, kind, subject, actor, why, body, key, prev, _ = row
    return (
        f'{{"actor":{quoted(actor)},"at":{quoted(at)},"body":{body},"key":{"null" if key is None else quoted(key)},'
        f'"kind":{quoted(kind)},"prev":{quoted(prev)},"seq":{seq},"subject":{quoted(subject)},"why":{quoted(why)}}}'
    ).encode()


def loose_content(row: Sequence[Any]) -> bytes:
    """The same for a row that may be damaged: of one that is, some bytes that no sound row has."""
    try:
        return row_content(row)
    except (TypeError, ValueError):
        return repr(tuple(row)).encode("utf-8", "backslashreplace")
