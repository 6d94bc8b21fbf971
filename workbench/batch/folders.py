"""A run's folder: where it lies, what is in it, and how far the run has come.

reports/runs/20260101-090000-ab_test-1f3a5c7e/
    run.json          whose run it is, and its state; written by the runner
    notebook.ipynb    executed
    report.html       for people
    record.json       what the notebook handed over; files/ and models/ beside it
    content.json      what it depends on: cells, parameters, inputs, code, environment
    reads.jsonl       what it read beyond that
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from workbench.errors import EngineError

RUN = "run.json"
NOTEBOOK = "notebook.ipynb"
REPORT = "report.html"
RECORD = "record.json"
FILES = "files"
MODELS = "models"
LONGEST = 40  # characters of a notebook's name in its folder's

State = Literal["running", "failed", "executed"]


@dataclass(frozen=True)
class RunState:
    """Whose run a folder is, and how far it has come; "executed" may be committed, now or later."""

    run_id: str
    key: str
    name: str  # the notebook's
    notebook_digest: str
    parameters: Mapping[str, Any]  # plain JSON
    content: str = ""  # key of all that it depends on; see `workbench.batch.content`
    reproduces: str = ""  # the run of which it is a rerun
    state: State = "running"
    seconds: float = 0.0  # that the cells took
    lane: str = ""  # how they were run
    cpu_seconds: float = 0.0  # that the kernel took
    peak_memory: int = 0  # bytes of the kernel's own, at most


def make_folder(root: Path, name: str, began: datetime, run_id: str) -> Path:
    """A new folder for a run below a workspace's reports.

    Raises:
        EngineError: It cannot be made.
    """
    folder = runs_folder(root) / f"{began:%Y%m%d-%H%M%S}-{slug(name)}-{run_id[:8]}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise EngineError(
            f"the run's folder {folder} cannot be made: {error.strerror}", hint="look at permissions and free space"
        ) from error
    return folder


def runs_folder(root: Path) -> Path:
    """Where a workspace keeps its runs."""
    return root / "reports" / "runs"


def workspace_of(folder: Path) -> Path:
    """The workspace of a run's folder.

    >>> workspace_of(Path("/team/reports/runs/20260101-090000-ab_test-1f3a5c7e")).as_posix()
    '/team'
    """
    return folder.parents[2]


def slug(name: str, *, otherwise: str = "notebook") -> str:
    """A notebook's name in letters that no file system or shell minds; `otherwise` where none are left.

    >>> slug("Prüfung täglich (2)"), slug("../../etc/passwd"), slug("実験")
    ('Prufung-taglich-2', 'etc-passwd', 'notebook')
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:LONGEST].strip("-") or otherwise


def find_folder(root: Path, run_id: str) -> tuple[Path, RunState] | None:
    """The folder of a run and how far it came."""
    for folder in sorted(runs_folder(root).glob(f"*-{run_id[:8]}")):
        state = read_state(folder)
        if state is not None and state.run_id == run_id:
            return folder, state
    return None


def write_state(folder: Path, state: RunState) -> None:
    """Note how far a run has come, whole or not at all."""
    write_whole(folder / RUN, json.dumps(asdict(state), indent=1))


def read_state(folder: Path) -> RunState | None:
    """How far the run in a folder has come; None where no run has begun there."""
    try:
        content = json.loads((folder / RUN).read_text("utf-8"))
        return RunState(**{field.name: content[field.name] for field in fields(RunState) if field.name in content})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_whole(path: Path, text: str) -> None:
    """Write a file so that after a crash it is there whole, or as it was before."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
