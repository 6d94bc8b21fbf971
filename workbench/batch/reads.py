"""What a run read beyond what was known before it: state that changes, and further inputs.

A note is one line of JSON in the run's folder, `reads.jsonl`, added whole by whichever process reads:
a notebook may open several benches, or end without closing its record. The runner puts the notes into
the ledger with what the run found. A run that read state that changes is never taken for another; one
with further inputs only while these are what they were.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import EngineError, Misuse

READS = "reads.jsonl"
DAMAGED = "its notes of what it read are damaged"


@dataclass(frozen=True)
class Reads:
    """What was noted."""

    changing: tuple[str, ...] = ()  # why it may not be used again, e.g. "it reads the ledger, which changes"
    inputs: Mapping[str, str] = field(default_factory=dict)  # digest by path, relative to the workspace or whole


def note_changing(folder: Path, why: str) -> None:
    """Note, once, why a run may not be used again.

    Raises:
        EngineError: The run's folder cannot be written.
    """
    if why not in reads_of(folder).changing:
        _note(folder, {"changing": why})


def note_input(folder: Path, root: Path, path: str | Path) -> Path:
    """Note a file or folder that the run reads, with the digest of its full content.

    Args:
        folder: The run's.
        root: The workspace, which a relative path starts from.
        path: What is read.

    Returns:
        The whole path.

    Raises:
        Misuse: It is not there or cannot be read.
        EngineError: The run's folder cannot be written.
    """
    from workbench.batch.fingerprint import digest_input  # what only notes what it reads does without

    place = root / path
    try:
        digest = digest_input(place)
    except OSError as error:
        hint = "give a path relative to the workspace, or a whole one"
        raise Misuse(f"the input {path} cannot be read: {error.strerror or error}", hint=hint) from error
    _note(folder, {"input": str(path), "digest": digest})
    return place


def reads_of(folder: Path) -> Reads:
    """What was noted in a run's folder; damaged notes are themselves a reason not to use it again."""
    changing: dict[str, None] = {}
    inputs: dict[str, str] = {}
    try:
        lines = (folder / READS).read_text("utf-8").splitlines()
        for note in map(json.loads, lines):
            if "changing" in note:
                changing[str(note["changing"])] = None
            elif inputs.setdefault(note["input"], note["digest"]) != note["digest"]:
                changing[f"{note['input']} changed while it ran"] = None
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError):
        changing[DAMAGED] = None
    return Reads(tuple(changing), inputs)


def _note(folder: Path, note: Mapping[str, str]) -> None:
    line = f"{json.dumps(note)}\n".encode()
    try:
        file = os.open(folder / READS, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)
    except OSError as error:
        raise EngineError(
            f"what the run reads cannot be noted in {folder}: {error.strerror}", hint="look at free space"
        ) from error
