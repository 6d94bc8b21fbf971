"""The chain of a ledger followed row by row: hashes, numbers, moves, keys and the Merkle tree; no IO.

A row that is as it was written is recognised by its bytes alone; any other is read with care, and what is
wrong with it is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import sha256
from json.encoder import encode_basestring as quoted
from typing import Any

from workbench.ledger.entry import GENESIS, Entry, Head, chained, read_body, spelled_fast
from workbench.ledger.grounds import GRANTS, contradictions
from workbench.ledger.heads import MOVES, moved, place
from workbench.ledger.keys import KEY_KINDS, LedgerKey, followed
from workbench.ledger.merkle import perfect, tree_hash
from workbench.ledger.rows import as_row, loose_content
from workbench.ledger.tree import TILE, Tree

WEIGHED = frozenset((*GRANTS, *KEY_KINDS))  # kinds whose entries are judged, not only hashed


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
        self._asked = sorted(set(sizes), reverse=True)  # sizes whose roots are wanted, the next one last
        self._leaves: list[bytes] = []  # of the tile that is not full yet

    def run(self, rows: Iterable[Sequence[Any]]) -> list[str]:
        """Follow all rows, and name what is wrong with them."""
        problems: list[str] = []
        parsed, begun, leaf_begun, leaves = datetime.fromisoformat, sha256(), sha256(b"\0"), self._leaves
        tip, last, count = self.tip, self.last, self.count
        for row in rows:
            whole = False
            try:
                seq, at, kind, subject, actor, why, text, key, prev, stored = row
                spelled_key = "null" if key is None else quoted(key)
                # as `row_content`: the hash before and a time that can be read hold nothing to be quoted
                content = (
                    f'{{"actor":{quoted(actor)},"at":"{at}","body":{text},"key":{spelled_key},'
                    f'"kind":{quoted(kind)},"prev":"{tip}","seq":{seq},"subject":{quoted(subject)},"why":{quoted(why)}}}'
                ).encode()
                hashed = begun.copy()
                hashed.update(content)
                body = text.encode()
                whole = (
                    hashed.hexdigest() == stored
                    and prev == tip
                    and seq == last + 1
                    and kind not in WEIGHED
                    and spelled_fast(read_body(body)) == body
                    and at[10] == "T"
                    and at.endswith("+00:00")
                    and parsed(at) is not None
                )
            except (TypeError, ValueError, AttributeError, IndexError):  # msgspec's errors are of ValueError
                whole = False
            if whole:
                tip, last, count = stored, seq, count + 1
            else:
                content = loose_content(row)
                self.tip, self.last, self.count = tip, last, count
                problems += self._follow(row)
                tip, last, count = self.tip, self.last, self.count
            hashed = leaf_begun.copy()
            hashed.update(content)
            leaves.append(hashed.digest())
            if len(leaves) == TILE:
                self._fill()
        self.tip, self.last, self.count = tip, last, count
        self._roots()
        for leaf in leaves:
            self.tree.append(leaf)
        leaves.clear()
        return problems

    def root(self) -> bytes:
        """The root of the tree over all entries, after `run`."""
        return self.tree.root()

    def _fill(self) -> None:
        self._roots()
        tile = perfect(self._leaves)
        self.tree.fill(tile)
        self.tiles.append(tile)
        self._leaves.clear()

    def _roots(self) -> None:
        """Note the roots asked for at sizes that end within the present tile."""
        before = self.tree.size
        while self._asked and self._asked[-1] <= before + len(self._leaves):
            size = self._asked.pop()
            if size > before:
                tree = Tree(before, self.tree.roots)
                for leaf in self._leaves[: size - before]:
                    tree.append(leaf)
                self.root_at[size] = tree.root()

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
