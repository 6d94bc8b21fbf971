"""The stages of a version as a state machine: where it stands, and where it may go from there; pure, no IO.

    registered → candidate → shadow → canary (steps) → champion → retired

Evidence makes a candidate. A version holds at most one slot; who comes into the next leaves the one
before. A promotion straight from candidate is a step too: whether it is right is the policy's to say,
here stands only what has a meaning at all. What is retired stays so.

>>> stage_of(3, {"champion": 2, "canary": 3}, Past(evidence=True))
'canary'
>>> why_not("stage", "champion")
'it is champion'
>>> why_not("promote", "canary") is None
True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from workbench.ledger import Entry

Stage = Literal["registered", "candidate", "shadow", "canary", "champion", "former champion", "rejected", "retired"]
Action = Literal["promote", "rollback", "stage", "clear", "retire"]
Slot = Literal["shadow", "canary", "champion"]

CHAMPION: Slot = "champion"
STAGED: tuple[Slot, ...] = ("shadow", "canary")  # on the way there, in order
SLOTS: tuple[Slot, ...] = (*STAGED, CHAMPION)

AHEAD: tuple[Stage, ...] = ("registered", "candidate", "shadow", "canary")  # on the way to champion
WAITING: tuple[Stage, ...] = ("registered", "candidate", "former champion")
# a rejection may be asked about again: the gate then denies it in words, and newer evidence ends it
FROM: Mapping[Action, tuple[Stage, ...]] = {
    "promote": (*WAITING, "shadow", "canary", "rejected"),
    "rollback": ("former champion", "shadow", "canary", "rejected"),
    "stage": (*WAITING, "shadow", "canary", "rejected"),
    "clear": ("shadow", "canary"),
    "retire": (*WAITING, "shadow", "canary", "rejected"),
}
TOLD: Mapping[Stage, str] = {
    "registered": "it has no evidence yet",
    "candidate": "it is a candidate",
    "shadow": "it is in shadow",
    "canary": "it is the canary",
    "champion": "it is champion",
    "former champion": "it was champion",
    "rejected": "it was turned down",
    "retired": "it is retired",
}
ABOUT = ("evidence.recorded", "candidate.rejected", "version.retired", "promotion.granted", "rollback.granted")


@dataclass(frozen=True)
class Past:
    """What lies behind a version, as far as its stage depends on it."""

    evidence: bool = False  # something was found out about it
    was_champion: bool = False
    rejected: bool = False  # turned down, and no evidence came since
    retired: bool = False


def past_of(entries: Iterable[Entry]) -> Past:
    """The past that the entries about one version tell, in their order; of other kinds than `ABOUT`, nothing."""
    evidence = was_champion = rejected = retired = False
    for entry in entries:
        if entry.kind == "evidence.recorded":
            evidence, rejected = True, False
        elif entry.kind == "candidate.rejected":
            rejected = True
        elif entry.kind == "version.retired":
            retired = True
        elif entry.kind in {"promotion.granted", "rollback.granted"}:
            was_champion = True
    return Past(evidence, was_champion, rejected, retired)


def stage_of(version: int, held: Mapping[str, int | None], past: Past) -> Stage:
    """Where a version stands.

    Args:
        version: Its number.
        held: Who holds which slot of the model.
        past: What lies behind it.
    """
    if held.get(CHAMPION) == version:
        return "champion"
    if past.retired:
        return "retired"
    if held.get("canary") == version:
        return "canary"
    if held.get("shadow") == version:
        return "shadow"
    if past.rejected:
        return "rejected"
    if past.was_champion:
        return "former champion"
    return "candidate" if past.evidence else "registered"


def why_not(action: Action, stage: Stage) -> str | None:
    """Why an act has no meaning for a version in this stage; None where it has one."""
    return None if stage in FROM[action] else TOLD[stage]


def leaves(action: Action, version: int, slot: str, held: Mapping[str, int | None]) -> tuple[Slot, ...]:
    """The slots that a granted act empties: what the version held on the way, but not where it goes.

    >>> leaves("promote", 3, "champion", {"champion": 2, "canary": 3})
    ('canary',)
    >>> leaves("stage", 3, "canary", {"canary": 3})
    ()
    """
    kept = slot if action == "stage" else None
    return tuple(name for name in STAGED if held.get(name) == version and name != kept)
