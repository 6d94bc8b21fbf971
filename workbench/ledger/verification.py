"""Whether a ledger holds: the chain followed from the first entry to the last, without IO.

Found are: a changed field, a removed, inserted or reordered entry, a cut tail, a head that the
entries do not lead to, and triggers that somebody dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.ledger.entry import GENESIS, Entry, Head, chained
from workbench.ledger.heads import fold

MOST_PROBLEMS = 20  # named; the rest is counted


@dataclass(frozen=True)
class Verification:
    """What a verification found."""

    valid: bool
    entries: int
    tip: str  # hash of the last entry, hex
    problems: tuple[str, ...]  # sentences, each with the entry's number


def verified(
    rows: Sequence[Sequence[Any]], heads: Sequence[Head], *, last_given: int, missing: Sequence[str]
) -> Verification:
    """Judge the stored rows.

    Args:
        rows: Rows as stored, by number: seq, at, kind, subject, actor, why, body as text, key, prev, hash.
        heads: The heads as stored.
        last_given: The highest number the database ever gave out.
        missing: Names of triggers that are not there.
    """
    problems = [*_chain(rows), *_tail(rows, last_given), *_heads(rows, heads)]
    problems += [f"the trigger {name} is missing" for name in missing]
    if len(problems) > MOST_PROBLEMS:
        problems = [*problems[:MOST_PROBLEMS], f"and {len(problems) - MOST_PROBLEMS} more"]
    tip = str(rows[-1][-1]) if rows else GENESIS
    return Verification(valid=not problems, entries=len(rows), tip=tip, problems=tuple(problems))


def _chain(rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    prev = GENESIS
    for expected, row in enumerate(rows, start=1):
        seq, stored = row[0], row[-1]
        if seq != expected:
            yield f"entry {expected} is missing: number {seq} follows number {expected - 1}"
            return
        try:
            rehashed = _rehashed(row)
        except (ValueError, TypeError) as error:
            yield f"entry {seq} cannot be read: {error}"
            rehashed = None
        if rehashed is not None and rehashed.hash != stored:
            yield f"entry {seq} was changed: its content does not have its hash"
        if row[8] != prev:
            yield f"entry {seq} does not follow entry {seq - 1}: the hash it names is not that entry's"
        prev = stored


def _tail(rows: Sequence[Sequence[Any]], last_given: int) -> Iterator[str]:
    last = rows[-1][0] if rows else 0
    if last_given != last:
        yield f"the tail was cut: entry {last} is the last, but number {last_given} had been given out"


def _heads(rows: Sequence[Sequence[Any]], heads: Sequence[Head]) -> Iterator[str]:
    try:
        led_to = fold(_rehashed(row) for row in rows)
    except (ValueError, TypeError, KeyError) as error:
        yield f"the heads cannot be replayed: {error}"
        return
    stored = {(head.model, head.slot): head for head in heads}
    for model, slot in sorted(led_to.keys() | stored.keys()):
        one, other = stored.get((model, slot)), led_to.get((model, slot))
        if one != other:
            yield f"the {slot} of {model} is {_told(one)}, but the entries lead to {_told(other)}"


def _rehashed(row: Sequence[Any]) -> Entry:
    seq, at, kind, subject, actor, why, body, key, prev, _ = row
    return chained(
        seq=seq,
        at=datetime.fromisoformat(at),
        kind=kind,
        subject=subject,
        actor=actor,
        why=why,
        body=json.loads(body),
        key=key,
        prev=prev,
    )


def _told(head: Head | None) -> str:
    return f"version {head.version} (generation {head.generation}, entry {head.seq})" if head else "nobody"
