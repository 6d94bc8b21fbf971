"""Lineage: what came of what, from data to a single prediction, read from the ledger's entries.

Rules: an edge leads from what was there before to what was made of it, so "up" is where something comes
from and "down" is what became of it. Nothing is guessed: an edge stands in one entry, whose number it
carries. An entry that a newer workbench wrote adds what it tells in fields that are known here.

    data, notebook, environment, feature set ─► run ─► version ─► evidence ─► decision ─► prediction

>>> from datetime import UTC, datetime
>>> from workbench.ledger.entry import GENESIS, chained
>>> body = {"name": "train", "notebook_digest": "n1", "data": [{"name": "loans", "digest": "d1", "rows": 9}]}
>>> entry = chained(seq=1, at=datetime(2026, 1, 1, tzinfo=UTC), kind="run.finished", subject="run/r1",
...                 actor="analyst", why="", body=body, key=None, prev=GENESIS)
>>> [edge.upper for edge in lineage([entry]).edges]
['data:d1', 'notebook:n1']
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workbench.ledger.entry import Entry
from workbench.ledger.heads import SLOT
from workbench.ledger.telling import Edge, Kind, Link, Node, merged, told_by

Way = Literal["up", "down"]

SHORTEST = 6  # characters of a digest that name it, where no other begins so
LEAST = 3  # characters from which on something is suggested


class Lineage:
    """Nodes by id and the edges between them."""

    def __init__(self, nodes: Mapping[str, Node], edges: Iterable[Edge]) -> None:
        self.nodes = dict(nodes)
        self.edges = tuple(dict.fromkeys(edges))
        self._near: dict[Way, dict[str, list[Edge]]] = {"up": {}, "down": {}}
        for edge in self.edges:
            self._near["up"].setdefault(edge.lower, []).append(edge)
            self._near["down"].setdefault(edge.upper, []).append(edge)

    def near(self, node: str, way: Way) -> list[Edge]:
        """The edges that lead one step up or down from a node, in the order of the ledger."""
        return self._near[way].get(node, [])

    def part(self, node: str, ways: Sequence[Way] = ("up", "down")) -> Lineage:
        """All that a node came of, all that came of it, or both; never what merely shares an origin."""
        return self.around(**{way: [node] for way in ways})

    def around(self, *, up: Iterable[str] = (), down: Iterable[str] = ()) -> Lineage:
        """What some nodes came of, and what came of others; these nodes first, those that are not there left out."""
        starts: dict[Way, list[str]] = {"up": [n for n in up if n in self.nodes],
                                        "down": [n for n in down if n in self.nodes]}  # fmt: skip
        found = {node: self.nodes[node] for node in [*starts["up"], *starts["down"]]}
        edges: dict[Edge, None] = {}
        for way, todo in starts.items():
            seen = set(todo)
            while todo:
                for edge in self.near(todo.pop(), way):
                    edges[edge] = None
                    other = edge.upper if way == "up" else edge.lower
                    if other not in seen:
                        seen.add(other)
                        todo.append(other)
                        found[other] = self.nodes[other]
        return Lineage(found, sorted(edges, key=lambda edge: (edge.seq, edge.upper, edge.lower)))

    def named(self, kind: Kind, name: str) -> list[Node]:
        """The nodes of a kind with a name, a recorded title, or a digest that begins so; at best one."""
        exact = self.nodes.get(f"{kind}:{name}")
        if exact is not None:
            return [exact]
        of_kind = [node for node in self.nodes.values() if node.kind == kind]
        titled = [node for node in of_kind if name and name in node.facts.get("names", ())]
        long_enough = len(name) >= SHORTEST
        return titled or [node for node in of_kind if long_enough and node.name.startswith(name)]

    def suggested(self, words: str, kinds: Collection[Kind], most: int) -> list[Node]:
        """The first so many nodes of some kinds that somebody may mean who has typed so far.

        Those of this very name come first. From three characters on follow those whose name begins so, then those
        that have them in a title, whatever the case of the letters; each by kind and name.
        """
        of_kinds = sorted((n for n in self.nodes.values() if n.kind in kinds), key=lambda node: (node.kind, node.name))
        found = [node for node in of_kinds if node.name == words]
        if len(words) >= LEAST:
            found += [node for node in of_kinds if node.name.startswith(words)]
            folded = words.casefold()
            found += [n for n in of_kinds if any(folded in title.casefold() for title in n.facts.get("names", ()))]
        return list({node.id: node for node in found}.values())[:most]

    def with_predictions(self, predictions: Iterable[Mapping[str, Any]]) -> Lineage:
        """This lineage with answers that were given.

        Args:
            predictions: Each with id, model, version, generation, at, and what else is known of it; one that
                no version answered hangs on nothing.
        """
        nodes, edges = dict(self.nodes), list(self.edges)
        granted: dict[tuple[str, int, str], str] = {}  # each slot counts for itself
        for node in self.nodes.values():
            if node.kind == "decision" and node.facts.get("generation") is not None:
                slot = node.facts.get("slot") or SLOT
                granted[node.facts["subject"], node.facts["generation"], slot] = node.id
        for told in predictions:
            before = nodes.get(f"prediction:{told['id']}")  # one that was held is in the ledger too
            node = Node("prediction", str(told["id"]), {**(before.facts if before else {}), **told})
            nodes[node.id] = node
            subject = f"{told['model']}/{told['version']}"
            move = granted.get((subject, int(told.get("generation") or 0), str(told.get("slot") or SLOT)))
            if move is not None:
                edges.append(Edge(move, node.id, "answered under", 0))
            elif f"version:{subject}" in nodes:
                edges.append(Edge(f"version:{subject}", node.id, "answered by", 0))
        return Lineage(nodes, edges)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON: nodes and edges."""
        return {
            "nodes": [node.as_json() for node in self.nodes.values()],
            "edges": [{"from": e.upper, "to": e.lower, "words": e.words, "entry": e.seq} for e in self.edges],
        }


@dataclass(frozen=True)
class Difference:
    """Something upstream of two versions that is not the same."""

    what: str  # "training data", "parameter seed", "notebook", …
    before: str  # "" where there was none
    after: str


def lineage(entries: Iterable[Entry]) -> Lineage:
    """The lineage that entries tell of, in their order."""
    nodes: dict[str, Node] = {}
    edges: list[Edge] = []
    for entry in entries:
        for one in told_by(entry):
            if not isinstance(one, Link):
                nodes[one.id] = merged(nodes.get(one.id), one)
            elif one.sure or one.edge.upper in nodes:
                edges.append(one.edge)
    return Lineage(nodes, edges)


def differences(found: Lineage, before: str, after: str) -> list[Difference]:
    """What is not the same upstream of two versions.

    Args:
        found: A lineage with both.
        before: "lending/2".
        after: "lending/3".

    >>> nothing = Lineage({"version:a/1": Node("version", "a/1"), "version:a/2": Node("version", "a/2")}, [])
    >>> differences(nothing, "a/1", "a/2")
    []
    """
    one, other = (dict(_traits(found, f"version:{subject}")) for subject in (before, after))
    names = [*one, *(name for name in other if name not in one)]
    return [
        Difference(name, one.get(name, ""), other.get(name, "")) for name in names if one.get(name) != other.get(name)
    ]


def _traits(found: Lineage, version: str) -> Iterator[tuple[str, str]]:
    """What stands upstream of a version, each under a name that another version's stands under too."""
    facts = found.nodes[version].facts
    if "threshold" in facts:
        yield "threshold", str(facts["threshold"])
    runs = [found.nodes[edge.upper] for edge in found.near(version, "up") if edge.upper.startswith("run:")]
    for run in runs:
        for name, value in sorted(run.facts.get("parameters", {}).items()):
            yield f"parameter {name}", str(value)
        for edge in found.near(run.id, "up"):
            upper = found.nodes[edge.upper]
            if upper.kind == "data":
                title = ", ".join(upper.facts.get("names", ())) or "training data"
                yield f"data {title}", upper.name
                md5 = upper.facts.get("dvc", {}).get("md5")
                if md5:
                    yield f"data {title}, DVC md5", md5
            elif upper.kind == "feature set" and "feast" in upper.facts:
                yield f"feature view {upper.name}", str(upper.facts["digest"])
            elif upper.kind == "feature set":
                yield "feature set", f"{upper.name} {upper.facts.get('digest', '')}".strip()
            else:
                yield upper.kind, upper.name
