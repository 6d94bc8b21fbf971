"""The chain of a ledger followed from row to row: hashes, numbers, moves, keys and the Merkle tree.

Rows are scanned in pieces (`scan`); one that is not as it was written, or that moves something, is read with care
here, and what is wrong with it is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from workbench.ledger.beside import Shared, scanned
from workbench.ledger.entry import GENESIS, Entry, Head, chained
from workbench.ledger.grounds import GRANTS, contradictions
from workbench.ledger.heads import MOVES, moved, place
from workbench.ledger.keys import KEY_KINDS, LedgerKey, followed
from workbench.ledger.merkle import folded, tree_hash
from workbench.ledger.rows import as_row
from workbench.ledger.scan import Before, Scanned
from workbench.ledger.seals import unsealed
from workbench.ledger.tree import TILE, Tree


class Chain:
    """The chain as far as it was followed, and what it has led to."""

    def __init__(self, sizes: Iterable[int] = ()) -> None:
        self.count = 0
        self.last = 0  # number of the last entry
        self.tip = GENESIS
        self.broken = False  # something was wrong with an entry
        self.heads: dict[tuple[str, str], Head] = {}
        self.keys: list[LedgerKey] = []
        self.tree = Tree()
        self.tiles: list[bytes] = []
        self.root_at: dict[int, bytes] = {0: tree_hash(())}
        self._asked = sorted(set(sizes))  # sizes whose roots are wanted
        self.others: int | None = None  # processes that may scan beside this one; None: as the machine has

    def run(self, rows: Iterable[Sequence[Any]] | Shared) -> list[str]:
        """Follow all rows, and name what is wrong with them."""
        problems: list[str] = []
        for found in scanned(rows, Before(self.last, self.tip), self._asked, others=self.others):
            begin = self.count
            for at, (last, tip), row in found.odd:
                self.count, self.last, self.tip = begin + at, last, tip
                problems += self._follow(row)
            self.count, (self.last, self.tip) = begin + found.rows, found.end
            for number, tile in enumerate(found.tiles):
                self._note(begin, number, found)
                self.tree.fill(tile)
            self._note(begin, len(found.tiles), found)
            self.tiles += found.tiles
            for leaf in found.rest:
                self.tree.append(leaf)
        return problems

    def root(self) -> bytes:
        """The root of the tree over all entries, after `run`."""
        return self.tree.root()

    def _note(self, begin: int, tile: int, found: Scanned) -> None:
        """Keep the roots asked for at sizes that end within a tile, before it is added to the tree."""
        for size, within in found.roots.items():
            if (size - 1) // TILE == tile:
                self.root_at[begin + size] = folded([*self.tree.roots, *within])

    def _follow(self, row: Sequence[Any]) -> Iterator[str]:
        """Go on by one row, and name what is wrong with it."""
        found = list(self._wrong(row))
        self.broken = self.broken or bool(found)
        yield from found

    def _wrong(self, row: Sequence[Any]) -> Iterator[str]:
        seq, prev, stored = row[0], row[8], row[9]
        follows = seq == self.last + 1
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
        if follows and prev != self.tip:
            yield f"entry {seq} does not follow entry {self.last}: the hash it names is not that entry's"
        self.count, self.last, self.tip = self.count + 1, seq, str(stored)
        try:
            if entry is not None and entry.kind in MOVES:
                self.heads[place(entry)] = moved(self.heads.get(place(entry)), entry)
            elif entry is not None and entry.kind in KEY_KINDS:
                self.keys.append(followed(self.keys[-1] if self.keys else None, entry))
            if entry is not None and entry.kind in GRANTS:
                yield from contradictions(entry)
                yield from unsealed(entry, self.keys[-1] if self.keys else None)
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
