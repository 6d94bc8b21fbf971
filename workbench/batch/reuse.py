"""Whether a run need not be run: an earlier one of the same content is looked up, or the miss is explained.

Fails closed: what is doubtful is a miss. A hit is one whose entry is in the ledger, whose folder and
executed notebook are there, which read no state that changes, and whose further inputs are what they
were. A fault of the index is a miss, too, and never stops a run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from workbench.batch.content import Content, differences, in_words
from workbench.batch.fingerprint import digest_input
from workbench.batch.folders import NOTEBOOK, RunState, runs_folder
from workbench.batch.index import Index, Kept
from workbench.batch.reads import note_changing
from workbench.errors import EngineError
from workbench.ledger import Entry, Ledger

CONTENT = "content.json"  # in a run's folder
LOOKED_AT = 20  # earlier runs of a notebook among which the most similar is looked for
REUSED = "run.reused"  # kind of the entry by which a key stands for an earlier run
AFRESH = "ran because it was asked to run afresh"


@dataclass(frozen=True)
class Found:
    """The earlier run, or why there is none."""

    entry: Entry | None
    because: str  # in words: "the run … of … had the same …" or "ran because: …"


def find_earlier(content: Content, *, root: Path, ledger: Ledger) -> Found:
    """The newest finished run that a run of this content may be taken for."""
    if content.doubts:
        return Found(None, f"ran because it cannot be told what it depends on: {in_words(content.doubts)}")
    try:
        index = Index(root, ledger)
        reasons = []
        for kept in index.same(content.key):
            entry = ledger.find(kept.key)
            reason = _refused(kept, entry, content, root)
            if entry is not None and not reason:
                return Found(entry, f"run {_shown(entry)} had the same cells, parameters, inputs, code and environment")
            reasons.append(reason)
        if reasons:
            return Found(None, f"ran because: {reasons[0]}")
        return Found(None, f"ran because: {_missed(content, index.last(content.notebook, LOOKED_AT), root)}")
    except EngineError as error:
        return Found(None, f"ran because earlier runs cannot be looked up: {error.message}")


def note_reuse(ledger: Ledger, state: RunState, found: Found, *, actor: str, now: datetime) -> None:
    """Tell the ledger which earlier run a key stands for, so that it does so whatever changes later."""
    if found.entry is not None:
        ledger.append(
            REUSED,
            subject=found.entry.subject,
            actor=actor,
            why=found.because,
            body={"name": state.name, "parameters": dict(state.parameters), "of": found.entry.key},
            now=now,
            key=state.key,
        )


def keep_content(folder: Path, content: Content) -> None:
    """Put a run's content into its folder before it runs, so that a later one can be compared with it.

    Raises:
        OSError: The folder cannot be written.
    """
    (folder / CONTENT).write_text(content.as_json(), "utf-8")
    for doubt in content.doubts:
        note_changing(folder, doubt)


def check_content(folder: Path, before: Content, again: Callable[[], Content]) -> None:
    """Note that a run may not be used again where what it depends on changed while it ran."""
    with contextlib.suppress(OSError):
        found = differences(before, again())
        if found:
            note_changing(folder, f"{in_words(found)} while it ran")


def content_in(folder: Path) -> Content | None:
    """The content that was kept in a run's folder."""
    try:
        return Content.from_json((folder / CONTENT).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _refused(kept: Kept, entry: Entry | None, content: Content, root: Path) -> str:
    """Why a run of the same content may not be used; an empty text where it may."""
    if entry is None or entry.kind != "run.finished" or entry.body.get("content") != content.key:
        return "the same ran before, but the ledger does not have it"
    if kept.changing:
        return f"the same ran before (run {_shown(entry)}), but {in_words(kept.changing)}"
    if not (runs_folder(root) / kept.folder / NOTEBOOK).is_file():
        return f"the same ran before (run {_shown(entry)}), but its folder {kept.folder} is gone"
    for path, digest in kept.inputs.items():
        try:
            same = digest_input(root / path) == digest
        except OSError:
            same = False
        if not same:
            return f"{path} changed"
    return ""


def _missed(content: Content, earlier: list[Kept], root: Path) -> str:
    """What differs from the most similar of the earlier runs."""
    nearest: list[str] | None = None
    for kept in earlier:
        before = content_in(runs_folder(root) / kept.folder)
        if before is not None:
            found = differences(before, content)
            if nearest is None or len(found) < len(nearest):
                nearest = found
    return in_words(nearest) if nearest else "nothing like it ran before"


def _shown(entry: Entry) -> str:
    return f"{entry.subject.partition('/')[2][:8]} of {entry.at:%Y-%m-%d %H:%M} UTC"
