"""Witnesses: checkpoints kept where whoever can write the ledger cannot, such as a file in git.

A witness file holds checkpoints one after another, each followed by an empty line. Beside it, a ledger that
was cut, forked, or made anew with a key of its own no longer passes.
"""

from __future__ import annotations

import os
from pathlib import Path

from workbench.errors import EngineError, Misuse
from workbench.ledger.checkpoints import Checkpoint, read_notes
from workbench.ledger.keys import LedgerKey


class Sight:
    """A checkpoint that a witness saw, to be held against the ledger."""

    def __init__(self, seen: Checkpoint, origin: str | None) -> None:
        self._seen = seen
        self._origin = origin  # of the ledger that is judged
        self.size = seen.size

    def judged(self, key: LedgerKey | None, count: int, root: bytes | None) -> str:
        """What is wrong, in a sentence; empty where the ledger goes on what was seen.

        Args:
            key: The ledger's key at that size.
            count: Entries there are.
            root: The root over that many entries; None where there are fewer.
        """
        seen = self._seen
        if seen.origin != self._origin:
            there = self._origin or "one without a key"
            return f"the ledger was made anew: the witness saw {seen.origin}, this is {there}"
        if key is None or not seen.signed_by(key.public):
            return f"the witness's checkpoint of {seen.size} entries is not signed by this ledger's key"
        if seen.size > count:
            return (
                f"the ledger was rolled back: the witness saw {seen.size} entries, there are {count}; "
                "it was cut, or an older copy was put back"
            )
        if root != seen.root:
            return f"the ledger was forked: its first {seen.size} entries are not those that the witness saw"
        return ""


def read_witness(path: Path) -> list[Checkpoint]:
    """The checkpoints that a witness file holds.

    Raises:
        EngineError: The file cannot be read.
        Misuse: It holds something else, or nothing.
    """
    try:
        found = read_notes(path.read_text("utf-8"))
    except OSError as error:
        raise EngineError(
            f"the witness {path} cannot be read: {error.strerror or error}", hint="workbench ledger witness makes one"
        ) from error
    except ValueError as error:
        raise Misuse(f"{path} is no witness: {error}", hint="workbench ledger witness FILE makes one") from error
    if not found:
        raise Misuse(f"{path} is empty; it witnesses nothing", hint="put it back as it was, or name a new file")
    return found


def attest(path: Path, checkpoint: Checkpoint) -> bool:
    """Add a checkpoint to a witness file, made where it is not there.

    Returns:
        False where the file ends with it already.

    Raises:
        EngineError: The file cannot be written.
        Misuse: It holds something else, or is the witness of another ledger.
    """
    known = read_witness(path) if path.exists() else []
    if known and known[-1].origin != checkpoint.origin:
        raise Misuse(
            f"{path} is the witness of {known[-1].origin}, this ledger is {checkpoint.origin}",
            hint="workbench ledger verify --witness tells what happened; name another file for another ledger",
        )
    if known and known[-1].size >= checkpoint.size:
        return False
    try:
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{checkpoint.note}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise EngineError(
            f"the witness {path} cannot be written: {error.strerror or error}", hint="choose another file"
        ) from error
    return True
