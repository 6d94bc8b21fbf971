"""What the ledger's entries say of a model's past; pure, no IO.

>>> champions("lending", [])
[]
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.ledger import Entry
from workbench.ledger.heads import CLEARED, MOVES, PROMOTIONS, place
from workbench.promotion.stages import Stage, past_of, stage_of

DECIDED = (
    "promotion.granted",
    "promotion.denied",
    "rollback.granted",
    "rollback.denied",
    "stage.granted",
    "stage.cleared",
    "stage.denied",
    "version.retired",
    "candidate.rejected",
    "approval.requested",
    "approval.given",
    "approval.refused",
    "approval.withdrawn",
    "approval.closed",
    "projection.repaired",
    "projection.broken",
)


def champions(model: str, entries: Iterable[Entry]) -> list[int]:
    """The versions that were champion and may be gone back to, oldest first, the present one last.

    A rollback takes the version it leaves out of the line, so that rolling back twice goes two steps
    back and does not come again to what was just left. What was retired is not gone back to.
    """
    return [version for version, _ in placed(model, entries)]


def placed(model: str, entries: Iterable[Entry]) -> list[tuple[int, Entry]]:
    """As `champions`, each with the entry that put it there."""
    line: list[tuple[int, Entry]] = []
    for entry in entries:
        version = _version(model, entry)
        if version is not None and entry.kind == "version.retired":
            line = [one for one in line if one[0] != version]
        if version is None or entry.kind not in PROMOTIONS:
            continue
        if entry.kind == "rollback.granted" and any(other == version for other, _ in line):
            while line[-1][0] != version:
                line.pop()
        else:
            line.append((version, entry))
    return line


def stage(model: str, version: int, entries: Iterable[Entry]) -> Stage:
    """Where a version stands, by the entries in their order."""
    held: dict[str, int | None] = {}
    about = []
    for entry in entries:
        number = _version(model, entry)
        if number is not None and entry.kind in MOVES:
            held[place(entry)[1]] = None if entry.kind == CLEARED else number
        if number == version:
            about.append(entry)
    return stage_of(version, held, past_of(about))


def _version(model: str, entry: Entry) -> int | None:
    """The number of the model's version that an entry is about."""
    name, _, number = entry.subject.rpartition("/")
    return int(number) if name == model and number.isdecimal() else None
