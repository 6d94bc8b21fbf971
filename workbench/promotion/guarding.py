"""The guard in the registry's own database, as the ledger knows it: installed, looked after, taken away.

The ledger says whether there is to be a guard and what it says (its digest). At every opening of the
registry it is looked at; what a migration has dropped, or somebody has taken away, is put back, and an
entry `guard.restored` says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from workbench.ledger import Entry, Ledger

INSTALLED, RESTORED, REMOVED = "guard.installed", "guard.restored", "guard.removed"
SUBJECT = "registry"

Granted = tuple[str, str, int | None, int]  # model, slot, version (None: nobody), generation


class RegistryGuard(Protocol):
    """What stands in the registry's database."""

    def status(self) -> tuple[bool, list[str]]:
        """Whether it was installed, and what of it is missing or was changed."""
        ...

    def install(self, granted: Sequence[Granted]) -> str:
        """Make it, or put back what is missing; the digest of what it says."""
        ...

    def noted(self) -> Sequence[Granted]:
        """What it takes for granted."""
        ...

    def forget(self, model: str, alias: str, generation: int) -> None:
        """Take one grant out of it."""
        ...

    def remove(self) -> bool:
        """Take it away; whether there was any."""
        ...


def wanted(ledger: Ledger) -> Entry | None:
    """The entry by which there is to be a guard; None where there is to be none."""
    newest = ledger.entries(subject=SUBJECT, kind=(INSTALLED, REMOVED), newest_first=True, limit=1)
    return newest[0] if newest and newest[0].kind == INSTALLED else None


def install(ledger: Ledger, guard: RegistryGuard, *, actor: str, why: str, now: datetime) -> Entry:
    """Install the guard, and note it with its digest.

    Raises:
        Misuse: The registry's database cannot be reached directly.
        EngineError: It refuses.
    """
    digest = guard.install(granted(ledger))
    return ledger.append(INSTALLED, subject=SUBJECT, actor=actor, why=why, body={"digest": digest}, now=now)


def remove(ledger: Ledger, guard: RegistryGuard, *, actor: str, why: str, now: datetime) -> Entry:
    """Take the guard away, and note it; the entry comes first, so that no opening puts it back meanwhile."""
    entry = ledger.append(REMOVED, subject=SUBJECT, actor=actor, why=why, body={}, now=now)
    guard.remove()
    return entry


def look_after(ledger: Ledger, guard: RegistryGuard, *, now: datetime) -> str | None:
    """Put back what is missing of a guard that is to be there; a sentence where something was.

    Raises:
        EngineError: The registry's database refuses.
    """
    if wanted(ledger) is None:
        return None
    installed, missing = guard.status()
    untrue = never_given(ledger, guard) if installed else []
    if installed and not missing and not untrue:
        return None
    for model, slot, _, generation in untrue:
        guard.forget(model, slot, generation)
    digest = guard.install(granted(ledger))
    lost = [f"had lost {', '.join(missing)}" if installed else "had lost all of it"] if missing or not installed else []
    sentence = f"the guard in MLflow's database {' and '.join(lost + _told(untrue))}; it is whole again"
    body = {"missing": missing, "untrue": [list(grant) for grant in untrue], "digest": digest}
    ledger.append(RESTORED, subject=SUBJECT, actor="workbench", why=sentence, body=body, now=now)
    return sentence


def never_given(ledger: Ledger, guard: RegistryGuard) -> list[Granted]:
    """What the guard takes for granted that the ledger never did, of the models that the ledger moves."""
    noted = guard.noted()  # read before the ledger: whatever was noted by then is in the ledger by now
    held = {(model, slot): (version, generation) for model, slot, version, generation in granted(ledger)}
    models = {model for model, _ in held}
    untrue = []
    for model, slot, version, generation in noted:
        holder, newest = held.get((model, slot), (None, 0))
        if model in models and (generation > newest or (generation == newest and version != holder)):
            untrue.append((model, slot, version, generation))
    return untrue


def _told(untrue: Sequence[Granted]) -> list[str]:
    told = ", ".join(f"{model} {version} as {slot}" for model, slot, version, _ in untrue)
    return [f"granted what the ledger never did ({told})"] if untrue else []


def granted(ledger: Ledger) -> list[Granted]:
    """Who holds which slot, cleared ones too."""
    return [(head.model, head.slot, head.version, head.generation) for head in ledger.heads(cleared=True)]
