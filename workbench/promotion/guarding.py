"""The guard in the registry's own database, as the ledger knows it: installed, looked after, taken away.

The ledger says whether there is to be a guard and what it says (its digest). The entry comes first, and owes
the registry the rest in the same transaction: whoever is killed in between leaves an effect that the next
opening pays. At every opening the guard is looked at; what a migration has dropped, or somebody has taken
away, is put back, and an entry `guard.restored` says so before it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from workbench.ledger import Effect, Entry, Ledger, Writer

INSTALLED, RESTORED, REMOVED = "guard.installed", "guard.restored", "guard.removed"
SUBJECT = "registry"
GUARD = "mlflow-guard"  # target of the effect that each of the three owes

Granted = tuple[str, str, int | None, int]  # model, slot, version (None: nobody), generation


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
    """Finish what was cut off, put back what is missing of a guard that is to be there; a sentence where either was.

    Raises:
        EngineError: The registry's database refuses.
    """
    owed = owed_to(ledger)
    if wanted(ledger) is not None and not owed:
        lost = _lost(ledger, guard)
        if lost is None or not _noted(ledger, guard, *lost, now):
            return None
        _settle(ledger, guard)
        return _restored(*lost)
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
            guard.install(granted(ledger))
        with ledger.transaction() as writer:
            if _newest(ledger) == newest:  # otherwise another process wanted something else meanwhile
                for effect in owed:
                    writer.settle(effect.id)
                return


def _newest(ledger: Ledger) -> Entry | None:
    newest = ledger.entries(subject=SUBJECT, kind=(INSTALLED, REMOVED), newest_first=True, limit=1)
    return newest[0] if newest else None


def _lost(ledger: Ledger, guard: RegistryGuard) -> tuple[bool, list[str], list[Granted]] | None:
    """Whether anything stands of the guard, what of it is missing, and what it grants untruly; None: it is whole."""
    installed, missing = guard.status()
    untrue = never_given(ledger, guard) if installed else []
    return None if installed and not missing and not untrue else (installed, missing, untrue)


def _noted(
    ledger: Ledger, guard: RegistryGuard, installed: bool, missing: list[str], untrue: list[Granted], now: datetime
) -> bool:
    """Note what was lost, and owe it; False where another process does so at this moment."""
    why = _restored(installed, missing, untrue)
    body = {"missing": missing, "untrue": [list(grant) for grant in untrue], "digest": guard.digest}
    with ledger.transaction() as writer:
        if owed_to(ledger) or wanted(ledger) is None:
            return False
        entry = writer.append(RESTORED, subject=SUBJECT, actor="workbench", why=why, body=body, now=now)
        _owe(ledger, writer, entry)
    return True


def _restored(installed: bool, missing: Sequence[str], untrue: Sequence[Granted]) -> str:
    lost = [f"had lost {', '.join(missing)}" if installed else "had lost all of it"] if missing or not installed else []
    return f"the guard in MLflow's database {' and '.join(lost + _told(untrue))}; it is whole again"


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
