"""The index of lineage: which entries touch which thing, so that a question reads those alone.

Rules: the index names entries, it never tells what stands in them; every answer is folded from entries of the
ledger, and is the very answer that all entries would give. An index that cannot be used costs time, never an
answer: then all entries are read.

Why the part suffices: an entry is wanted if it adds an edge of the answer, or something known of one of its
things. Those alone, in their order, build each of these things exactly as all entries do.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

from workbench.errors import EngineError
from workbench.ledger.entry import Entry
from workbench.ledger.lineage import LEAST, SHORTEST, Lineage, Way, lineage
from workbench.ledger.projection import Projection, Shape, Stale
from workbench.ledger.reading import Reading
from workbench.ledger.telling import TITLE, Kind, Link, Node, told_by, traits

FILE = ".lineage.db"
VERSION = 1
TABLES = (
    "CREATE TABLE nodes (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, traits TEXT NOT NULL)",
    "CREATE UNIQUE INDEX nodes_by_name ON nodes (kind, name)",
    "CREATE TABLE titles (title TEXT NOT NULL, node INTEGER NOT NULL, PRIMARY KEY (title, node)) WITHOUT ROWID",
    "CREATE TABLE marks (node INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (node, seq)) WITHOUT ROWID",
    """
    CREATE TABLE edges (
        upper INTEGER NOT NULL, lower INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (upper, lower, seq)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX edges_upward ON edges (lower, upper, seq)",
)
T = TypeVar("T")


class LineageIndex:
    """Lineage of a ledger, read by what a question touches; its file is made when it is not there."""

    def __init__(self, path: Path, ledger: Reading) -> None:
        shape = Shape("the index of lineage", "workbench lineage reindex", VERSION, TABLES, _take)
        self.projection = Projection(path, ledger, shape)
        self._ledger = ledger

    def around(self, *, up: Iterable[str] = (), down: Iterable[str] = ()) -> Lineage:
        """What some nodes came of, and what came of others, as `Lineage.around` gives it.

        Args:
            up: Ids of nodes that are followed upward; those that are not there are left out.
            down: Ids of nodes that are followed downward.
        """
        wanted: dict[Way, list[str]] = {"up": list(up), "down": list(down)}

        def read(database: sqlite3.Connection) -> list[Entry]:
            seqs = {seq for way, nodes in wanted.items() for seq in _touched(database, _numbers(database, nodes), way)}
            return self._numbered(seqs)

        return self._told(read).around(up=wanted["up"], down=wanted["down"])

    def nodes(self, ids: Sequence[str]) -> list[Node]:
        """Some nodes with what is known of them, in this order; those that are not there are left out."""

        def read(database: sqlite3.Connection) -> list[Entry]:
            numbers = _numbers(database, ids)
            seqs = {s for n in numbers for (s,) in database.execute("SELECT seq FROM marks WHERE node = ?", (n,))}
            return self._numbered(seqs)

        known = self._told(read).nodes
        return [known[one] for one in ids if one in known]

    def named(self, kind: Kind, name: str) -> list[str]:
        """The ids of the nodes that `Lineage.named` gives."""

        def read(database: sqlite3.Connection) -> list[str]:
            found = database.execute("SELECT number, name FROM nodes WHERE kind = ? AND name = ?", (kind, name))
            rows = found.fetchall()
            if not rows and name:
                titled = "SELECT number, name FROM nodes JOIN titles ON node = number WHERE kind = ? AND title = ?"
                rows = database.execute(titled, (kind, name)).fetchall()
            if not rows and len(name) >= SHORTEST:
                after = "SELECT number, name FROM nodes WHERE kind = ? AND name >= ? ORDER BY name"
                rows = [*takewhile(lambda row: row[1].startswith(name), database.execute(after, (kind, name)))]
            return [f"{kind}:{row[1]}" for row in sorted(rows)]

        return self._looked(read, lambda: [node.id for node in self._whole().named(kind, name)])

    def suggested(self, words: str, kinds: Collection[Kind], most: int) -> list[str]:
        """The ids of the nodes that `Lineage.suggested` gives."""

        def read(database: sqlite3.Connection) -> list[str]:
            same = "SELECT kind, name FROM nodes WHERE kind = ? AND name = ?"
            rows = [row for kind in sorted(kinds) for row in database.execute(same, (kind, words))]
            if len(words) >= LEAST:
                after = "SELECT kind, name FROM nodes WHERE kind = ? AND name >= ? ORDER BY name LIMIT ?"
                for kind in sorted(kinds):
                    began = database.execute(after, (kind, words, most))
                    rows += takewhile(lambda row: row[1].startswith(words), began)
                database.create_function("folded", 1, str.casefold, deterministic=True)
                titled = (
                    "SELECT kind, name FROM nodes WHERE kind IN (SELECT value FROM json_each(?)) AND number IN "
                    "(SELECT node FROM titles WHERE instr(folded(title), ?)) ORDER BY kind, name LIMIT ?"
                )
                rows += database.execute(titled, (json.dumps(sorted(kinds)), words.casefold(), most))
            return [*dict.fromkeys(f"{kind}:{name}" for kind, name in rows)][:most]

        return self._looked(read, lambda: [node.id for node in self._whole().suggested(words, kinds, most)])

    def some(self, kind: Kind, most: int) -> list[str]:
        """The ids of the first so many nodes of a kind."""

        def read(database: sqlite3.Connection) -> list[str]:
            rows = database.execute("SELECT name FROM nodes WHERE kind = ? ORDER BY number LIMIT ?", (kind, most))
            return [f"{kind}:{name}" for (name,) in rows]

        return self._looked(read, lambda: [n.id for n in self._whole().nodes.values() if n.kind == kind][:most])

    def _told(self, read: Callable[[sqlite3.Connection], list[Entry]]) -> Lineage:
        return lineage(self._looked(read, lambda: self._ledger.entries()))

    def _looked(self, read: Callable[[sqlite3.Connection], T], otherwise: Callable[[], T]) -> T:
        try:
            return self.projection.look(read)
        except EngineError:
            return otherwise()

    def _whole(self) -> Lineage:
        return lineage(self._ledger.entries())

    def _numbered(self, seqs: set[int]) -> list[Entry]:
        entries = self._ledger.numbered(seqs)
        if len(entries) != len(seqs):
            raise Stale(f"{len(seqs) - len(entries)} entries that it names are not in the ledger")
        return entries


def _numbers(database: sqlite3.Connection, ids: Iterable[str]) -> list[int]:
    """The numbers of the nodes that are there."""
    found = (_place(database, one) for one in ids)
    return [place.number for place in found if place is not None]


def _touched(database: sqlite3.Connection, numbers: Sequence[int], way: Way) -> list[int]:
    """The entries that add an edge one way from some nodes, or something known of a node that is reached."""
    here, there = ("lower", "upper") if way == "up" else ("upper", "lower")
    # CROSS JOIN: what was reached first, then its edges by their index
    reached = f"""
        WITH RECURSIVE part(node) AS (
            SELECT value FROM json_each(?) UNION SELECT {there} FROM part CROSS JOIN edges ON {here} = part.node
        )
        SELECT seq FROM part CROSS JOIN edges ON {here} = part.node
        UNION SELECT seq FROM part CROSS JOIN marks ON marks.node = part.node
    """  # noqa: S608
    return [seq for (seq,) in database.execute(reached, (json.dumps(numbers),))]


@dataclass
class _Place:
    """A node as the index has it."""

    number: int
    traits: set[str]
    kept: frozenset[str] | None  # those of them that are written down; None: the node is new


def _place(database: sqlite3.Connection, node: str) -> _Place | None:
    kind, _, name = node.partition(":")
    row = database.execute("SELECT number, traits FROM nodes WHERE kind = ? AND name = ?", (kind, name)).fetchone()
    if row is None:
        return None
    known = frozenset(json.loads(row[1]))
    return _Place(row[0], set(known), known)


def _take(database: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Go on by some entries."""
    (last,) = database.execute("SELECT coalesce(max(number), 0) FROM nodes").fetchone()
    places: dict[str, _Place] = {}  # of the nodes that these entries name
    marks, edges = [], []

    def find(node: str) -> _Place | None:
        place = places.get(node) or _place(database, node)
        if place is not None:
            places[node] = place
        return place

    for entry in entries:
        for one in told_by(entry):
            if isinstance(one, Link):
                upper, lower = find(one.edge.upper), find(one.edge.lower)
                if upper is not None and lower is not None:
                    edges.append((upper.number, lower.number, entry.seq))
                continue
            place, told = find(one.id), traits(one)
            if place is None:
                last += 1
                place = places[one.id] = _Place(last, set(), None)
            elif told <= place.traits:
                continue
            place.traits |= told
            marks.append((place.number, entry.seq))
    _keep(database, places)
    database.executemany("INSERT OR IGNORE INTO marks VALUES (?, ?)", marks)
    database.executemany("INSERT OR IGNORE INTO edges VALUES (?, ?, ?)", edges)


def _keep(database: sqlite3.Connection, places: Mapping[str, _Place]) -> None:
    changed = [
        (node.partition(":"), place)
        for node, place in places.items()
        if place.kept is None or place.traits - place.kept
    ]
    database.executemany(
        "INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?)",
        [(place.number, kind, name, json.dumps(sorted(place.traits))) for (kind, _, name), place in changed],
    )
    titles = [
        (trait.removeprefix(TITLE), place.number)
        for _, place in changed
        for trait in place.traits - (place.kept or frozenset())
        if trait.startswith(TITLE)
    ]
    database.executemany("INSERT OR IGNORE INTO titles VALUES (?, ?)", titles)
