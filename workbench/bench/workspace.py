"""The workspace: a folder that holds the settings, the ledger, the stores, the policies and the reports.

    workbench.toml      settings; a folder with this file is a workspace
    ledger.db           what happened
    keys/ledger.key     the key that signs it, readable by its owner alone
    mlflow.db           MLflow's tracking store and registry; artifacts in mlartifacts/
    predictions.db      what was answered
    held.db             answers that people look at first
    summaries.db        hourly sums of what was answered
    canaries.db         what is counted of each canary
    loads.db            loads of versions that are not over, or ended their process
    limits.bin          what each client has left of its rate and of its quota
    policies/           the policies in force, copied from the shipped ones
    notebooks/          the notebooks to begin from, copied from the shipped ones
    schedules/          what was given to cron, systemd or Kubernetes to run
    proxy.secret        by which a proxy before the pages proves itself, where there is one
    reports/runs/       one folder a run: the executed notebook and its report
    reports/sweeps/     one folder a sweep: its plan, its table and its page
    .forms/             what was filled in last in the form of a notebook

Making one is safe to repeat and safe to interrupt: the settings file is written last.
"""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from workbench.bench.settings import FILE, Settings, read_settings, written
from workbench.errors import EngineError, Misuse
from workbench.ledger.sharing import file_mode, share, way_in


def shipped(name: str) -> Path:
    """The folder of shipped "notebooks" or "templates": in the wheel, or in the checkout.

    Raises:
        EngineError: The installation lacks it.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "shipped" / name, package.parent / name):
        if folder.is_dir():
            return folder
    raise EngineError(
        f"the installation has no folder {name!r}", hint="reinstall: pip install --force-reinstall workbench"
    )


def create(root: Path, settings: Settings | None = None) -> bool:
    """Make a workspace, or complete one that was begun; what is there is left as it is.

    Where its settings name a group, all of it is given to that group.

    Returns:
        True when the folder was no workspace before.

    Raises:
        Misuse: Its settings cannot be read, or name a group that does not exist.
        EngineError: The folder cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".lock", mode=file_mode(root)):
            (root / "reports" / "runs").mkdir(parents=True, exist_ok=True)
            policies = root / (settings or Settings()).policies
            _copy(_fitting(sorted((shipped("templates") / "policies").iterdir()), policies), policies)
            _copy(sorted(shipped("notebooks").glob("*.ipynb")), root / "notebooks")
            new = not (root / FILE).exists()
            if new:
                _place(written(settings or Settings()).encode(), root / FILE)
            group = read_settings(root).shared
            if group != "none":
                share(root, group)
            return new
    except OSError as error:
        raise EngineError(
            f"the workspace {root} cannot be written: {error.strerror or error}",
            hint=f"choose another folder, or mend its permissions; {way_in(root)}",
        ) from error


def find(start: Path) -> Path:
    """The workspace that a folder lies in: itself or the nearest above with a `workbench.toml`.

    Raises:
        Misuse: There is none.
        EngineError: A folder on the way cannot be entered.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        try:
            if (folder / FILE).is_file():
                return folder
        except PermissionError as error:
            raise EngineError(f"{folder} cannot be entered by you", hint=way_in(folder)) from error
    raise Misuse(
        f"{start} lies in no workspace (no {FILE} here or above)",
        hint="workbench init DIR makes one; --workspace DIR names one",
    )


def notebook_named(root: Path | None, name: str | Path) -> Path:
    """The path of a notebook named by its path, or by the bare name of one in a workspace or shipped.

    Args:
        root: The workspace; None where there is none.
        name: The path or the name.

    Raises:
        Misuse: There is no such notebook.
    """
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    if path.parent == Path():
        for folder in _notebook_folders(root):
            here = folder / f"{path.name.removesuffix('.ipynb')}.ipynb"
            if here.is_file():
                return here
    known = notebook_names(root)
    near = nearest(path.name.removesuffix(".ipynb"), known)
    hint = f"give a path, or one of: {', '.join(known)}{f'; {near}' if near else ''}"
    raise Misuse(f"there is no notebook {str(name)!r}", hint=hint)


def notebook_names(root: Path | None) -> list[str]:
    """The names of the notebooks in a workspace, if there is one, and of those shipped."""
    return sorted({path.stem for folder in _notebook_folders(root) for path in folder.glob("*.ipynb")})


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that a wrong one is nearest to; empty where none is near, or it is known.

    >>> nearest("ab_tset", ["ab_test", "train"]), nearest("train", ["train"])
    ('did you mean ab_test?', '')
    """
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near and near[0] != name else ""


def _notebook_folders(root: Path | None) -> list[Path]:
    return [*([root / "notebooks"] if root else []), shipped("notebooks")]


def _fitting(shipped_files: list[Path], policies: Path) -> list[Path]:
    """The shipped policies, and cases and tests only of those that are not another policy in the workspace."""
    own = {
        path.stem
        for path in shipped_files
        if (there := policies / path.name).is_file() and there.read_bytes() != path.read_bytes()
    }
    return [path for path in shipped_files if path.stem.removesuffix("_cases").removesuffix("_test") not in own]


def _copy(files: list[Path], folder: Path) -> None:
    """Copy files into a folder; one that is there already is left as it is."""
    folder.mkdir(exist_ok=True)
    for file in files:
        if not (folder / file.name).exists():
            _place(file.read_bytes(), folder / file.name)


def _place(content: bytes, path: Path) -> None:
    """Write a file so that it is there whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    shutil.move(beside, path)
