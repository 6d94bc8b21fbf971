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

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.ledger.entry import Entry, digest
from workbench.ledger.heads import SLOT
from workbench.ledger.reading import Reading

Kind = Literal["data", "feature set", "notebook", "environment", "run", "version", "evidence", "approval",
               "decision", "prediction"]  # fmt: skip
Way = Literal["up", "down"]

READ = ("run.finished", "version.registered", "evidence.recorded")  # and what decides or approves
DECIDED = (".granted", ".denied")  # how the kind of a decision's entry ends
APPROVED = "approval."  # how the kind of an approval's entry begins
ANSWERED = "answer.decided"  # what became of an answer that was held
PREDICTION = "prediction/"  # how the subject of whatever is about one begins
SHORTEST = 6  # characters of a digest that name it, where no other begins so


@dataclass(frozen=True)
class Node:
    """One thing that something came of, or that came of something."""

    kind: Kind
    name: str  # a digest, "lending/2", a run's id, an entry's number
    facts: Mapping[str, Any] = field(default_factory=dict)  # what is known of it, plain JSON

    @property
    def id(self) -> str:
        """Its name among all nodes: "version:lending/2"."""
        return f"{self.kind}:{self.name}"

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"id": self.id, "kind": self.kind, "name": self.name, "facts": dict(self.facts)}


@dataclass(frozen=True)
class Edge:
    """That one thing came of another."""

    upper: str  # id of what was there before
    lower: str  # id of what was made of it
    words: str  # how, as said of the lower one: "read", "trained in", "judged"
    seq: int  # the entry that says so; 0 where the prediction log does


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
        found: dict[str, Node] = {node: self.nodes[node]}
        edges: dict[Edge, None] = {}
        for way in ways:
            seen, todo = {node}, [node]
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
    story = _Story()
    for entry in entries:
        story.tell(entry)
    return Lineage(story.nodes, story.edges)


def entries_about(ledger: Reading, model: str) -> list[Entry]:
    """The entries about a model's versions and the runs that they name, in their order; found by the ledger's indexes.

    What runs for other models told of the same data is left out.
    """
    about = ledger.entries(prefix=f"{model}/")
    runs = dict.fromkeys(str(entry.body["run_id"]) for entry in about if entry.body.get("run_id"))
    about += [entry for run in runs for entry in ledger.entries(subject=f"run/{run}", kind="run.finished")]
    return sorted(about, key=lambda entry: entry.seq)


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


class _Story:
    """What has been told so far."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def tell(self, entry: Entry) -> None:
        """Go on by one entry."""
        if entry.kind == "run.finished":
            self._run(entry)
        elif entry.kind == "version.registered":
            self._version(entry)
        elif entry.kind == "evidence.recorded":
            self._evidence(entry)
        elif entry.kind.startswith(APPROVED):
            self._approval(entry)
        elif entry.kind == ANSWERED:
            self._answered(entry)
        elif entry.kind.endswith(DECIDED) and isinstance(entry.body.get("decision"), Mapping):
            self._decision(entry)

    def _run(self, entry: Entry) -> None:
        body = entry.body
        known = ("name", "parameters", "sentence", "folder", "lane", "content", "design", "reproduces")
        run = self._node("run", entry.subject.removeprefix("run/"), {k: body[k] for k in known if body.get(k)}, entry)
        for data in body.get("data", ()):
            self._join(self._data(data["digest"], data["name"], {"rows": data.get("rows")}), run, "read", entry)
        for source in body.get("sources", ()):
            facts = {k: source[k] for k in ("dvc", "feast", "path") if k in source}
            self._join(self._data(source["digest"], source["path"], facts), run, "read", entry)
            for view in source.get("feast", ()):
                title = f"{view['project']}.{view['view']}"
                node = self._node("feature set", title, {"digest": view["digest"], "feast": dict(view)})
                self._join(self._data(source["digest"], source["path"], {}), node, "drawn from", entry)
                self._join(node, run, "read", entry)
        if body.get("notebook_digest"):
            names = {"names": [body["name"]]} if body.get("name") else {}
            self._join(self._node("notebook", body["notebook_digest"], names), run, "executed", entry)
        if body.get("environment"):
            self._join(self._node("environment", body["environment"], {}), run, "ran in", entry)

    def _version(self, entry: Entry) -> None:
        body = entry.body
        known = ("model_digest", "source", "threshold", "metrics", "parameters", "registered_by", "mlflow", "run_id")
        version = self._node("version", entry.subject, {k: body[k] for k in known if k in body}, entry)
        run = self._node("run", body["run_id"], {})
        self._join(run, version, "trained in", entry)
        if body.get("data_digest"):
            self._join(self._data(body["data_digest"], "", {}), run, "trained on", entry)
        if body.get("feature_set"):
            facts = {"digest": body["feature_set_digest"]} if body.get("feature_set_digest") else {}
            self._join(self._node("feature set", body["feature_set"], facts), run, "read", entry)

    def _evidence(self, entry: Entry) -> None:
        body = entry.body
        bare = {k: v for k, v in body.items() if k != "digest"}
        facts = {k: body[k] for k in ("kind", "verdict", "sentence", "subject", "at") if k in body}
        node = self._node("evidence", str(body.get("digest") or digest(bare)), facts, entry)
        if f"version:{entry.subject}" in self.nodes:
            self._join(self.nodes[f"version:{entry.subject}"], node, "about", entry)
        if body.get("run_id"):
            self._join(self._node("run", body["run_id"], {}), node, "found by", entry)
        if body.get("data_digest"):
            self._join(self._data(body["data_digest"], "", {}), node, "looked at", entry)

    def _approval(self, entry: Entry) -> None:
        facts = {"subject": entry.subject, "actor": entry.actor, "why": entry.why, "what": entry.kind}
        node = self._node("approval", str(entry.seq), facts, entry)
        if entry.subject.startswith(PREDICTION):
            told = self._held(entry.subject, entry.body.get("question", {}).get("particulars", {}))
            self._join(told, node, "about", entry)
        if f"version:{entry.subject}" in self.nodes:
            self._join(self.nodes[f"version:{entry.subject}"], node, "about", entry)

    def _answered(self, entry: Entry) -> None:
        """What people, or the time, made of an answer that was held."""
        body = entry.body
        facts = {
            "what": entry.kind, "subject": entry.subject, "actor": entry.actor, "why": entry.why,
            "decision": body["told"], "by": body["by"], "score": body["score"], "answer": body["answer"],
        }  # fmt: skip
        node = self._node("decision", str(entry.seq), facts, entry)
        self._join(self._held(entry.subject, body), node, "decided", entry)
        for seq in body.get("approvals", ()):
            if f"approval:{seq}" in self.nodes:
                self._join(self.nodes[f"approval:{seq}"], node, "approved by", entry)

    def _held(self, subject: str, told: Mapping[str, Any]) -> Node:
        """The prediction that an entry is about, of which the ledger knows no more than what was asked."""
        known = ("model", "version", "generation", "input_digest")
        facts = {name: told[name] for name in known if name in told}
        return self._node("prediction", subject.removeprefix(PREDICTION), facts)

    def _decision(self, entry: Entry) -> None:
        body, said = entry.body, entry.body["decision"]
        facts = {
            "what": entry.kind, "subject": entry.subject, "actor": entry.actor, "why": entry.why,
            "decision": said.get("decision"), "policy": said.get("policy"), "policy_digest": said.get("policy_digest"),
            "generation": body.get("generation"), "slot": body.get("slot"),
        }  # fmt: skip
        node = self._node("decision", str(entry.seq), facts, entry)
        if f"version:{entry.subject}" in self.nodes:
            self._join(self.nodes[f"version:{entry.subject}"], node, "about", entry)
        for name in body.get("evidence", ()):
            if f"evidence:{name}" in self.nodes:
                self._join(self.nodes[f"evidence:{name}"], node, "judged", entry)
        for given in body.get("approvals", ()):
            seq = given.get("seq", given.get("entry")) if isinstance(given, Mapping) else given
            if f"approval:{seq}" in self.nodes:
                self._join(self.nodes[f"approval:{seq}"], node, "approved by", entry)

    def _data(self, name: str, title: str, facts: Mapping[str, Any]) -> Node:
        titles = {"names": [title]} if title else {}
        return self._node("data", str(name), {**{k: v for k, v in facts.items() if v is not None}, **titles})

    def _node(self, kind: Kind, name: str, facts: Mapping[str, Any], entry: Entry | None = None) -> Node:
        """The node, with what is newly known of it; titles gather, all else is told once."""
        before = self.nodes.get(f"{kind}:{name}")
        if before is not None and entry is None and _adds_nothing(before.facts, facts):
            return before
        told = {"entry": entry.seq, "at": entry.at.isoformat(), **facts} if entry else dict(facts)
        if before is not None:
            titles = [*before.facts.get("names", ()), *told.get("names", ())]
            told |= before.facts
            told |= {"names": list(dict.fromkeys(titles))} if titles else {}
        node = Node(kind, str(name), told)
        self.nodes[node.id] = node
        return node

    def _join(self, upper: Node, lower: Node, words: str, entry: Entry) -> None:
        self.edges.append(Edge(upper.id, lower.id, words, entry.seq))


def _adds_nothing(known: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    names = known.get("names", ())
    return all(all(one in names for one in told[key]) if key == "names" else key in known for key in told)


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
