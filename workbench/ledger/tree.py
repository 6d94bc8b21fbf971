"""The Merkle tree as a ledger keeps it: one row that grows with every commit, and a root every 256 entries.

The row holds the roots of the tree's perfect subtrees, so that an append costs a hash or two; the tiles
(the roots over entries 1 to 256, 257 to 512, and so on) let a proof be found among a million entries by
reading a few hundred. Both follow from the entries, and verification finds where they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from workbench.errors import EngineError
from workbench.ledger.database import Database
from workbench.ledger.entry import GENESIS
from workbench.ledger.keys import KEY_KINDS
from workbench.ledger.merkle import Range, Subtree, folded

TILE = 256  # entries; a power of two
_END = """
    SELECT t.size, t.roots, e.seq, e.hash, k.hash FROM tree t
    LEFT JOIN entries e ON e.seq = (SELECT max(seq) FROM entries)
    LEFT JOIN entries k ON k.seq = (SELECT max(last) FROM (
      SELECT max(seq) AS last FROM entries WHERE kind = ? UNION ALL SELECT max(seq) FROM entries WHERE kind = ?) AS o)
    WHERE t.id = 1
"""


class Tree:
    """A tree that grows: perfect subtrees over whole tiles, and over the entries of the last one."""

    def __init__(self, size: int = 0, roots: Iterable[bytes] = ()) -> None:
        tiles, rest = divmod(size, TILE)
        given = list(roots)
        self._above = Range(tiles, given[: tiles.bit_count()])
        self._within = Range(rest, given[tiles.bit_count() :])
        self.fresh: list[bytes] = []  # roots of the tiles that were filled since it was read

    @property
    def size(self) -> int:
        """Entries covered."""
        return self._above.size * TILE + self._within.size

    @property
    def roots(self) -> list[bytes]:
        """The roots of its perfect subtrees, largest first."""
        return self._above.roots + self._within.roots

    def append(self, leaf: bytes) -> None:
        """Add the leaf of one entry."""
        self._within.append(leaf)
        if self._within.size == TILE:
            self.fill(self._within.root())

    def fill(self, tile: bytes) -> None:
        """Add the root of a whole tile in place of its entries one by one."""
        self._above.append(tile)
        self._within = Range()
        self.fresh.append(tile)

    def root(self) -> bytes:
        """The root over all entries."""
        return folded(self.roots)


def stored_end(database: Database) -> tuple[Tree, int, str, str | None]:
    """The tree as the database holds it, the number and hash of the last entry, the hash of the last that brings a key.

    Raises:
        EngineError: The tree's row was damaged.
    """
    rows = database.execute(_END, KEY_KINDS)
    try:
        ((size, text, last, tip, key),) = rows
        return Tree(size, unspelled(text)), last or 0, tip or GENESIS, key
    except (ValueError, TypeError, AttributeError) as error:
        raise EngineError(
            f"the Merkle tree in {database.name} cannot be read: {error}", hint="workbench ledger verify"
        ) from error


def store_tree(database: Database, tree: Tree) -> None:
    """Keep a tree that has grown, and the tiles that were filled meanwhile."""
    first = tree.size // TILE - len(tree.fresh)
    for number, root in enumerate(tree.fresh, start=first):
        database.execute("INSERT INTO tiles (number, root) VALUES (?, ?)", (number, root.hex()))
    tree.fresh.clear()
    database.execute("UPDATE tree SET size = ?, roots = ? WHERE id = 1", (tree.size, spelled_roots(tree.roots)))


def subtrees(tiles: list[bytes], leaves: Callable[[int, int], list[bytes]]) -> Subtree:
    """The roots over stretches of entries, from whole tiles where there are some.

    Args:
        tiles: The roots of the tiles, in their order.
        leaves: Gives the leaves from a first number (from 0) up to, not including, a last.
    """

    def root(first: int, last: int) -> bytes:
        tree = Tree()
        at = first
        while at % TILE == 0 and at + TILE <= last:
            tree.fill(tiles[at // TILE])
            at += TILE
        for leaf in leaves(at, last) if at < last else ():
            tree.append(leaf)
        return tree.root()

    return root


def spelled_roots(roots: Iterable[bytes]) -> str:
    """Roots as the database keeps them: in hex, one behind the other."""
    return b"".join(roots).hex()


def unspelled(text: str) -> list[bytes]:
    """The roots of a text.

    Raises:
        ValueError: It holds none.
    """
    content = bytes.fromhex(text)
    return [content[at : at + 32] for at in range(0, len(content), 32)]
