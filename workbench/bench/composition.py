"""Opens the engines that a workspace's settings name, and hands each room what it needs.

bench = open_bench("workbench-demo")
bench.run("ab_test", {"seed": 7})
bench.promote("lending", 3, why="fairer, and hardly less accurate")
"""

from __future__ import annotations

import getpass
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from workbench.bench.settings import read_settings
from workbench.bench.workspace import find, shipped
from workbench.errors import Misuse
from workbench.ledger import Entry, Ledger, ModelVersion

if TYPE_CHECKING:
    from workbench.batch import Outcome, Record
    from workbench.batch.lanes import Lane
    from workbench.batch.warm import Zygote
    from workbench.data import Profile
    from workbench.engines.mlflow import MlflowStore
    from workbench.monitoring import ServedModel
    from workbench.promotion import Candidate, Gate, Move
    from workbench.serving import PredictionLog


class Bench:
    """One workspace with its engines, each opened at its first use."""

    def __init__(self, root: Path, *, environ: Mapping[str, str]) -> None:
        self.root = root
        self.settings = read_settings(root)
        self._environ = environ
        self._profiles: dict[str, Profile | None] = {}  # by the digest of the version's files

    # who, when and where

    @property
    def actor(self) -> str:
        """Who acts: the JupyterHub user where there is one, else the user of the machine."""
        return self._environ.get("JUPYTERHUB_USER") or getpass.getuser()

    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """The day, where this machine is."""
        return self.now().astimezone().date()

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that this process was started in."""
        return self._environ

    # engines

    @property
    def tracking(self) -> tuple[str, Path]:
        """Where MLflow keeps runs and registry (a URL), and artifacts (a folder)."""
        return self._url(self.settings.tracking), self.root / self.settings.artifacts

    @cached_property
    def ledger(self) -> Ledger:
        """What happened, in order."""
        return Ledger.open(self._url(self.settings.ledger))

    @cached_property
    def store(self) -> MlflowStore:
        """MLflow: tracking, registry and model files (imports MLflow, about two seconds)."""
        from workbench.engines.mlflow import MlflowStore

        return MlflowStore(*self.tracking)

    @cached_property
    def gate(self) -> Gate:
        """The one way by which a model moves."""
        from workbench.engines.rego import RegoEngine
        from workbench.promotion import Gate

        engine = RegoEngine(seconds=self.settings.policy_seconds)
        return Gate(self.ledger, engine, self.root / self.settings.policies, lambda: self.store)

    @cached_property
    def log(self) -> PredictionLog:
        """What was answered to whom."""
        from workbench.serving import PredictionLog

        return PredictionLog.open(self._url(self.settings.predictions))

    # notebooks

    @cached_property
    def zygote(self) -> Zygote:
        """Where warm kernels come from; started when it is first asked for one."""
        from workbench.batch.warm import Zygote
        from workbench.batch.warm.identity import identify

        identity = identify(self.settings.preload.split(), self._environ)
        return Zygote(identity, idle=60 * self.settings.warm_minutes)

    def lane(self, kernel: str | None = None) -> Lane:
        """The way notebooks are run here.

        Args:
            kernel: "auto", "inline", "warm" or "cold"; by default as the settings say.
        """
        from workbench.batch.local import Local

        return Local(self.zygote, kernel or self.settings.kernel)

    def run(
        self,
        notebook: str | Path,
        parameters: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        on_cell: Callable[[int, int], None] | None = None,
        kernel: str | None = None,
    ) -> Outcome:
        """Run a notebook, by path or by a shipped one's name, and commit what it found."""
        from workbench.batch import run

        self.zygote.begin()  # it starts while the parameters are checked and MLflow is opened

        return run(
            self.notebook(notebook),
            parameters or {},
            workspace_root=self.root,
            tracking=lambda: self.store,
            ledger=self.ledger,
            actor=self.actor,
            now=self.now,
            environ=self._environ,
            key=key,
            on_cell=on_cell,
            lane=self.lane(kernel),
        )

    def notebook(self, name: str | Path) -> Path:
        """The path of a notebook named by its path, or by the bare name of one in the workspace or shipped.

        Raises:
            Misuse: There is no such notebook.
        """
        path = Path(name)
        if path.suffix == ".ipynb" and path.is_file():
            return path
        folders = (self.root / "notebooks", shipped("notebooks"))
        if path.parent == Path():
            for folder in folders:
                here = folder / f"{path.name.removesuffix('.ipynb')}.ipynb"
                if here.is_file():
                    return here
        known = ", ".join(sorted({p.stem for folder in folders for p in folder.glob("*.ipynb")}))
        raise Misuse(f"there is no notebook {str(name)!r}", hint=f"give a path, or one of: {known}")

    def new(
        self,
        template: str,
        *,
        hypothesis: str,
        owner: str | None = None,
        created: date | None = None,
        name: str = "",
        parameters: Mapping[str, Any] | None = None,
    ) -> Path:
        """A new notebook of this workspace, by a template's name; owner and day are this user and today by default."""
        from workbench.batch.templates import Intent, create, find_template

        intent = Intent(hypothesis, owner or self.actor, created or self.today())
        found = find_template(shipped("templates") / "notebooks", template)
        return create(found, intent, parameters or {}, folder=self.root / "notebooks", name=name)

    def record(self) -> Record:
        """What a notebook hands over: to the runner when one runs it, else to this bench at its end."""
        from workbench.batch import Record, commit_record

        folder = self._environ.get("WORKBENCH_RUN")
        if folder:
            return Record.in_run(Path(folder), now=self.now())
        return Record.interactive(
            self.root,
            now=self.now(),
            commit=lambda record: commit_record(
                record, tracking=lambda: self.store, ledger=self.ledger, actor=self.actor, now=self.now
            ),
        )

    # models

    def version(self, model: str, version: int) -> ModelVersion:
        """A registered version, as the ledger knows it."""
        return self.ledger.version(model, version)

    def model(self, model: str, version: int) -> Any:
        """A version's scikit-learn estimator, loaded after its files' digest was checked."""
        return self.store.load(self.version(model, version)).estimator

    def profile(self, model: str, version: int) -> Profile | None:
        """The profile of a version's training data, or None where it has none."""
        return self._profile_of(self.version(model, version))

    # moves: each is decided by the gate

    def promote(self, model: str, version: int, why: str, *, key: str | None = None) -> Move:
        """Make a version champion if the policy allows it."""
        return self.gate.promote(model, version, actor=self.actor, why=why, now=self.now(), key=key)

    def rollback(self, model: str, why: str, *, key: str | None = None) -> Move:
        """Bring back the champion before the present one if the policy allows it."""
        return self.gate.rollback(model, actor=self.actor, why=why, now=self.now(), key=key)

    def reject(self, model: str, version: int, why: str) -> Entry:
        """Turn a candidate down; newer evidence may bring it back."""
        return self.gate.reject(model, version, actor=self.actor, why=why, now=self.now())

    def reconcile(self) -> list[str]:
        """Bring MLflow's aliases in line with the ledger; says what was mended."""
        return self.gate.reconcile(now=self.now())

    # what the pages show and do

    def board(self) -> tuple[Sequence[Candidate], Sequence[Entry]]:
        """All versions with evidence and verdict, and the trail of past decisions, newest first."""
        from workbench.promotion import DECIDED, board

        def judge(model: str, version: int) -> Any:
            return self.gate.judge(model, version, now=self.now(), actor=self.actor)

        return board(self.ledger, judge), self.ledger.entries(kind=DECIDED, newest_first=True, limit=50)

    def approve(self, model: str, version: int, why: str) -> str:
        """Promote from a page; the sentence that confirms it."""
        move = self.promote(model, version, why)
        return f"{model} {version} is champion, generation {move.generation}. Ledger entry {move.entry_seq}."

    def turn_down(self, model: str, version: int, why: str) -> str:
        """Reject from a page; the sentence that confirms it."""
        entry = self.reject(model, version, why)
        return f"{model} {version} was turned down. Ledger entry {entry.seq}."

    def roll_back(self, model: str, why: str) -> str:
        """Roll back from a page; the sentence that confirms it."""
        move = self.rollback(model, why)
        return (
            f"{model} is back on version {move.version}, generation {move.generation}. Ledger entry {move.entry_seq}."
        )

    def served(self) -> Sequence[ServedModel]:
        """Each served model with its traffic, latency, errors and drift, worst first."""
        from workbench.monitoring import overview

        window = timedelta(hours=self.settings.monitoring_hours)
        return overview(self.ledger, self.log, self._profile_of, now=self.now(), window=window)

    # life

    def close(self) -> None:
        """Close what was opened."""
        for name in ("ledger", "log"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _url(self, url: str) -> str:
        scheme, _, path = url.partition(":///")
        if scheme == "sqlite" and path and not path.startswith("/"):
            return f"sqlite:///{self.root / path}"
        return url

    def _profile_of(self, version: ModelVersion) -> Profile | None:
        from workbench.data import Profile

        if version.model_digest not in self._profiles:
            text = self.store.profile(version)
            self._profiles[version.model_digest] = None if text is None else Profile.from_json(text)
        return self._profiles[version.model_digest]


def usual_zygote() -> Zygote:
    """The zygote of the shipped settings, where there is no workspace to ask."""
    from workbench.batch.warm import Zygote
    from workbench.batch.warm.identity import PRELOAD, identify

    return Zygote(identify(PRELOAD, os.environ))


def open_bench(workspace: str | Path | None = None) -> Bench:
    """The bench of a workspace.

    Args:
        workspace: Its folder; by default the one that WORKBENCH_WORKSPACE names, else the one that
            the current folder lies in.

    Raises:
        Misuse: There is no workspace there.
    """
    environ = dict(os.environ)
    named = workspace or environ.get("WORKBENCH_WORKSPACE")
    if named is None:
        return Bench(find(Path.cwd()), environ=environ)
    root = Path(named).resolve()
    found = find(root)
    if found != root:
        raise Misuse(f"{root} is no workspace; it lies in one", hint=f"--workspace {shlex.quote(str(found))}")
    return Bench(root, environ=environ)


def bench_if_any(workspace: str | Path | None = None) -> Bench | None:
    """The bench of a workspace as `open_bench` finds it; None where none is named and there is none.

    Raises:
        Misuse: What is named is no workspace, or its settings cannot be read.
    """
    if workspace is None and not os.environ.get("WORKBENCH_WORKSPACE"):
        try:
            workspace = find(Path.cwd())
        except Misuse:
            return None
    return open_bench(workspace)
