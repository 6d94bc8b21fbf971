"""The guard in the registry's own database, as the ledger knows it: installed, looked after, taken away.

The ledger says whether there is to be a guard and what it says (its digest). The entry comes first, and owes
the registry the rest in the same transaction: whoever is killed in between leaves an effect that the next
opening pays. At every opening the guard is looked at; what a migration has dropped, or somebody has taken
away or granted by hand, is put right, and an entry `guard.restored` says so before it is.

Two things are left as they are. A model that another ledger moves (see `engines.mlflow_claims`) is that
ledger's, even where this one has heads of it from before. And where MLflow has come further with a slot than
this ledger, this may be an older copy of the ledger: what the newer one allowed is neither taken out nor
written over, and nothing older is allowed beside it; that it is so is said at every opening, and written
nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from workbench.ledger import Effect, Entry, Ledger, Writer
from workbench.ledger.effects import ALIAS
from workbench.promotion.stages import SLOTS

INSTALLED, RESTORED, REMOVED = "guard.installed", "guard.restored", "guard.removed"
SUBJECT = "registry"
OWNER = 16  # hex digits of the hash of a ledger's first entry by which the registry knows it
GUARD = "mlflow-guard"  # target of the effect that each of the three owes

Granted = tuple[str, str, int | None, int]  # model, slot, version (None: nobody), generation


class Marks(NamedTuple):
    """What the registry itself says of its models, beside its guard."""

    owners: Mapping[str, str]  # by model, the ledger that moves it: the beginning of its first entry's hash, hex
    reached: Mapping[tuple[str, str], int]  # by model and slot, the newest generation that set or cleared it


class Lost(NamedTuple):
    """What of a guard is not as the ledger says."""

    installed: bool  # whether anything stands of it
    missing: list[str]  # rules, by name
    untrue: list[Granted]  # what it takes for granted that the ledger never did
    unknown: list[Granted]  # what the ledger granted, and it does not know

    def __str__(self) -> str:
        lost = [f"had lost {', '.join(self.missing)}" if self.installed else "had lost all of it"]
        told = [
            *(lost if self.missing or not self.installed else ()),
            *([f"granted what the ledger never did ({_named(self.untrue)})"] if self.untrue else ()),
            *([f"did not know what the ledger granted ({_named(self.unknown)})"] if self.unknown else ()),
        ]
        return f"the guard in MLflow's database {' and '.join(told)}; it is whole again"


class RegistryGuard(Protocol):
    """What stands in the registry's database."""

    @property
    def digest(self) -> str:
        """SHA-256 over what it says, hex."""
        ...

    def status(self) -> tuple[bool, list[str]]:
        """Whether it was installed, and what of it is missing or was changed."""
        ...

    def install(self, granted: Sequence[Granted]) -> None:
        """Make it, or put back what is missing; all or nothing."""
        ...

    def noted(self) -> Sequence[Granted]:
        """What it takes for granted."""
        ...

    def forget(self, model: str, alias: str, generation: int) -> None:
        """Take one grant out of it."""
        ...

    def marks(self) -> Marks:
        """What the registry says of whose its models are, and of how far their slots have come."""
        ...

    def remove(self) -> bool:
        """Take it away, all or nothing; whether there was any."""
        ...


def wanted(ledger: Ledger) -> Entry | None:
    """The entry by which there is to be a guard; None where there is to be none."""
    newest = _newest(ledger)
    return newest if newest is not None and newest.kind == INSTALLED else None


def install(ledger: Ledger, guard: RegistryGuard, *, actor: str, why: str, now: datetime) -> Entry:
    """Install the guard, and note it with its digest.

    Raises:
        Misuse: The registry's database cannot be reached directly; nothing was noted.
        EngineError: It refuses; the next opening of the registry tries again.
    """
    guard.status()  # it can be reached
    with ledger.transaction() as writer:
        body = {"digest": guard.digest}
        entry = writer.append(INSTALLED, subject=SUBJECT, actor=actor, why=why, body=body, now=now)
        _owe(ledger, writer, entry)
    _settle(ledger, guard)
    return entry


def remove(ledger: Ledger, guard: RegistryGuard, *, actor: str, why: str, now: datetime) -> Entry:
    """Take the guard away, and note it; the entry comes first, so that no opening puts it back meanwhile.

    Raises:
        Misuse: The registry's database cannot be reached directly; nothing was noted.
        EngineError: It refuses; the next opening of the registry tries again.
    """
    guard.status()
    with ledger.transaction() as writer:
        entry = writer.append(REMOVED, subject=SUBJECT, actor=actor, why=why, body={}, now=now)
        _owe(ledger, writer, entry)
    _settle(ledger, guard)
    return entry


def look_after(ledger: Ledger, guard: RegistryGuard, *, now: datetime) -> str | None:
    """Finish what was cut off, put back what is missing of a guard that is to be there; a sentence where any was.

    Raises:
        EngineError: The registry's database refuses.
    """
    told = [_mended(ledger, guard, now)]
    if wanted(ledger) is not None and (left := further(ledger, guard)):
        told.append(older(left))
    return "; ".join(sentence for sentence in told if sentence) or None


def _mended(ledger: Ledger, guard: RegistryGuard, now: datetime) -> str | None:
    owed = owed_to(ledger)
    if wanted(ledger) is not None and not owed:
        lost = looked_at(ledger, guard)
        if lost is None or not _noted(ledger, guard, lost, now):
            return None
        _settle(ledger, guard)
        return str(lost)
    if not owed:
        return None
    _settle(ledger, guard)
    done = "gone" if wanted(ledger) is None else "whole"
    return f"the guard in MLflow's database was left half done at entry {owed[-1].seq}; it is {done} now"


def owed_to(ledger: Ledger) -> list[Effect]:
    """What the registry's database is still owed of the guard, oldest first."""
    return [effect for effect in ledger.owed() if effect.target == GUARD]


def _owe(ledger: Ledger, writer: Writer, entry: Entry) -> None:
    for superseded in owed_to(ledger):
        writer.settle(superseded.id)
    writer.owe(GUARD, {}, entry=entry)


def _settle(ledger: Ledger, guard: RegistryGuard) -> None:
    """Let the guard be what the newest entry says, and note that it is."""
    while True:
        owed, newest = owed_to(ledger), _newest(ledger)
        if newest is None or newest.kind == REMOVED:
            guard.remove()
        else:
            installed, _ = guard.status()
            for model, slot, _, generation in never_given(ledger, guard) if installed else []:
                guard.forget(model, slot, generation)
            guard.install(_ours(ledger, guard)[1])
        with ledger.transaction() as writer:
            if _newest(ledger) == newest:  # otherwise another process wanted something else meanwhile
                for effect in owed:
                    writer.settle(effect.id)
                return


def _newest(ledger: Ledger) -> Entry | None:
    newest = ledger.entries(subject=SUBJECT, kind=(INSTALLED, REMOVED), newest_first=True, limit=1)
    return newest[0] if newest else None


def looked_at(ledger: Ledger, guard: RegistryGuard) -> Lost | None:
    """What of the guard is not as the ledger says; None: it is whole."""
    installed, missing = guard.status()
    untrue, unknown = (never_given(ledger, guard), not_noted(ledger, guard)) if installed else ([], [])
    whole = installed and not (missing or untrue or unknown)
    return None if whole else Lost(installed, missing, untrue, unknown)


def _noted(ledger: Ledger, guard: RegistryGuard, lost: Lost, now: datetime) -> bool:
    """Note what was lost, and owe it; False where another process does so at this moment."""
    why = str(lost)
    untrue, unknown = ([list(grant) for grant in grants] for grants in (lost.untrue, lost.unknown))
    body = {"missing": lost.missing, "untrue": untrue, "unknown": unknown, "digest": guard.digest}
    with ledger.transaction() as writer:
        if owed_to(ledger) or wanted(ledger) is None:
            return False
        entry = writer.append(RESTORED, subject=SUBJECT, actor="workbench", why=why, body=body, now=now)
        _owe(ledger, writer, entry)
    return True


def never_given(ledger: Ledger, guard: RegistryGuard) -> list[Granted]:
    """What the guard takes for granted that the ledger never did, of the models that the ledger moves."""
    noted = guard.noted()  # read before the ledger: whatever was noted by then is in the ledger by now
    marks, grants = _ours(ledger, guard)
    held = {(model, slot): (version, generation) for model, slot, version, generation in grants}
    heads = ledger.heads(cleared=True)
    models = {head.model for head in heads} - _elsewhere(ledger, marks)
    doubted = {(head.model, head.slot): (None, head.generation) for head in ledger.doubts(heads)}
    untrue = []
    for model, slot, version, generation in noted:
        holder, newest = held.get((model, slot)) or doubted.get((model, slot), (None, 0))
        known = model in models and not _is_further(ledger, marks, model, slot)
        if known and (generation > newest or (generation == newest and version != holder)):
            untrue.append((model, slot, version, generation))
    return untrue


def not_noted(ledger: Ledger, guard: RegistryGuard) -> list[Granted]:
    """What the ledger granted and the guard does not know, or only an older generation of; what is owed still comes."""
    _, held = _ours(ledger, guard)
    owed = {(e.payload.get("model"), e.payload.get("alias")) for e in ledger.owed() if e.target == ALIAS}
    noted = {(model, slot): generation for model, slot, _, generation in guard.noted()}
    # read last: what is owed no more was noted before
    return [grant for grant in held if grant[:2] not in owed and noted.get(grant[:2], 0) < grant[3]]


def further(ledger: Ledger, guard: RegistryGuard) -> list[tuple[str, str, int]]:
    """Where the registry has come further than this ledger: model, slot, and the generation that it has seen."""
    marks = guard.marks()  # before the ledger: a mark is made after its entry
    models = {head.model for head in ledger.heads(cleared=True)} - _elsewhere(ledger, marks)
    return [
        (model, slot, generation)
        for (model, slot), generation in sorted(marks.reached.items())
        if model in models and slot in SLOTS and _is_further(ledger, marks, model, slot)
    ]


def older(left: Sequence[tuple[str, str, int]]) -> str:
    """That what the guard allows was left as it is, because this may be an older copy of the ledger."""
    slots = ", ".join(f"{slot} of {model} at generation {generation}" for model, slot, generation in left)
    return (
        f"MLflow has come further than this ledger ({slots}): what its guard allows there was left as it is "
        "(workbench reconcile tells what to do)"
    )


def _ours(ledger: Ledger, guard: RegistryGuard) -> tuple[Marks, list[Granted]]:
    """What the registry says of its models, and what this ledger may have the guard allow by it."""
    marks = guard.marks()  # before the ledger: a mark is made after its entry
    elsewhere = _elsewhere(ledger, marks)
    return marks, [
        grant for grant in granted(ledger) if grant[0] not in elsewhere and marks.reached.get(grant[:2], 0) <= grant[3]
    ]


def _elsewhere(ledger: Ledger, marks: Marks) -> set[str]:
    """The models that another ledger moves."""
    first = ledger.entries(limit=1)
    mine = first[0].hash[:OWNER] if first else ""
    return {model for model, owner in marks.owners.items() if owner != mine}


def _is_further(ledger: Ledger, marks: Marks, model: str, slot: str) -> bool:
    head = ledger.head(model, slot)
    return marks.reached.get((model, slot), 0) > (head.generation if head else 0)


def _named(grants: Sequence[Granted]) -> str:
    return ", ".join(f"{model} {version or 'nobody'} as {slot}" for model, slot, version, _ in grants)


def granted(ledger: Ledger) -> list[Granted]:
    """Who holds which slot, cleared ones too; a head that is doubted grants nothing."""
    heads = ledger.heads(cleared=True)
    doubts = ledger.doubts(heads)
    return [(head.model, head.slot, head.version, head.generation) for head in heads if head not in doubts]
