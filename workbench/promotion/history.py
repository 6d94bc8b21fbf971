"""What the ledger's entries say of a model's past; pure, no IO.

>>> champions([])
[]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from workbench.ledger import Entry

Stage = Literal["champion", "candidate", "rejected", "former champion"]

MOVES = ("promotion.granted", "rollback.granted")
DECIDED = (
    "promotion.granted",
    "promotion.denied",
    "rollback.granted",
    "rollback.denied",
    "candidate.rejected",
    "projection.repaired",
)


def champions(entries: Sequence[Entry]) -> list[int]:
    """The versions that were champion and may be gone back to, oldest first, the present one last.

    A rollback takes the version it leaves out of the line, so that rolling back twice goes two steps
    back and does not come again to what was just left.
    """
    line: list[int] = []
    for entry in entries:
        version = _version(entry)
        if entry.kind == "promotion.granted" and version is not None:
            line.append(version)
        elif entry.kind == "rollback.granted":
            while line and line[-1] != version:
                line.pop()
    return line


def stage(version: int, entries: Sequence[Entry]) -> Stage:
    """Where a version stands, by the entries about its model, in their order."""
    standing: Stage = "candidate"
    for entry in entries:
        about_it = _version(entry) == version
        if entry.kind in MOVES:
            standing = "champion" if about_it else "former champion" if standing == "champion" else standing
        elif about_it and entry.kind == "candidate.rejected":
            standing = "rejected"
        elif about_it and entry.kind == "evidence.recorded" and standing == "rejected":
            standing = "candidate"
    return standing


def rejection(version: int, entries: Sequence[Entry]) -> Entry | None:
    """The rejection that still stands: no evidence about the version came after it."""
    standing: Entry | None = None
    for entry in entries:
        if _version(entry) == version and entry.kind in {"candidate.rejected", "evidence.recorded"}:
            standing = entry if entry.kind == "candidate.rejected" else None
    return standing


def _version(entry: Entry) -> int | None:
    number = entry.subject.rpartition("/")[2]
    return int(number) if number.isdigit() else None
