"""Rows of a ledger scanned in pieces: hashes, numbers and the leaves of the tree, each piece for itself; no IO.

A row that is as it was written is recognised by its bytes alone; any other is told of as odd, to be read with
care by whoever follows the chain (`ledger.chain`). A piece needs nothing of those before it but their last number
and hash, which stand in the row before; so pieces can be scanned beside each other (`ledger.beside`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple

from workbench.ledger.entry import read_body, spelled_fast
from workbench.ledger.grounds import GRANTS
from workbench.ledger.keys import KEY_KINDS
from workbench.ledger.merkle import Range, leaf_hashes, perfect
from workbench.ledger.rows import loose_content
from workbench.ledger.tree import TILE

Row = Sequence[Any]  # of an entry, as `rows.COLUMNS` has it
WEIGHED = frozenset((*GRANTS, *KEY_KINDS))  # kinds whose entries are judged, not only hashed
_parsed = datetime.fromisoformat


class Before(NamedTuple):
    """What a row follows."""

    last: int  # number of the entry before
    tip: str  # its hash


class Scanned(NamedTuple):
    """What a scan of some rows found; plain values, so that it can be sent."""

    rows: int  # how many
    tiles: list[bytes]  # roots of the whole tiles
    rest: list[bytes]  # leaves behind the last whole tile
    odd: list[tuple[int, tuple[int, str], Row]]  # rows to be read with care: the place, what is before it, the row
    roots: dict[int, list[bytes]]  # by size asked for: the perfect subtrees over the leaves of its last tile
    end: tuple[int, str]  # what the next row follows


def scan(rows: Sequence[Row], before: Before, asked: Sequence[int] = ()) -> Scanned:
    """Scan rows that begin a tile.

    Args:
        rows: By number.
        before: What the first follows.
        asked: Sizes within the rows, above 0 and ascending, at which the tree is wanted.
    """
    tiles: list[bytes] = []
    rest: list[bytes] = []
    odd: list[tuple[int, tuple[int, str], Row]] = []
    roots: dict[int, list[bytes]] = {}
    for first in range(0, len(rows), TILE):
        some = rows[first : first + TILE]
        contents, strange = _read(some, before)
        for place in strange:
            last, tip = _end(some[place - 1]) if place else before
            odd.append((first + place, (last, tip), some[place]))
            contents[place] = loose_content(some[place])
        rest = leaf_hashes(contents)
        roots |= _roots(rest, first + len(some), asked)
        if len(some) == TILE:
            tiles.append(perfect(rest))
            rest = []
        before = _end(some[-1])
    return Scanned(len(rows), tiles, rest, odd, roots, (before.last, before.tip))


def _end(row: Row) -> Before:
    """What is behind a row."""
    return Before(row[0], str(row[9]))


def _read(rows: Sequence[Row], before: Before) -> tuple[list[bytes], list[int]]:
    """The bytes that the hash of each row covers, and the places of those that are not as they were written."""
    try:
        return _compared(rows, before)
    except (TypeError, ValueError, AttributeError, IndexError):  # msgspec's errors are of ValueError
        if len(rows) == 1:
            return [b""], [0]
    contents, strange = list[bytes](), list[int]()
    for place, row in enumerate(rows):
        found, wrong = _read([row], before)
        contents += found
        strange += [place] * len(wrong)
        before = _end(row)
    return contents, strange


def _compared(rows: Sequence[Row], before: Before) -> tuple[list[bytes], list[int]]:
    """The same for rows of the right types, compared column by column.

    Raises:
        TypeError, ValueError, AttributeError, IndexError: A value is of another type, or cannot be read.
    """
    seqs, ats, kinds, _, _, _, texts, _, prevs, stored = zip(*rows, strict=True)
    # as `row_content`: the hash before and a time that can be read hold nothing to be quoted
    contents = [
        (
            f'{{"actor":{quoted(actor)},"at":"{at}","body":{text},"key":{"null" if key is None else quoted(key)},'
            f'"kind":{quoted(kind)},"prev":"{prev}","seq":{seq},"subject":{quoted(subject)},"why":{quoted(why)}}}'
        ).encode()
        for seq, at, kind, subject, actor, why, text, key, prev, _ in rows
    ]
    bodies = [*map(str.encode, texts)]
    strange = {place for place, kind in enumerate(kinds) if kind in WEIGHED}
    strange |= {place for place, at in enumerate(ats) if not (at[10] == "T" and at.endswith("+00:00") and _parsed(at))}
    for found, due in (
        ([sha256(content).hexdigest() for content in contents], [*stored]),
        ([*prevs], [before.tip, *stored[:-1]]),
        ([*seqs], [before.last + 1, *(seq + 1 for seq in seqs[:-1])]),
        ([*map(spelled_fast, map(read_body, bodies))], bodies),
    ):
        if found != due:
            strange |= {place for place, (one, other) in enumerate(zip(found, due, strict=True)) if one != other}
    return contents, sorted(strange)


def _roots(leaves: Sequence[bytes], end: int, asked: Sequence[int]) -> dict[int, list[bytes]]:
    """The perfect subtrees over the first leaves of a tile, for the sizes asked that end in it."""
    first, grown, found = end - len(leaves), Range(), dict[int, list[bytes]]()
    for size in asked:
        if first < size <= end:
            for leaf in leaves[grown.size : size - first]:
                grown.append(leaf)
            found[size] = list(grown.roots)
    return found
