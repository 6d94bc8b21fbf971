"""Whether a ledger holds: the chain followed from the first entry to the last, without IO.

Found are a changed field, a removed, inserted or reordered entry, a cut tail, a head that the entries
do not lead to, a move that no decision allowed, an effect owed for nothing, and a rule of the database
that somebody took away. Not found is a ledger that was replaced by another whole one, chained anew or
cut with all that the database counts set back: that takes a tip noted elsewhere, which is why
`Verification` names the tip.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.ledger.entry import GENESIS, Entry, Head, chained
from workbench.ledger.heads import MOVES, moved, place
from workbench.ledger.schema import schema
from workbench.ledger.writer import as_row

MOST_PROBLEMS = 20  # named; the rest is counted


@dataclass(frozen=True)
class Verification:
    """What a verification found."""

    valid: bool
    entries: int
    tip: str  # hash of the last entry, hex
    problems: tuple[str, ...]  # sentences, each with the entry's number


def verified(
    rows: Iterable[Sequence[Any]],
    heads: Iterable[Head],
    *,
    last_given: int | None,
    owed_for: Iterable[int] = (),
    rules: Mapping[str, str],
    damage: Iterable[str] = (),
) -> Verification:
    """Judge what is stored.

    Args:
        rows: Rows of entries by number: seq, at, kind, subject, actor, why, body as text, key, prev, hash.
        heads: The heads.
        last_given: The highest number the database ever gave out; None where it does not know any more.
        owed_for: Numbers of the entries that effects were owed for.
        rules: The tables, indexes and triggers there are, by name, in SQL of one spelling.
        damage: What the database says against itself.
    """
    problems = [f"the file is damaged: {told}" for told in damage]
    problems += _rules(rules)
    chain = _Chain()
    for row in rows:
        problems += chain.follow(row)
    problems += _tail(chain, last_given, owed_for)
    problems += _heads(chain.heads, heads)
    if len(problems) > MOST_PROBLEMS:
        problems = [*problems[:MOST_PROBLEMS], f"and {len(problems) - MOST_PROBLEMS} more"]
    return Verification(valid=not problems, entries=chain.count, tip=chain.tip, problems=tuple(problems))


class _Chain:
    """The chain as far as it was followed, and the heads it has led to."""

    def __init__(self) -> None:
        self.count = 0
        self.last = 0  # number of the last entry
        self.tip = GENESIS
        self.heads: dict[tuple[str, str], Head] = {}

    def follow(self, row: Sequence[Any]) -> Iterator[str]:
        """Go on by one row, and name what is wrong with it."""
        seq, prev, stored = row[0], row[8], row[9]
        whole = seq == self.last + 1
        if seq > self.last + 1:
            yield _missing(self.last + 1, seq - 1)
        elif seq <= self.last:
            yield f"entry {seq} stands where number {self.last + 1} was due"
        entry = _read(row)
        if entry is None:
            yield f"entry {seq} cannot be read"
        elif entry.hash != stored:
            yield f"entry {seq} was changed: its content does not have its hash"
        elif as_row(entry) != tuple(row):
            yield f"entry {seq} was changed: it is spelled in another way than the ledger writes"
        if whole and prev != self.tip:
            yield f"entry {seq} does not follow entry {self.last}: the hash it names is not that entry's"
        self.count, self.last, self.tip = self.count + 1, seq, str(stored)
        if entry is not None and entry.kind in MOVES:
            try:
                self.heads[place(entry)] = moved(self.heads.get(place(entry)), entry)
            except ValueError as error:
                yield str(error)


def _read(row: Sequence[Any]) -> Entry | None:
    seq, at, kind, subject, actor, why, body, key, prev, _ = row
    try:
        return chained(
            seq=seq,
            at=datetime.fromisoformat(at),
            kind=kind,
            subject=subject,
            actor=actor,
            why=why,
            body=dict(json.loads(body).items()),
            key=key,
            prev=prev,
        )
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None


def _missing(first: int, last: int) -> str:
    return f"entry {first} is missing" if first == last else f"entries {first} to {last} are missing"


def _tail(chain: _Chain, last_given: int | None, owed_for: Iterable[int]) -> Iterator[str]:
    if last_given is None and chain.last:
        yield "the database has forgotten which number it gave out last"
    elif last_given is not None and last_given != chain.last:
        yield f"the tail was cut: entry {chain.last} is the last, but number {last_given} had been given out"
    for seq in sorted(set(owed_for), key=str):
        if not isinstance(seq, int) or not 0 < seq <= chain.last:
            yield f"an effect is owed for entry {seq}, which is not there"


def _heads(led_to: Mapping[tuple[str, str], Head], heads: Iterable[Head]) -> Iterator[str]:
    stored = {(head.model, head.slot): head for head in heads}
    for model, slot in sorted(led_to.keys() | stored.keys(), key=str):
        one, other = stored.get((model, slot)), led_to.get((model, slot))
        if one != other:
            yield f"the {slot} of {model} is {_told(one)}, but the entries lead to {_told(other)}"


def _told(head: Head | None) -> str:
    if head is None:
        return "nobody"
    holder = "cleared" if head.version is None else f"version {head.version}"
    share = "" if head.weight is None else f" at {head.weight:.6g} of the traffic"
    return f"{holder}{share} (generation {head.generation}, entry {head.seq})"


def _rules(found: Mapping[str, str]) -> Iterator[str]:
    wanted = schema()
    for name in sorted(wanted.keys() | found.keys(), key=str):
        kind = (wanted.get(name) or found[name]).split()[1].lower()  # table, index or trigger
        if name not in found:
            yield f"the {kind} {name} is missing"
        elif name not in wanted:
            yield f"there is a {kind} {name} that the ledger did not make"
        elif found[name] != wanted[name]:
            yield f"the {kind} {name} was changed"
