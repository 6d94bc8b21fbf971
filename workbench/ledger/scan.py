"""Rows of a ledger scanned in pieces: hashes, numbers and the leaves of the tree, each piece for itself; no IO.

A row that is as it was written is recognised by its bytes alone; any other is told of as odd, to be read with
care by whoever follows the chain (`ledger.chain`). A piece needs nothing of those before it but their last number
and hash, which stand in the row before; so pieces can be scanned beside each other (`ledger.beside`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from hashlib import sha256
from json.encoder import encode_basestring as quoted
from typing import Any, NamedTuple

from workbench.ledger.entry import read_body, spelled_fast
from workbench.ledger.grounds import GRANTS
from workbench.ledger.keys import KEY_KINDS
from workbench.ledger.merkle import Range, perfect
from workbench.ledger.rows import loose_content
from workbench.ledger.tree import TILE

Row = Sequence[Any]  # of an entry, as `rows.COLUMNS` has it
WEIGHED = frozenset((*GRANTS, *KEY_KINDS))  # kinds whose entries are judged, not only hashed


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


def scan(rows: Iterable[Row], before: Before, asked: Sequence[int] = ()) -> Scanned:
    """Scan rows that begin a tile.

    Args:
        rows: By number.
        before: What the first follows.
        asked: Sizes within the rows, above 0 and ascending, at which the tree is wanted.
    """
    parsed, begun, leaf_begun = datetime.fromisoformat, sha256(), sha256(b"\0")
    tiles: list[bytes] = []
    leaves: list[bytes] = []
    odd: list[tuple[int, tuple[int, str], Row]] = []
    roots: dict[int, list[bytes]] = {}
    last, tip = before
    place = -1
    for place, row in enumerate(rows):
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
        if not whole:
            odd.append((place, (last, tip), row))
            content, seq, stored = loose_content(row), row[0], str(row[9])
        last, tip = seq, stored
        hashed = leaf_begun.copy()
        hashed.update(content)
        leaves.append(hashed.digest())
        if len(leaves) == TILE:
            roots |= _roots(leaves, place + 1, asked)
            tiles.append(perfect(leaves))
            leaves.clear()
    count = place + 1
    return Scanned(count, tiles, leaves, odd, roots | _roots(leaves, count, asked), (last, tip))


def _roots(leaves: Sequence[bytes], end: int, asked: Sequence[int]) -> dict[int, list[bytes]]:
    """The perfect subtrees over the first leaves of a tile, for the sizes asked that end in it."""
    first, grown, found = end - len(leaves), Range(), dict[int, list[bytes]]()
    for size in asked:
        if first < size <= end:
            for leaf in leaves[grown.size : size - first]:
                grown.append(leaf)
            found[size] = list(grown.roots)
    return found
