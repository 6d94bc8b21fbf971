"""What the run form and the run page need of a bench: which notebook, its parameters, and what can be done.

A form in a notebook finds the file that it stands in by what the server told its kernel: Jupyter by a
variable of the environment, VS Code by a name among the notebook's own.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.batch import Outcome
    from workbench.batch.lanes import OnCell
    from workbench.bench.notebooks import Notebooks
    from workbench.views.form import Filling
    from workbench.views.outcome import Change, Place

SESSION = "JPY_SESSION_NAME"  # Jupyter Server's: the path of the notebook that a kernel was started for
VSCODE = "__vsc_ipynb_file__"  # VS Code's, among the names of the notebook
QUERY = "QUERY_STRING"  # Voila's: what stands behind the "?" of a page's address
FILES = "WORKBENCH_FILES"  # where the workspace's files are served; set by `workbench up`
MLFLOW = "WORKBENCH_MLFLOW"  # where MLflow's pages are; set by `workbench up`
NO_VALUES = {"token", "template", "theme", "voila-template", "voila-theme"}  # of an address: for the server
MOST_VALUES = 200  # of an address


def form_of(bench: Notebooks, notebook: str | Path | None) -> Widget | None:
    """The form of a notebook, by default of the one that this is called in; in a run, nothing.

    Raises:
        Misuse: There is no such notebook, it cannot be told which one this is, or it has no parameters cell.
    """
    if bench.environ.get("WORKBENCH_RUN"):  # the runner runs the cell that shows the form too
        return None
    from workbench.views.form import run_form

    path = notebook_here(bench.environ, bench.root) if notebook is None else bench.notebook(notebook)
    return run_form(filling_of(bench, path, {}))


def page_of(bench: Notebooks) -> Widget:
    """The page on which one chooses a notebook and runs it; what its address asks for is checked."""
    from workbench.views.choosing import run_page

    def names() -> list[str]:
        _check_may_run(bench)
        return bench.notebooks()

    def fill(name: str, asked: Mapping[str, str]) -> Filling:
        _check_may_run(bench)
        return filling_of(bench, bench.notebook(name), asked)

    return run_page(names, fill, asked=asked_for(bench.environ))


def _check_may_run(bench: Notebooks) -> None:
    """Refuse a page's viewer who may not run what they choose.

    Raises:
        Misuse: Nobody vouches for them, or their role is none of those who ask for moves.
    """
    if not bench.desk.roster().may(bench.actor, "ask"):
        raise Misuse(f"{bench.actor} may not run notebooks", hint="an admin of the workspace gives roles: analyst")


def notebook_here(environ: Mapping[str, str], root: Path) -> Path:
    """The notebook whose kernel this is.

    Raises:
        Misuse: It cannot be told, or is no longer where it was.
    """
    told = environ.get(SESSION) or _vscode()
    hint = 'name the notebook: workbench.form("ab_test"), or by its path'
    if not told:
        raise Misuse("workbench.form() stands in no notebook that it can find", hint=hint)
    for place in (Path(told), root / told):
        if place.suffix == ".ipynb" and place.is_file():
            return place.resolve()
    raise Misuse(
        f"this kernel was started for {told}, which is no notebook now",
        hint=f"if it was renamed, restart the kernel; or {hint}",
    )


def asked_for(environ: Mapping[str, str]) -> dict[str, str]:
    """What the address of a Voila page asks for, by name; of a name that comes twice, the last.

    >>> asked_for({"QUERY_STRING": "notebook=ab_test&seed=7&token=s3cret"})
    {'notebook': 'ab_test', 'seed': '7'}
    """
    try:
        pairs = parse_qsl(environ.get(QUERY, ""), keep_blank_values=True, max_num_fields=MOST_VALUES)
    except ValueError:  # more than anyone would ask for
        return {}
    return {name: value for name, value in pairs if name not in NO_VALUES}


def filling_of(bench: Notebooks, notebook: Path, asked: Mapping[str, str]) -> Filling:
    """All that a form needs to have a notebook filled in and run.

    Raises:
        Misuse: The file is no notebook, or has no parameters cell.
    """
    from workbench.batch import parameters
    from workbench.batch.drafts import keep_draft, read_draft
    from workbench.views.form import Doing, Filling

    def run(values: Mapping[str, Any], on_cell: OnCell, stop: Event, *, afresh: bool) -> Outcome:
        return bench.run_path(notebook, values, on_cell=on_cell, stop=stop, reuse=not afresh)

    doing = Doing(
        run=run,
        keep=lambda values: keep_draft(bench.root, notebook, values),
        exists=lambda path: _exists(bench.root / path),
        last=lambda: _last(bench, notebook.stem),
        compare=lambda before, after: _changes(bench, before, after),
        place=lambda outcome: place_of(outcome.report, outcome.run_id, bench.root, bench.environ),
        read_report=_report,
        read_comparison=lambda before, after: _comparison(bench, before, after),
    )
    return Filling(
        notebook=_spoken(notebook, bench.root),
        parameters=parameters.read(notebook),
        actor=bench.actor,
        doing=doing,
        kept=read_draft(bench.root, notebook),
        asked=asked,
    )


def _vscode() -> str | None:
    from IPython import get_ipython

    shell = get_ipython()
    told = None if shell is None else shell.user_ns.get(VSCODE)
    return told if isinstance(told, str) else None


def _spoken(notebook: Path, root: Path) -> str:
    """A notebook as a command takes it: by name where that will do, else by its path."""
    from workbench.bench.workspace import shipped

    if notebook.resolve().parent in {(root / "notebooks").resolve(), shipped("notebooks").resolve()}:
        return notebook.stem
    return _beneath(notebook.resolve(), root)


def _beneath(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _last(bench: Notebooks, name: str) -> str | None:
    return next((run.run_id for run in bench.past.runs(name, failed=False, limit=1)), None)


def _changes(bench: Notebooks, before: str, after: str) -> list[Change]:
    """Parameters and metrics that differ between two runs; none where one of them is not to be found."""
    from workbench.batch.comparison import metrics_of, parameters_of
    from workbench.batch.history import find_run
    from workbench.views.outcome import Change

    try:
        was, now = (find_run(bench.ledger, bench.root, run) for run in (before, after))
    except Misuse:
        return []
    return [
        *(Change("parameter", each.name, each.before, each.after) for each in parameters_of(was, now)),
        *(
            Change("metric", each.name, each.before, each.after)
            for each in metrics_of(was.metrics, now.metrics)
            if not each.same
        ),
    ]


def _comparison(bench: Notebooks, before: str, after: str) -> str:
    from workbench.batch.comparison_page import comparison_page

    return comparison_page(bench.compare(before, after))


def place_of(report: Path, run_id: str, root: Path, environ: Mapping[str, str]) -> Place:
    """Where a run is to be found: its report below the workspace, with the addresses that a browser opens."""
    from workbench.views.outcome import Place

    shown = _beneath(report, root)
    files, mlflow = (environ.get(name, "").rstrip("/") for name in (FILES, MLFLOW))
    return Place(
        report=shown,
        report_link=f"{files}/{quote(shown)}" if files and not Path(shown).is_absolute() else "",
        run_link=f"{mlflow}/#/runs/{quote(run_id)}" if mlflow else "",
    )


def _report(outcome: Outcome) -> str:
    """The report's HTML.

    Raises:
        EngineError: It cannot be read.
    """
    try:
        return outcome.report.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise EngineError(
            f"the report {outcome.report} cannot be read: {error}",
            hint=f"ls -l {shlex.quote(str(outcome.report.parent))}",
        ) from error
