"""Runs a notebook: its parameters checked first, its findings committed last.

    outcome = run(Path("ab_test.ipynb"), {"seed": 7}, ...)

The executed notebook and its report lie in `reports/runs/<time>-<name>-<id>/` of the workspace. A run
has an idempotency key: once it has finished under a key, the same key gives the earlier outcome and
nothing runs.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path, PurePath
from typing import Any, Literal

from workbench.batch import parameters as declared_parameters
from workbench.batch.commit import commit_run
from workbench.batch.record import FILE, RUN_FILE, Record
from workbench.batch.tracking import KEY, Tracking
from workbench.errors import EngineError
from workbench.ledger import Entry, Ledger, digest

INJECTED = "injected-parameters"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    run_id: str
    name: str
    status: Literal["finished", "failed"]
    notebook: Path  # executed, or partly where it failed
    report: Path  # HTML without code
    metrics: Mapping[str, float]
    sentence: str  # what came out, or what went wrong
    versions: tuple[tuple[str, int], ...] = ()  # registered: (model, version)
    findings: tuple[Mapping[str, Any], ...] = ()
    reused: bool = False  # True: an earlier run under the same key


def run(
    notebook: Path,
    parameters: Mapping[str, Any],
    *,
    workspace_root: Path,
    tracking: Callable[[], Tracking],
    ledger: Ledger,
    actor: str,
    now: Callable[[], datetime],
    environ: Mapping[str, str],
    key: str | None = None,
    on_cell: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Run a notebook and commit what it found.

    Args:
        notebook: Path of the notebook.
        parameters: Values by name; the rest by default.
        workspace_root: The workspace it runs in.
        tracking: Opens the tracking store; called once the parameters are known to be good.
        ledger: Where it is told.
        actor: Who runs it.
        now: Reads the clock.
        environ: The environment whose allowed part a kernel inherits.
        key: Idempotency key; by default a new one.
        on_cell: Called with (cells done, cells in all).

    Returns:
        The outcome; a cell that raises or a kernel that dies gives one with the status "failed".

    Raises:
        Misuse: The notebook has no parameters cell, or a parameter does not fit.
        EngineError: The workspace or the tracking store cannot be written.
    """
    cells = declared_parameters.cells_of(notebook)
    values = declared_parameters.declared(cells, notebook.name).validate(parameters)
    earlier = ledger.find(key) if key is not None else None
    if earlier is not None:
        return _earlier(earlier, workspace_root)
    began = now()
    run_key = key or f"run/{uuid.uuid4().hex}"
    store = tracking()
    store.abandon(run_key)
    notebook_digest = digest([["".join(cell.get("source", "")), cell.get("cell_type")] for cell in cells])
    plain = {name: _plain(value) for name, value in values.items()}
    tags = {KEY: run_key, "workbench.notebook": notebook.name, "workbench.actor": actor}
    run_id = store.start(notebook.stem, parameters=plain, tags=tags)
    folder = _folder(workspace_root, notebook, began, run_id)
    executed, report = folder / "notebook.ipynb", folder / "report.html"
    (folder / RUN_FILE).write_text(json.dumps({"run_id": run_id, "key": run_key, "parameters": plain}), "utf-8")
    _inject(notebook, executed, values)
    try:
        problem = _execute(executed, workspace_root, folder, environ, on_cell)
        sentence = problem or _sentence(folder)
        _report(executed, report, notebook, sentence, plain)
        if problem:
            store.finish(run_id, "FAILED")
            body = {"name": notebook.stem, "parameters": plain, "folder": folder.name, "problem": problem}
            ledger.append("run.failed", subject=f"run/{run_id}", actor=actor, why=problem, body=body, now=now())
            return Outcome(run_id, notebook.stem, "failed", executed, report, {}, problem)
        body = commit_run(
            folder,
            run_id,
            name=notebook.stem,
            parameters=plain,
            notebook_digest=notebook_digest,
            tracking=store,
            ledger=ledger,
            actor=actor,
            now=now(),
            key=run_key,
        )
    except BaseException:
        store.finish(run_id, "KILLED")
        raise
    return _outcome(run_id, body, folder, reused=False)


def commit_record(
    record: Record,
    *,
    tracking: Callable[[], Tracking],
    ledger: Ledger,
    actor: str,
    now: Callable[[], datetime],
) -> None:
    """Commit the record of a notebook that a person ran cell by cell."""
    store = tracking()
    key = f"run/{record.run_id}"
    run_id = store.start("interactive", parameters={}, tags={KEY: key, "workbench.actor": actor})
    commit_run(
        record.folder,
        run_id,
        name="interactive",
        parameters={},
        notebook_digest="",
        tracking=store,
        ledger=ledger,
        actor=actor,
        now=now(),
        key=key,
    )


def _execute(
    executed: Path,
    workspace_root: Path,
    folder: Path,
    environ: Mapping[str, str],
    on_cell: Callable[[int, int], None] | None,
) -> str | None:
    """Run the cells; None, or in a sentence what went wrong."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from workbench.batch.kernels import execute

    try:
        execute(executed, workspace_root=workspace_root, run_folder=folder, environ=environ, on_cell=on_cell)
    except PapermillExecutionError as error:
        return f"cell {error.exec_count} failed: {error.ename}: {ANSI.sub('', str(error.evalue)).strip()}"
    except DeadKernelError:
        return "the kernel died, perhaps for want of memory"
    except CellTimeoutError as error:
        return f"a cell took too long: {str(error).splitlines()[0]}"
    return None


def _sentence(folder: Path) -> str:
    record = folder / FILE
    if not record.is_file():
        return "It ran to its end but handed over no record; end the notebook with record.close()."
    return str(json.loads(record.read_text("utf-8"))["sentence"])


def _report(executed: Path, report: Path, notebook: Path, sentence: str, parameters: Mapping[str, Any]) -> None:
    from workbench.batch.report import write_report

    write_report(executed, report, title=notebook.stem, sentence=sentence, parameters=parameters)


def _folder(workspace_root: Path, notebook: Path, began: datetime, run_id: str) -> Path:
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", notebook.stem).strip("-")[:40] or "notebook"
    folder = workspace_root / "reports" / "runs" / f"{began:%Y%m%d-%H%M%S}-{slug}-{run_id[:8]}"
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise EngineError(
            f"the run's folder {folder} cannot be made: {error.strerror}", hint="look at permissions and free space"
        ) from error
    return folder


def _inject(notebook: Path, executed: Path, values: Mapping[str, Any]) -> None:
    """Copy the notebook with a cell of its parameters' values after the parameters cell."""
    content = json.loads(notebook.read_text("utf-8"))
    lines = ["# Parameters"]
    if any(type(value) is date for value in values.values()):
        lines.append("from datetime import date")
    if any(isinstance(value, PurePath) for value in values.values()):
        lines.append("from pathlib import Path")
    lines += [f"{name} = {_source(value)}" for name, value in values.items()]
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": INJECTED,
        "metadata": {"tags": [INJECTED]},
        "outputs": [],
        "source": "\n".join(lines),
    }
    tagged = [declared_parameters.TAG in c.get("metadata", {}).get("tags", []) for c in content["cells"]]
    content["cells"].insert(tagged.index(True) + 1, cell)
    content.setdefault("metadata", {})["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    executed.write_text(json.dumps(content, indent=1), "utf-8")


def _source(value: Any) -> str:
    if type(value) is date:
        return f"date({value.year}, {value.month}, {value.day})"
    if isinstance(value, PurePath):
        return f"Path({str(value)!r})"
    return repr(value)


def _plain(value: Any) -> Any:
    """A parameter's value as JSON."""
    if isinstance(value, date | PurePath):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _earlier(entry: Entry, workspace_root: Path) -> Outcome:
    folder = workspace_root / "reports" / "runs" / str(entry.body["folder"])
    return _outcome(entry.subject.partition("/")[2], entry.body, folder, reused=True)


def _outcome(run_id: str, body: Mapping[str, Any], folder: Path, *, reused: bool) -> Outcome:
    return Outcome(
        run_id=run_id,
        name=body["name"],
        status="finished",
        notebook=folder / "notebook.ipynb",
        report=folder / "report.html",
        metrics=body["metrics"],
        sentence=body["sentence"],
        versions=tuple((model, version) for model, version in body["versions"]),
        findings=tuple(body["findings"]),
        reused=reused,
    )
