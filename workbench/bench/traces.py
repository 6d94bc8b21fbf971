"""Where a workspace's things come from and what became of them: the index of lineage and the prediction log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from workbench.errors import Misuse
from workbench.ledger.grounds import GRANTS
from workbench.ledger.lineage import LEAST, SHORTEST, Difference, Lineage, Way, differences
from workbench.ledger.lineage_index import FILE, LineageIndex
from workbench.ledger.telling import DECIDED, Kind, Node

if TYPE_CHECKING:
    from workbench.bench.composition import Bench
    from workbench.serving import Prediction
    from workbench.views.lineage import Sought, Traced
    from workbench.views.outcome import Place

MOST = 1000  # answers of a model that are told, the newest
KNOWN = 5  # things that a refusal names
FEW = 8  # things that are suggested at once
KINDS: dict[str, Sequence[Kind]] = {kind: (kind,) for kind in get_args(Kind)} | {
    "answer": ("prediction",), "entry": ("decision", "approval"),
}  # fmt: skip
OF_A_KIND = re.compile(rf"({'|'.join(KINDS)})\s*[:/ ]\s*(?=\S)", re.IGNORECASE)  # "run 19f5", "data:4f0c"
FOLDER = re.compile(r"\d{8}-\d{6}-[^/]*-([0-9a-f]{8})(/|$)")  # of a run: it ends as the run's id begins


class Traces:
    """The lineage of one workspace; each question reads what it touches."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.index = LineageIndex(bench.root / FILE, bench.ledger)

    def version(self, model: str, version: int) -> Lineage:
        """What a version came of, and what it led to; answers are left out.

        Raises:
            Misuse: It is not registered.
        """
        self._bench.version(model, version)
        node = f"version:{model}/{version}"
        return self._weighed(self.index.around(up=[node], down=[node]))

    def changed(self, model: str, before: int, after: int) -> Sequence[Difference]:
        """What is not the same upstream of two versions.

        Raises:
            Misuse: One of them is not registered.
        """
        subjects = [self._bench.version(model, number).subject for number in (before, after)]
        return differences(self.index.around(up=[f"version:{subject}" for subject in subjects]), *subjects)

    def follow(self, kind: Kind, names: Sequence[str], ways: Sequence[Way]) -> tuple[Lineage, Node]:
        """One thing with what it came of, what became of it, or both, answers included.

        Args:
            kind: What it is.
            names: What it may be called: an id, a recorded name, how its digest begins; the first that is known counts.
            ways: Where to.

        Raises:
            Misuse: None of the names is known, or one is that of several things.
        """
        if kind == "prediction":
            found, node = self._prediction(names[-1], ways)
            return self._weighed(found), node
        about = self._one(kind, names)
        starts = [about, *self._decisions(about.removeprefix("version:"))] if kind == "version" else [about]
        found = self.index.around(up=starts, down=[about] if "down" in ways else [])
        if "down" in ways:
            below = found.around(down=[about]).nodes.values()
            models = {node.name.rpartition("/")[0] for node in below if node.kind == "version"}
            rows = [row for model in sorted(models) for row in self._bench.log.rows(model, limit=MOST)]
            found = found.with_predictions(_answers(rows))
        found = self._weighed(found.part(about, ways))
        return found, found.nodes[about]

    def suggest(self, words: str) -> Sequence[Sought]:
        """What may be meant by whoever has typed so far: the first few runs, data, decisions, answers and the like.

        Versions are left out. Words may begin with the kind of what is meant, or be those of a run's folder.
        """
        from workbench.evidence.tracing import particulars, title
        from workbench.views.lineage import Sought

        said = OF_A_KIND.match(words.strip())
        kinds = KINDS[said[1].lower()] if said else [*get_args(Kind)]
        text = words.strip()[said.end() :] if said else words.strip()
        if folder := FOLDER.search(text):
            text = folder[1]
        if not text:
            return []
        known = self.index.nodes(self.index.suggested(text, [kind for kind in kinds if kind != "version"], FEW))
        answers = self._answers(text) if "prediction" in kinds else ()
        nodes = {node.id: node for node in (*known, *answers)}
        return [
            Sought(
                id_, node.kind, _named(node, title(node)), _known(node, particulars(node)), partial(self._around, node)
            )
            for id_, node in [*nodes.items()][:FEW]
        ]

    def _weighed(self, found: Lineage) -> Lineage:
        """A lineage in which each move that the ledger's key did not seal says so."""
        ledger = self._bench.ledger
        moves = [node for node in found.nodes.values() if node.facts.get("what") in GRANTS]
        entries = ledger.numbered([int(node.name) for node in moves])
        doubts = ledger.unsealed(entries) if entries else {}
        wrong = [(node, doubts[int(node.name)]) for node in moves if int(node.name) in doubts]
        told = {node.id: replace(node, facts={**node.facts, "doubt": doubt}) for node, doubt in wrong}
        return Lineage({**found.nodes, **told}, found.edges) if told else found

    def _answers(self, text: str) -> Iterator[Node]:
        """Answers whose id begins so, or one that a request or a file of the log has under this very name."""
        rows = self._bench.log.beginning(text, FEW) if len(text) >= LEAST else []
        if not rows and len(text) >= SHORTEST:
            one = self._bench.log.find(text)
            rows = [one] if one is not None else self._bench.log.rows(request=text, limit=FEW)
        for told in _answers(rows):
            yield Node("prediction", str(told["id"]), told)

    def _around(self, node: Node) -> Lineage:
        return self.follow(node.kind, [node.name], ["up", "down"])[0]

    def traced(self) -> Sequence[Traced]:
        """Every version, the newest first, with what it came of and what it led to once it is looked at."""
        from workbench.views.lineage import Traced

        champions = {(head.model, head.version) for head in self._bench.ledger.heads() if head.slot == "champion"}
        told: list[Traced] = []
        before: dict[str, int] = {}
        for version in self._bench.ledger.versions():
            name, number = version.model, version.version
            earlier = before.get(name)
            told.append(
                Traced(
                    name,
                    number,
                    (name, number) in champions,
                    version.registered_at,
                    version.registered_by,
                    partial(self.version, name, number),
                    partial(self.changed, name, earlier, number) if earlier is not None else tuple,
                    partial(self._bench.log.answers, name, number),
                    partial(self._run, version.run_id),
                )
            )
            before[name] = number
        return sorted(told, key=lambda one: one.registered_at, reverse=True)

    def _run(self, run_id: str) -> Place | None:
        """Where a run is to be found; None where the ledger does not tell its folder."""
        from workbench.batch.folders import REPORT, runs_folder
        from workbench.bench.forms import place_of

        told = self._bench.ledger.entries(subject=f"run/{run_id}", kind="run.finished", limit=1)
        if not told or not told[0].body.get("folder"):
            return None
        report = runs_folder(self._bench.root) / str(told[0].body["folder"]) / REPORT
        return place_of(report, run_id, self._bench.root, self._bench.environ)

    def _prediction(self, name: str, ways: Sequence[Way]) -> tuple[Lineage, Node]:
        """One answer, by its id or by that of a request of one row; one that is held is in the ledger alone.

        Raises:
            Misuse: Nobody gave it, or it is a request of several.
        """
        from workbench.evidence.tracing import shown

        one = self._bench.log.find(name)
        rows = [one] if one is not None else self._bench.log.rows(request=name)
        if len(rows) > 1:
            told = ", ".join(row.id for row in rows[:KNOWN])
            raise Misuse(f"{name!r} is a request of {len(rows)} answers", hint=f"give the id of one: {told}")
        answered = [row for row in rows if row.version is not None]
        asked = rows[0].id if rows else name
        about = f"prediction:{asked}"
        held = [node.facts for node in self.index.nodes([about])]
        if not answered and not held:
            refused = f" (it was refused with status {rows[0].status})" if rows else ""
            raise Misuse(f"{shown(name)!r} is no answer that a version gave{refused}", hint=self._some_answers())
        subjects = {f"{told['model']}/{told['version']}" for told in [*_answers(answered), *held] if "version" in told}
        starts = [about, *(n for one in sorted(subjects) for n in (f"version:{one}", *self._decisions(one)))]
        found = self.index.around(up=starts, down=[about]).with_predictions(
            _answers(answered) if answered else [{"id": asked, **facts} for facts in held if "version" in facts]
        )
        return found.part(about, ways), found.nodes[about]

    def _decisions(self, subject: str) -> list[str]:
        entries = self._bench.ledger.entries(subject=subject)
        return [f"decision:{entry.seq}" for entry in entries if entry.kind.endswith(DECIDED)]

    def _one(self, kind: Kind, names: Sequence[str]) -> str:
        from workbench.evidence.tracing import shown, title

        for name in names:
            found = self.index.named(kind, name)
            if len(found) == 1:
                return found[0]
            if found:
                told = ", ".join(shown(one.partition(":")[2], 16) for one in found[:KNOWN])
                raise Misuse(f"{name!r} names {len(found)} of them: {told}", hint="give more of its digest or id")
        some = ", ".join(
            f"{node.name} ({title(node)})" if kind == "decision" else title(node)
            for node in self.index.nodes(self.index.some(kind, KNOWN))
        )
        hint = f"known: {shown(some, 300)}" if some else "nothing of this kind is in the ledger yet"
        raise Misuse(f"the ledger knows no {kind} {names[-1]!r}", hint=hint)

    def _some_answers(self) -> str:
        rows = [row.id for row in self._bench.log.rows(limit=KNOWN) if row.version is not None]
        return f"the newest: {', '.join(rows)}" if rows else "no answer is in the prediction log yet: workbench serve"


def _known(node: Node, particulars: str) -> str:
    """What is known of a thing; of an answer who gave it, when, and to which request."""
    from workbench.views.words import moment

    facts = node.facts
    if node.kind != "prediction" or "request" not in facts:
        return particulars
    who = f"given by {facts['model']} {facts['version']}, generation {facts['generation']}"
    return f"{who}, {moment(facts['at'])}, to request {facts['request']}"


def _named(node: Node, title: str) -> str:
    return f"{title}, entry {node.name}" if node.kind in KINDS["entry"] else title


def _answers(rows: Iterable[Prediction]) -> list[Mapping[str, Any]]:
    """Answers as lineage tells them: who gave each and from which input, never the input itself."""
    return [
        {
            "id": row.id, "at": row.at.isoformat(), "model": row.model, "version": row.version, "request": row.request,
            "generation": row.generation, "input_digest": row.input_digest, "score": row.score, "answer": row.answer,
            "names": [row.request], "slot": row.variant, "status": row.status,
        }
        for row in rows if row.version is not None
    ]  # fmt: skip
