"""One entry of the ledger, the head of a model, and the hash that chains them.

An entry is frozen: its hash covers every field and the hash of the entry before it, so a change,
a removal or a reordering anywhere is seen by whoever follows the chain.

>>> from datetime import UTC, datetime
>>> first = chained(seq=1, at=datetime(2026, 1, 1, tzinfo=UTC), kind="note", subject="lending",
...                 actor="analyst", why="first", body={}, key=None, prev=GENESIS)
>>> first.hash == chained(seq=1, at=first.at, kind="note", subject="lending", actor="analyst",
...                       why="first", body={}, key=None, prev=GENESIS).hash
True
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

from workbench.errors import Misuse

GENESIS = "0" * 64
read_body = msgspec.json.Decoder(dict[str, Any]).decode  # an entry's body from its text
spelled_fast = msgspec.json.Encoder(order="sorted").encode  # as `canonical` where `_as_spelled` reads the value back
_spell = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


@dataclass(frozen=True)
class Entry:
    """What happened once: who did what to which subject, why, and on what grounds."""

    seq: int  # position in the ledger, from 1 without gaps
    at: datetime  # UTC
    kind: str  # e.g. "promotion.granted"
    subject: str  # "lending" (a model), "lending/2" (a version), "run/<id>" (a run)
    actor: str  # who did it
    why: str  # the reason given
    body: Mapping[str, Any]  # the rest, plain JSON
    key: str | None  # idempotency key: at most one entry has it
    prev: str  # hash of the entry before, hex
    hash: str  # SHA-256 of everything above, hex

    def as_dict(self) -> dict[str, Any]:
        """The entry as plain JSON; `at` in ISO 8601 with its offset."""
        return {**_fields(self), "hash": self.hash}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Entry:
        """The entry that plain JSON tells of, as `as_dict` wrote it and as it may lie in a file of others.

        Raises:
            ValueError: It is none, or its content does not have its hash.
        """
        try:
            texts = [told[name] for name in ("kind", "subject", "actor", "why", "prev", "hash")]
            seq, body, key, at = told["seq"], told["body"], told["key"], datetime.fromisoformat(told["at"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"no entry: {error}") from error
        if type(seq) is not int or not isinstance(body, Mapping) or not (key is None or isinstance(key, str)):
            raise ValueError("no entry: a field is of another type")
        if any(not isinstance(text, str) for text in texts) or at.utcoffset() is None:
            raise ValueError("no entry: a field is of another type")
        kind, subject, actor, why, prev, stored = texts
        found = cls(seq, at, kind, subject, actor, why, dict(body), key, prev, stored)
        if hashlib.sha256(content(found)).hexdigest() != stored:
            raise ValueError(f"entry {seq} was changed: its content does not have its hash")
        return found


@dataclass(frozen=True)
class Head:
    """Which version of a model holds a slot now; the generation grows by one at every move."""

    model: str
    slot: str  # "champion", "canary", "shadow"
    version: int | None  # None: the slot was cleared, nobody holds it
    generation: int
    seq: int  # the entry that put it there
    weight: float | None = None  # a canary's share of the traffic, in (0, 1]; None: no share was set

    @property
    def holder(self) -> int:
        """The version that holds the slot.

        Raises:
            Misuse: The slot was cleared.
        """
        if self.version is None:
            raise Misuse(f"nobody is {self.slot} of {self.model}: entry {self.seq} cleared it")
        return self.version


def chained(
    *,
    seq: int,
    at: datetime,
    kind: str,
    subject: str,
    actor: str,
    why: str,
    body: Mapping[str, Any],
    key: str | None,
    prev: str,
) -> Entry:
    """The entry with its hash, which covers all its fields and `prev`."""
    bare = Entry(seq, at.astimezone(UTC), kind, subject, actor, why, body, key, prev, hash="")
    return replace(bare, hash=hashlib.sha256(content(bare)).hexdigest())


def content(entry: Entry) -> bytes:
    """The bytes that an entry's hash covers, and its leaf in the Merkle tree: all fields but the hash."""
    return canonical(_fields(entry))


def canonical(value: Any) -> bytes:
    r"""JSON in its one spelling: sorted keys, no spaces, UTF-8; NaN and infinities are refused.

    Raises:
        ValueError: The value holds NaN or an infinity.

    >>> canonical({"b": 1, "a": "ü"})
    b'{"a":"\xc3\xbc","b":1}'
    """
    told = read_back(value)
    return _spell(value).encode() if told is None else told[0]


def read_back(value: Any) -> tuple[bytes, Any] | None:
    """The one spelling of a JSON value, found several times faster, and what is read back from it.

    None where it cannot be told so: the value is not as it will be read (a tuple, a name that is a number, NaN), or
    holds a number that is spelled in another way here.

    >>> read_back({"b": 0.5, "a": None})
    (b'{"a":null,"b":0.5}', {'a': None, 'b': 0.5})
    >>> read_back({"a": 1e-05}), read_back({"a": (1,)}), read_back({"a": float("nan")})
    (None, None, None)
    """
    try:
        text = spelled_fast(value)
        plain = _as_spelled(text)
        same = plain == value
    except (ValueError, TypeError, RecursionError):  # what is wrong with it, the slow way tells
        return None
    return (text, plain) if same else None


def digest(value: Any) -> str:
    """SHA-256 of a JSON value's canonical spelling, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


@lru_cache(maxsize=4096)
def _number(text: str) -> float:
    """The number of a text in the one spelling.

    Raises:
        ValueError: It has another.
    """
    number = float(text)
    if repr(number) != text:
        raise ValueError(f"{text} is spelled {number!r}")
    return number


_as_spelled = msgspec.json.Decoder(float_hook=_number).decode


def _fields(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": entry.at.isoformat(),
        "kind": entry.kind,
        "subject": entry.subject,
        "actor": entry.actor,
        "why": entry.why,
        "body": dict(entry.body),
        "key": entry.key,
        "prev": entry.prev,
    }
