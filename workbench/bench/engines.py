"""The engines of a workspace: what its settings name, opened when it is first used; and who acts, and when.

Within a run of a notebook the engines that hold what changes are noted when they are opened, so that the
run is not used again as if nothing had changed.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

from workbench.bench.settings import read_settings
from workbench.ledger import Ledger
from workbench.ledger.sharing import UMASK, file_mode, shared

if TYPE_CHECKING:
    from workbench.engines.lanes import Lanes
    from workbench.engines.mlflow import MlflowStore
    from workbench.engines.mlflow_claims import Owner
    from workbench.engines.mlflow_guard import Guard
    from workbench.engines.opa import OpaEngine
    from workbench.engines.rego import RegoEngine
    from workbench.ledger import ModelVersion
    from workbench.ledger.database import Database
    from workbench.ledger.signing import SigningKey
    from workbench.monitoring.canaries import CanaryStore
    from workbench.monitoring.summary_store import SummaryStore
    from workbench.promotion import Desk, Gate, Identity
    from workbench.serving import Keys, LogPolicy, PredictionLog
    from workbench.serving.allowances import Allowances
    from workbench.serving.events import Database as EventTables
    from workbench.serving.events import Stream, TableDesk
    from workbench.serving.held_store import HeldStore
    from workbench.serving.loads import Loads


class Engines:
    """One workspace with its engines, each opened at its first use."""

    def __init__(self, root: Path, *, environ: Mapping[str, str]) -> None:
        self.root = root
        self.settings = read_settings(root)
        if shared(root):
            os.umask(UMASK)  # what this process and its kernels make is for the group
        self._environ = environ
        self.notices: list[str] = []  # what opening an engine had to mend, in words
        self._opening = Lock()  # several threads of a sweep ask for the same at once

    # who, when and where

    @property
    def actor(self) -> str:
        """The name of whoever acts."""
        return self.identity.name

    @cached_property
    def identity(self) -> Identity:
        """Who acts, as the machine, the JupyterHub or a trusted proxy tells; see `bench.identity`."""
        from workbench.bench.identity import identify
        from workbench.engines.jupyterhub import user_of

        return identify(self.settings.identity, self._environ, self.root, user_of)

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
        from workbench.engines.mlflow_names import driven

        return driven(self._url(self.settings.tracking)), self.root / self.settings.artifacts

    @property
    def ledger(self) -> Ledger:
        """What happened, in order."""
        self._reads("the ledger")
        return self._ledger

    @property
    def store(self) -> MlflowStore:
        """MLflow: tracking, registry and model files (imports MLflow, about two seconds)."""
        self._reads("MLflow's store")
        return self._store

    @cached_property
    def gate(self) -> Gate:
        """The one way by which a model moves."""
        from workbench.promotion import Gate

        folder = self.root / self.settings.policies
        return Gate(self.ledger, self.policy_engine, folder, lambda: self.store, self.desk)

    @cached_property
    def desk(self) -> Desk:
        """Where people are asked, and answer."""
        from workbench.promotion import Desk

        return Desk(self.ledger)

    @cached_property
    def policy_engine(self) -> RegoEngine | OpaEngine:
        """What evaluates policies."""
        from workbench.bench.policies import policy_engine

        chosen = self.settings
        return policy_engine(chosen.policy_engine, chosen.policy_token, self._environ, seconds=chosen.policy_seconds)

    @cached_property
    def lanes(self) -> Lanes:
        """Loads versions for answering, compiled where that was certified; opens MLflow only where it must."""
        from workbench.engines.lanes import Lanes

        program = [sys.executable, "-m", "workbench", "compile", "--workspace", str(self.root), "--"]
        return Lanes(self._ledger, lambda: self._store, self.tracking[1], program)

    @cached_property
    def keys(self) -> Keys:
        """Who may ask the gateway."""
        from workbench.serving import Keys

        return Keys(self.ledger, now=self.now)

    @cached_property
    def log_policy(self) -> LogPolicy:
        """What is logged of which model; hashes are keyed by a file that only this user reads."""
        from workbench.serving import LogPolicy, per_model

        features = per_model(self.settings.log_features)
        key = b"" if set(features.values()) == {"kept"} else _secret(self.root / "predictions.key")
        return LogPolicy(features, per_model(self.settings.log_share), key)

    @property
    def log(self) -> PredictionLog:
        """What was answered to whom."""
        self._reads("the prediction log")
        return self._log

    @property
    def events(self) -> TableDesk:
        """Subscriptions, what came of their events, and their dead letters."""
        self._reads("the events")
        return self._events

    def stream(self, url: str | None = None) -> Stream:
        """Topics of events: the workspace's own, or those at a URL (sqlite, postgresql, kafka); the caller closes it.

        Raises:
            Misuse: The URL is of another kind.
            EngineError: They cannot be reached, or a library is missing.
        """
        from workbench.serving.events import TableStream

        self._reads("the events")
        if url is not None and url.startswith("kafka:"):
            from workbench.engines.kafka import KafkaStream

            return KafkaStream(url)
        return TableStream(self._event_tables(self.settings.events if url is None else url))

    @property
    def held_store(self) -> HeldStore:
        """Answers that wait for people, with what a reviewer has to see."""
        self._reads("the held answers")
        return self._held_store

    @property
    def summaries(self) -> SummaryStore:
        """Hourly sums of what was answered."""
        self._reads("the summaries")
        return self._summaries

    @cached_property
    def canary_store(self) -> CanaryStore:
        """What is counted of each canary."""
        from workbench.monitoring.canaries import CanaryStore

        return CanaryStore.open(self._url(self.settings.canaries))

    @cached_property
    def loads(self) -> Loads:
        """Loads of versions that are not over, or ended their process."""
        from workbench.serving.loads import Loads

        return Loads.open(self._url(self.settings.loads))

    @cached_property
    def allowances(self) -> Allowances:
        """What each client has left of its rate and of its quota; belongs to the thread that answers."""
        from workbench.serving.allowances import Allowances

        return Allowances(self.root / "limits.bin")

    # keys

    @property
    def signing_key(self) -> SigningKey:
        """What this workspace signs with: the ledger's key, made when it is first needed."""
        return self._ledger.signing_key(actor=self.actor, now=self.now())

    def keys_for(self, version: ModelVersion) -> Sequence[str]:
        """The public keys of which one must have signed a version's files; none where it is older than they are."""
        keys = self._ledger.keys()
        told = self._ledger.entries(subject=version.subject, kind="version.registered", limit=1)
        since = keys[0].since if keys else 0
        return [key.public for key in keys] if keys and not (told and told[0].seq < since) else ()

    # life

    def rehearse(self) -> None:
        """From now on judge and tell everything as ever, and keep nothing of it in the ledger."""
        self._ledger.rehearse()

    def close(self) -> None:
        """Close what was opened."""
        stores = ("_ledger", "_log", "_events", "_summaries", "_held_store", "canary_store", "loads", "allowances")
        for name in (*stores, "policy_engine"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # what stands behind the engines; what does not change may be read from here without a note

    @cached_property
    def _ledger(self) -> Ledger:
        ledger = Ledger.open(self._url(self.settings.ledger), {"postgresql": self._postgres})
        ledger.sign_with(self.root / "keys" / "ledger.key")
        return ledger

    def _postgres(self, url: str) -> Database:
        from workbench.engines.postgres import open_postgres

        return open_postgres(url, self._environ)

    @cached_property
    def _store(self) -> MlflowStore:
        from workbench.engines.mlflow import MlflowStore

        return MlflowStore(*self.tracking, trusted=self.keys_for, whose=self._owner, opened=self._look_after_guard)

    def _owner(self) -> Owner | None:
        """This ledger, as whoever shares its MLflow is told of it."""
        from workbench.engines.mlflow_claims import Owner

        first = self._ledger.entries(limit=1)
        return Owner(first[0].hash, str(self.root)) if first else None

    @cached_property
    def guard(self) -> Guard:
        """The triggers in MLflow's own database, installed or not."""
        from workbench.engines.mlflow_guard import Guard

        return Guard(self.tracking[0])

    def _look_after_guard(self) -> None:
        """Put back what MLflow's database has lost of the guard, and note it."""
        from workbench.promotion.guarding import look_after

        if self._ledger.rehearsing:
            return
        told = look_after(self._ledger, self.guard, now=self.now())
        if told:
            self.notices.append(told)

    @cached_property
    def _log(self) -> PredictionLog:
        from workbench.serving import PredictionLog

        return PredictionLog.open(self._url(self.settings.predictions), self.log_policy)

    @cached_property
    def _events(self) -> TableDesk:
        from workbench.serving.events import TableDesk

        return TableDesk(self._event_tables(self.settings.events))

    def _event_tables(self, url: str) -> EventTables:
        if url.startswith(("postgresql:", "postgres:")):
            from workbench.engines.postgres_events import PostgresDatabase

            return PostgresDatabase(url)
        from workbench.serving.events import SqliteDatabase

        return SqliteDatabase.open(self._url(url))

    @cached_property
    def _held_store(self) -> HeldStore:
        from workbench.serving.held_store import HeldStore

        return HeldStore.open(self._url(self.settings.held))

    @cached_property
    def _summaries(self) -> SummaryStore:
        from workbench.monitoring.summary_store import SummaryStore

        return SummaryStore.open(self._url(self.settings.summaries))

    def _reads(self, what: str) -> None:
        """Note, within a run, that it reads what changes: its outcome may then not be used again."""
        folder = self._environ.get("WORKBENCH_RUN")
        if folder:
            from workbench.batch.reads import note_changing

            note_changing(Path(folder), f"it reads {what}, which changes")

    def _url(self, url: str) -> str:
        scheme, _, path = url.partition(":///")
        if scheme == "sqlite" and path and not path.startswith("/"):
            return f"sqlite:///{self.root / path}"
        return url


def _secret(path: Path) -> bytes:
    """A key in a file, made at its first use; of those who make it at once, one does."""
    try:
        made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file_mode(path.parent))
    except FileExistsError:
        return bytes.fromhex(path.read_text("ascii").strip())
    with os.fdopen(made, "w") as file:
        file.write(secrets.token_hex(32))
    return _secret(path)
