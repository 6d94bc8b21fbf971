"""Past runs as the ledger tells them, and the ways to name one.

find_run(ledger, root, "1f3a5c7e")   # the beginning of an id
find_run(ledger, root, "ab_test")    # the last finished run of a notebook; "ab_test~1" the one before
find_run(ledger, root, "last~2")     # the last but two of all finished runs
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from workbench.batch.folders import NOTEBOOK, REPORT, runs_folder
from workbench.errors import Misuse
from workbench.ledger import Entry, Ledger

LAST = "last"  # stands for all notebooks
BACK = re.compile(r"(.+)~(\d{1,6})")
SHORTEST = 4  # characters of an id that name a run
PAGE = 64  # entries that are read at first …
GROWTH = 4  # … and how many times more each further time
HINT = "workbench runs lists them"


@dataclass(frozen=True)
class PastRun:
    """What the ledger says of a run that ended."""

    run_id: str
    name: str  # the notebook's
    status: Literal["finished", "failed"]
    at: datetime  # when it was told, in UTC
    actor: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    sentence: str  # what came out, or what went wrong
    findings: tuple[Mapping[str, Any], ...]
    versions: tuple[tuple[str, int], ...]
    folder: Path
    seconds: float  # that the cells took
    cpu_seconds: float
    peak_memory: int  # bytes
    lane: str
    reproduces: str  # the run of which it is a rerun; empty for none

    @property
    def notebook(self) -> Path:
        """As it was executed."""
        return self.folder / NOTEBOOK

    @property
    def report(self) -> Path:
        """HTML without code."""
        return self.folder / REPORT

    @property
    def short(self) -> str:
        """The beginning of its id, as people write it."""
        return self.run_id[:8]


def past_runs(
    ledger: Ledger, root: Path, *, name: str | None = None, failed: bool | None = None, limit: int | None = None
) -> list[PastRun]:
    """Runs that ended, newest first.

    Args:
        ledger: Where they are told.
        root: The workspace.
        name: Only of this notebook.
        failed: Only those that failed, or only those that finished; None for both.
        limit: At most so many.
    """
    return list(islice(newest_first(ledger, root, name=name, failed=failed), limit))


def newest_first(
    ledger: Ledger, root: Path, *, name: str | None = None, failed: bool | None = None
) -> Iterator[PastRun]:
    """Runs that ended, as `past_runs` gives them; the ledger is read only as far back as they are asked for."""
    kinds = {None: ("run.finished", "run.failed"), True: ("run.failed",), False: ("run.finished",)}[failed]
    oldest, many = math.inf, PAGE  # by number: what is told meanwhile moves no page
    while True:
        page = ledger.entries(kind=kinds, newest_first=True, limit=many)
        for entry in page:
            if entry.seq < oldest and (name is None or entry.body["name"] == name):
                yield _past(entry, root)
        if len(page) < many:
            return
        oldest, many = min(oldest, page[-1].seq), many * GROWTH


def find_run(ledger: Ledger, root: Path, text: str) -> PastRun:
    """The run that a text names.

    Args:
        ledger: Where runs are told.
        root: The workspace.
        text: The beginning of an id; or "last", or a notebook's name, with "~N" for the Nth before the last.

    Raises:
        Misuse: There is none, or there are several.
    """
    back = BACK.fullmatch(text)
    name, number = (back[1], int(back[2])) if back else (text, 0)
    name = name.removesuffix(".ipynb")
    finished = past_runs(ledger, root, name=None if name == LAST else name, failed=False, limit=number + 1)
    if len(finished) > number:
        return finished[number]
    if finished:
        raise Misuse(f"there is no run {text!r}: {name} finished {len(finished)} times", hint=f"{HINT}")
    begin = text.removeprefix("run/").lower()
    if not re.fullmatch(r"[0-9a-f]+", begin) or len(begin) < SHORTEST:
        raise Misuse(f"there is no run {text!r}", hint=f"give the beginning of an id or a notebook's name; {HINT}")
    entries = ledger.entries(kind=("run.finished", "run.failed"), prefix=f"run/{begin}", limit=2)
    if len({entry.subject for entry in entries}) > 1:
        raise Misuse(f"several runs begin with {text!r}", hint="give more of the id")
    if not entries:
        raise Misuse(f"there is no run {text!r}", hint=HINT)
    return _past(entries[-1], root)


def two_runs(ledger: Ledger, root: Path, one: str, other: str | None) -> tuple[PastRun, PastRun]:
    """Two runs to compare, the earlier first where only one is named: then with the one of its notebook before it.

    Raises:
        Misuse: A text names no run, or there is none before it.
    """
    if other is not None:
        return find_run(ledger, root, one), find_run(ledger, root, other)
    after = find_run(ledger, root, one)
    for before in newest_first(ledger, root, name=after.name, failed=False):
        if before.at <= after.at and before.run_id != after.run_id:
            return before, after
    raise Misuse(f"{after.name} has no finished run before {after.short}", hint="name two runs; " + HINT)


def _past(entry: Entry, root: Path) -> PastRun:
    body = entry.body
    return PastRun(
        run_id=entry.subject.partition("/")[2],
        name=str(body["name"]),
        status="finished" if entry.kind == "run.finished" else "failed",
        at=entry.at,
        actor=entry.actor,
        parameters=body["parameters"],
        metrics=body.get("metrics", {}),
        sentence=str(body.get("sentence", entry.why)),
        findings=tuple(body.get("findings", ())),
        versions=tuple((str(model), int(version)) for model, version in body.get("versions", ())),
        folder=runs_folder(root) / str(body["folder"]),
        seconds=float(body.get("seconds", 0.0)),
        cpu_seconds=float(body.get("cpu_seconds", 0.0)),
        peak_memory=int(body.get("peak_memory", 0)),
        lane=str(body.get("lane", "")),
        reproduces=str(body.get("reproduces", "")),
    )
