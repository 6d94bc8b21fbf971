"""What one entry tells of lineage: the things that it names, and what came of what; pure, an entry at a time.

Rules: nothing is guessed, an edge stands in one entry, whose number it carries. An entry that a newer workbench
wrote, or another hand, tells as far as its fields are known here.

>>> from datetime import UTC, datetime
>>> from workbench.ledger.entry import GENESIS, chained
>>> body = {"name": "train", "notebook_digest": "n1"}
>>> entry = chained(seq=1, at=datetime(2026, 1, 1, tzinfo=UTC), kind="run.finished", subject="run/r1",
...                 actor="analyst", why="", body=body, key=None, prev=GENESIS)
>>> [one.edge.upper if isinstance(one, Link) else one.id for one in told_by(entry)]
['run:r1', 'notebook:n1', 'notebook:n1']
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from workbench.ledger.entry import Entry, digest

Kind = Literal["data", "feature set", "notebook", "environment", "run", "version", "evidence", "approval",
               "decision", "prediction"]  # fmt: skip

DECIDED = (".granted", ".denied")  # how the kind of a decision's entry ends
APPROVED = "approval."  # how the kind of an approval's entry begins
ANSWERED = "answer.decided"  # what became of an answer that was held
TITLE = "names:"  # how a title begins among the traits of a thing
PREDICTION = "prediction/"  # how the subject of whatever is about one begins


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


class Link(NamedTuple):
    """An edge as an entry tells it."""

    edge: Edge
    sure: bool = True  # False: only where something was told of the upper one before


def told_by(entry: Entry) -> list[Node | Link]:
    """The things and the edges that an entry tells of, each thing before its edges; what cannot be read ends it."""
    found: list[Node | Link] = []
    with suppress(KeyError, TypeError, AttributeError, ValueError):  # a body of another form
        for one in _told(entry):
            found.append(one)  # noqa: PERF402 (what came before stays)
    return found


def merged(before: Node | None, told: Node) -> Node:
    """A thing with what is newly known of it: titles gather, all else is told once."""
    if before is None or not traits(told) - traits(before):
        return before or told
    titles = dict.fromkeys([*before.facts.get("names", ()), *told.facts.get("names", ())])
    return Node(told.kind, told.name, {**told.facts, **before.facts, **({"names": [*titles]} if titles else {})})


def traits(node: Node) -> set[str]:
    """What is known of a thing, without what it is: whoever tells nothing beyond it changes nothing.

    >>> sorted(traits(Node("data", "d1", {"names": ["loans"], "rows": 9})))
    ['names:loans', 'rows']
    """
    titles = {f"{TITLE}{title}" for title in node.facts.get("names", ())}
    return titles | {fact for fact in node.facts if fact != "names"}


def _told(entry: Entry) -> Iterator[Node | Link]:
    if entry.kind == "run.finished":
        yield from _run(entry)
    elif entry.kind == "version.registered":
        yield from _version(entry)
    elif entry.kind == "evidence.recorded":
        yield from _evidence(entry)
    elif entry.kind.startswith(APPROVED):
        yield from _approval(entry)
    elif entry.kind == ANSWERED:
        yield from _answered(entry)
    elif entry.kind.endswith(DECIDED) and isinstance(entry.body.get("decision"), Mapping):
        yield from _decision(entry)


def _run(entry: Entry) -> Iterator[Node | Link]:
    body = entry.body
    known = ("name", "parameters", "sentence", "folder", "lane", "content", "design", "reproduces")
    run = _own("run", entry.subject.removeprefix("run/"), {k: body[k] for k in known if body.get(k)}, entry)
    yield run
    for data in body.get("data", ()):
        yield from _joined(_data(data["digest"], data["name"], {"rows": data.get("rows")}), run, "read", entry)
    for source in body.get("sources", ()):
        facts = {k: source[k] for k in ("dvc", "feast", "path") if k in source}
        file = _data(source["digest"], source["path"], facts)
        yield from _joined(file, run, "read", entry)
        for view in source.get("feast", ()):
            facts = {"digest": view["digest"], "feast": dict(view)}
            drawn = Node("feature set", f"{view['project']}.{view['view']}", facts)
            yield drawn
            yield Link(Edge(file.id, drawn.id, "drawn from", entry.seq))
            yield Link(Edge(drawn.id, run.id, "read", entry.seq))
    if body.get("notebook_digest"):
        names = {"names": [str(body["name"])]} if body.get("name") else {}
        yield from _joined(Node("notebook", str(body["notebook_digest"]), names), run, "executed", entry)
    if body.get("environment"):
        yield from _joined(Node("environment", str(body["environment"])), run, "ran in", entry)


def _version(entry: Entry) -> Iterator[Node | Link]:
    body = entry.body
    known = ("model_digest", "source", "threshold", "metrics", "parameters", "registered_by", "mlflow", "run_id")
    version = _own("version", entry.subject, {k: body[k] for k in known if k in body}, entry)
    yield version
    run = Node("run", str(body["run_id"]))
    yield from _joined(run, version, "trained in", entry)
    if body.get("data_digest"):
        yield from _joined(_data(body["data_digest"]), run, "trained on", entry)
    if body.get("feature_set"):
        facts = {"digest": body["feature_set_digest"]} if body.get("feature_set_digest") else {}
        yield from _joined(Node("feature set", str(body["feature_set"]), facts), run, "read", entry)


def _evidence(entry: Entry) -> Iterator[Node | Link]:
    body = entry.body
    bare = {k: v for k, v in body.items() if k != "digest"}
    facts = {k: body[k] for k in ("kind", "verdict", "sentence", "subject", "at") if k in body}
    node = _own("evidence", str(body.get("digest") or digest(bare)), facts, entry)
    yield node
    yield from _about(node, entry)
    if body.get("run_id"):
        yield from _joined(Node("run", str(body["run_id"])), node, "found by", entry)
    if body.get("data_digest"):
        yield from _joined(_data(body["data_digest"]), node, "looked at", entry)


def _approval(entry: Entry) -> Iterator[Node | Link]:
    facts = {"subject": entry.subject, "actor": entry.actor, "why": entry.why, "what": entry.kind}
    node = _own("approval", str(entry.seq), facts, entry)
    yield node
    if entry.subject.startswith(PREDICTION):
        asked = entry.body.get("question", {}).get("particulars", {})
        yield from _joined(_held(entry.subject, asked), node, "about", entry)
    yield from _about(node, entry)


def _answered(entry: Entry) -> Iterator[Node | Link]:
    """What people, or the time, made of an answer that was held."""
    body = entry.body
    facts = {
        "what": entry.kind, "subject": entry.subject, "actor": entry.actor, "why": entry.why,
        "decision": body["told"], "by": body["by"], "score": body["score"], "answer": body["answer"],
    }  # fmt: skip
    node = _own("decision", str(entry.seq), facts, entry)
    yield node
    yield from _joined(_held(entry.subject, body), node, "decided", entry)
    for seq in body.get("approvals", ()):
        yield Link(Edge(f"approval:{seq}", node.id, "approved by", entry.seq), sure=False)


def _decision(entry: Entry) -> Iterator[Node | Link]:
    body, said = entry.body, entry.body["decision"]
    facts = {
        "what": entry.kind, "subject": entry.subject, "actor": entry.actor, "why": entry.why,
        "decision": said.get("decision"), "policy": said.get("policy"), "policy_digest": said.get("policy_digest"),
        "generation": body.get("generation"), "slot": body.get("slot"),
    }  # fmt: skip
    node = _own("decision", str(entry.seq), facts, entry)
    yield node
    yield from _about(node, entry)
    for name in body.get("evidence", ()):
        yield Link(Edge(f"evidence:{name}", node.id, "judged", entry.seq), sure=False)
    for given in body.get("approvals", ()):
        seq = given.get("seq", given.get("entry")) if isinstance(given, Mapping) else given
        yield Link(Edge(f"approval:{seq}", node.id, "approved by", entry.seq), sure=False)


def _own(kind: Kind, name: str, facts: Mapping[str, Any], entry: Entry) -> Node:
    """The thing that an entry is the record of."""
    return Node(kind, name, {"entry": entry.seq, "at": entry.at.isoformat(), **facts})


def _data(name: Any, title: str = "", facts: Mapping[str, Any] | None = None) -> Node:
    titles = {"names": [str(title)]} if title else {}
    return Node("data", str(name), {**{k: v for k, v in (facts or {}).items() if v is not None}, **titles})


def _held(subject: str, told: Mapping[str, Any]) -> Node:
    """The prediction that an entry is about, of which the ledger knows no more than what was asked."""
    known = ("model", "version", "generation", "input_digest")
    return Node("prediction", subject.removeprefix(PREDICTION), {name: told[name] for name in known if name in told})


def _about(lower: Node, entry: Entry) -> Iterator[Link]:
    yield Link(Edge(f"version:{entry.subject}", lower.id, "about", entry.seq), sure=False)


def _joined(upper: Node, lower: Node, words: str, entry: Entry) -> Iterator[Node | Link]:
    yield upper
    yield Link(Edge(upper.id, lower.id, words, entry.seq))
