"""What a change of policy would do to every version in the registry, before it is merged.

Each version is judged by the old policy and by the new one, on the evidence and the clock of the same moment;
where what differs between the two comes to the same for it, neither has to be asked in full.

>>> Change("lending", 3, True, "allow", "deny", ("F1 is 0.81, less than 0.85",)).kind
'blocks'
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from workbench.evidence import as_input, dossiers
from workbench.ledger import Ledger
from workbench.policy.apart import apart
from workbench.policy.deciding import Engine
from workbench.policy.decision import Outcome
from workbench.policy.jointly import decide_both
from workbench.policy.source import Policy

Kind = Literal["blocks", "lets pass", "asks people about", "other reasons", "same"]
STEP = 1000  # versions between two words of how far it is
CHAMPION = "champion"


@dataclass(frozen=True)
class Question:
    """A version, and what a policy is told of it."""

    model: str
    version: int
    serving: bool  # whether it holds a slot now
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """What the two policies say of one version."""

    model: str
    version: int
    serving: bool
    before: Outcome
    after: Outcome
    reasons: tuple[str, ...]  # of the new policy

    @property
    def kind(self) -> Kind:
        """What the new policy does to the version."""
        if self.before == self.after:
            return "same"
        done: dict[Outcome, Kind] = {"deny": "blocks", "allow": "lets pass", "needs-people": "asks people about"}
        return done[self.after]


@dataclass(frozen=True)
class Difference:
    """What a change of policy does."""

    versions: int
    changes: tuple[Change, ...]  # those whose outcome differs, serving ones first

    @property
    def counts(self) -> dict[str, int]:
        """How many versions of each kind; "blocks serving" counts those in use."""
        found = Counter[str](change.kind for change in self.changes)
        found.update(f"{change.kind} serving" for change in self.changes if change.serving)
        return dict(found)

    @property
    def sentence(self) -> str:
        """The difference in words."""
        if not self.changes:
            return f"It changes nothing for {self.versions} version{'s' * (self.versions != 1)}."
        told = []
        for kind in ("blocks", "lets pass", "asks people about"):
            all_, serving = self.counts.get(kind, 0), self.counts.get(f"{kind} serving", 0)
            if all_:
                told.append(f"{kind} {all_} more" + (f", {serving} of them serving now" if serving else ""))
        return f"Of {self.versions} versions it {'; it '.join(told)}."


def questions(
    ledger: Ledger,
    *,
    now: datetime,
    model: str | None = None,
    actor: str = "",
    why: str = "",
    stakes: Mapping[str, str] | None = None,
) -> list[Question]:
    """Every version with what the promotion policy would be told of it now; the ledger is read once.

    Args:
        ledger: Where the versions, their evidence and their places are read.
        now: The time of the question, aware.
        model: Only versions of this model.
        actor: Who asks.
        why: The reason given.
        stakes: "high" or "normal" by model, as declared; a model that is not named has normal ones.
    """
    known = dossiers(ledger, model)
    holders = {(head.model, head.version) for head in ledger.heads()}
    champions = {head.model: head.version for head in ledger.heads() if head.slot == CHAMPION}
    kinds = ("promotion.granted", "rollback.granted")
    past = {entry.subject for entry in ledger.entries(kind=kinds)}
    found = []
    for (name, number), dossier in known.items():
        champion = champions.get(name)
        document = as_input(
            dossier,
            action="promote",
            champion=None if champion is None else known.get((name, champion)),
            was_champion=dossier.version.subject in past,
            now=now,
            actor=actor,
            why=why,
            stakes=(stakes or {}).get(name, "normal"),
        )
        found.append(Question(name, number, (name, number) in holders, document))
    return found


def differ(
    engine: Engine,
    old: Policy,
    new: Policy,
    asked: Sequence[Question],
    told: Callable[[int], None] = lambda _: None,
) -> Difference:
    """What the new policy says otherwise than the old one.

    Args:
        engine: What evaluates Rego.
        old: The policy in force.
        new: The policy that is to be.
        asked: Every version with its input.
        told: Called with how many versions were judged so far.
    """
    changes = []
    known = apart(engine, old, new, [question.document for question in asked])
    for start in range(0, len(asked), STEP):
        some = asked[start : start + STEP]
        open_ = [(question, said) for question, said in zip(some, known, strict=False) if said is not None]
        documents = [question.document for question, _ in open_]
        decisions = decide_both(engine, old, new, documents, [said for _, said in open_])
        for (question, _), (before, after) in zip(open_, decisions, strict=True):
            if before.decision != after.decision:
                reasons = tuple(reason.message for reason in after.reasons)
                where = question.model, question.version, question.serving
                changes.append(Change(*where, before.decision, after.decision, reasons))
        told(start + len(some))
    changes.sort(key=lambda change: (not change.serving, change.kind, change.model, change.version))
    return Difference(len(asked), tuple(changes))
