"""Reconciling: what the registry is owed is settled, what was changed behind the ledger's back is found and said.

Found are an effect still owed, an alias or its generation moved by hand, a registry that is ahead of the
ledger (an older copy of the ledger was put back), a model whose aliases follow another ledger, a head that no entry
put there under the ledger's seal, a version in use that was deleted from the registry, and model files that are not
those which were registered. The first two are mended; the others only people can mend. Of the last three an entry
`projection.broken` says so, once; a ledger that may be an older copy, or not the one that counts, is not written on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from workbench.ledger import Entry, Head, Ledger
from workbench.ledger.effects import ALIAS
from workbench.promotion.guarding import GUARD
from workbench.promotion.projection import (
    Aliases,
    Difference,
    MovedElsewhereError,
    agrees,
    ahead,
    align,
    elsewhere,
    gone,
    is_ahead,
    owed_for,
    pointed_at,
    unfollowed,
)

Kind = Difference | Literal["forged", "changed", "unsettled", "whole"]

MENDED: frozenset[Kind] = frozenset({"owed", "moved", "whole"})
BROKEN, REPAIRED = "projection.broken", "projection.repaired"


@dataclass(frozen=True)
class Found:
    """One difference between the ledger and the registry, and what became of it."""

    kind: Kind
    model: str
    slot: str
    version: int | None  # that holds the slot
    sentence: str

    @property
    def mended(self) -> bool:
        """Whether it is of a kind that is mended where it is not only looked at; the others are left to people."""
        return self.kind in MENDED


def reconcile(ledger: Ledger, aliases: Aliases, *, now: datetime, dry_run: bool = False) -> list[Found]:
    """Bring the registry in line with the ledger.

    Args:
        ledger: The truth.
        aliases: The registry.
        now: The time, for the entries that it leaves.
        dry_run: Only look; nothing is written, here or there.

    Returns:
        What was found, by model and slot; nothing where all was well.
    """
    found: list[Found | None] = []
    heads = ledger.heads(cleared=True)
    doubts = ledger.doubts(heads)
    for head in heads:
        if head in doubts:
            found.append(_noted(ledger, head, "forged", unfollowed(head, doubts[head]), now, dry_run=dry_run))
            continue
        one = _looked(ledger, aliases, head) if dry_run else _aligned(ledger, aliases, head, now)
        found.append(one)
        if head.version is not None and (one is None or one.kind != "elsewhere"):
            found.append(_examined(ledger, aliases, head, now, dry_run=dry_run))
    found += [
        Found(
            "unsettled",
            str(effect.payload.get("model", "")),
            str(effect.payload.get("alias", "")),
            None,
            f"effect {effect.id} of entry {effect.seq} is owed to {effect.target!r}, which nothing here settles",
        )
        for effect in ledger.owed()
        if effect.target not in {ALIAS, GUARD}  # the guard is settled when the registry is opened
    ]
    return [one for one in found if one is not None]


def _aligned(ledger: Ledger, aliases: Aliases, head: Head, now: datetime) -> Found | None:
    done = align(ledger, aliases, head, now=now)
    if done is None or done.kind == "deleted":  # a lost version is told once, by `_examined`
        return None
    return Found(done.kind, head.model, head.slot, head.version, done.sentence)


def _looked(ledger: Ledger, aliases: Aliases, head: Head) -> Found | None:
    try:
        found, due = aliases.alias(head.model, head.slot), "nothing"
    except MovedElsewhereError as error:
        return Found("elsewhere", head.model, head.slot, head.version, elsewhere(error))
    if head.version is not None and not aliases.exists(head.model, head.version):
        return None  # told by `_examined`
    if head.version is not None:
        due = f"version {head.version} (generation {head.generation})"
    if is_ahead(head, found):
        return Found("ahead", head.model, head.slot, head.version, ahead(head, found))
    if owed_for(ledger, head):
        sentence = f"the alias {head.slot} of {head.model} is owed since entry {head.seq}: it is to point at {due}"
        return Found("owed", head.model, head.slot, head.version, sentence)
    if agrees(head, found):
        return None
    sentence = f"the alias {head.slot} of {head.model} points at {pointed_at(found)}; it is to point at {due}"
    return Found("moved", head.model, head.slot, head.version, sentence)


def _examined(ledger: Ledger, aliases: Aliases, head: Head, now: datetime, *, dry_run: bool) -> Found | None:
    """Whether the version that holds a slot is there and whole; what is not so is noted once."""
    last = _last(ledger, head)
    if not aliases.exists(head.model, head.holder):
        kind: Kind = "deleted"
        sentence = gone(head)
    else:
        kind, wrong = "changed", aliases.damage(ledger.version(head.model, head.holder))
        if wrong is None:
            return _whole(ledger, head, last, now, dry_run=dry_run)
        sentence = f"{head.model} {head.version} is {head.slot}, but {wrong}"
    return _noted(ledger, head, kind, sentence, now, dry_run=dry_run)


def _noted(ledger: Ledger, head: Head, kind: Kind, sentence: str, now: datetime, *, dry_run: bool) -> Found:
    """What only people can mend, noted once."""
    last = _last(ledger, head)
    if not dry_run and (last is None or last.kind != BROKEN or last.body.get("found") != kind):
        _note(ledger, BROKEN, head, kind, sentence, now)
    return Found(kind, head.model, head.slot, head.version, sentence)


def _whole(ledger: Ledger, head: Head, last: Entry | None, now: datetime, *, dry_run: bool) -> Found | None:
    if last is None or last.kind != BROKEN:
        return None
    sentence = f"{head.model} {head.version}, which is {head.slot}, is there and whole again"
    if not dry_run:
        _note(ledger, REPAIRED, head, "whole", sentence, now)
    return Found("whole", head.model, head.slot, head.version, sentence)


def _last(ledger: Ledger, head: Head) -> Entry | None:
    subject = f"{head.model}/{head.version}"
    entries = ledger.entries(subject=subject, kind=(BROKEN, REPAIRED), newest_first=True)
    return next((entry for entry in entries if entry.body.get("slot") == head.slot), None)


def _note(ledger: Ledger, entry_kind: str, head: Head, kind: Kind, sentence: str, now: datetime) -> None:
    with ledger.transaction() as writer:
        last = _last(ledger, head)
        if last is not None and last.kind == entry_kind and last.body.get("found") == kind:
            return  # another process has noted it at this moment
        writer.append(
            entry_kind,
            subject=f"{head.model}/{head.version}",
            actor="workbench",
            why=sentence,
            body={"slot": head.slot, "found": kind, "generation": head.generation},
            now=now,
        )
