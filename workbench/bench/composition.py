"""The bench: a workspace with everything one does in it, each room handed what it needs.

bench = open_bench("workbench-demo")
bench.run("ab_test", {"seed": 7})
bench.promote("lending", 3, why="fairer, and hardly less accurate")
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.bench.notebooks import Notebooks
from workbench.errors import EngineError
from workbench.ledger import Entry, ModelVersion

if TYPE_CHECKING:
    import pandas as pd

    from workbench.audits.thresholds import ThresholdCounts
    from workbench.bench.canaries import Canaries
    from workbench.bench.decisions import Decisions
    from workbench.bench.held import HeldAnswers
    from workbench.bench.papers import Papers
    from workbench.bench.retention import Retention
    from workbench.bench.traces import Traces
    from workbench.bench.trials import Trial
    from workbench.bench.watch import Watch
    from workbench.data import Profile
    from workbench.experiments.archive import Archive, Past
    from workbench.experiments.opened import Opened
    from workbench.monitoring import AuditedVersion, DriftedModel
    from workbench.policy import Decision
    from workbench.promotion import Candidate, Gate, Move, Open
    from workbench.promotion.reconciling import Found


REPLAYED = 5000  # served rows that a compiled form is tried on, at most


class Bench(Notebooks):
    """A workspace: its notebooks, its models and their moves, and what its pages show."""

    def __init__(self, root: Path, *, environ: Mapping[str, str]) -> None:
        super().__init__(root, environ=environ)
        self._profiles: dict[str, Profile | None] = {}  # by the digest of the version's files

    # models

    def version(self, model: str, version: int) -> ModelVersion:
        """A registered version, as the ledger knows it."""
        return self._ledger.version(model, version)

    def model(self, model: str, version: int) -> Any:
        """A version's scikit-learn estimator, loaded after its files' digest was checked."""
        return self._store.load(self.version(model, version)).estimator

    def profile(self, model: str, version: int) -> Profile | None:
        """The profile of a version's training data, or None where it has none."""
        return self._profile_of(self.version(model, version))

    def compile(self, model: str, version: int) -> Entry:
        """Make a version's compiled form and prove it; the entry with the certificate, or with why there is none."""

        def replay(name: str) -> list[tuple[Any, ...]]:
            served = self._log.served_features(name, limit=REPLAYED)
            columns = list(self._store.load(known).columns)
            usable = served.columns.size and set(columns) <= set(served.columns)
            return list(served[columns].itertuples(index=False, name=None)) if usable else []

        known = self.version(model, version)
        return self.lanes.certify(known, replay=replay, actor=self.actor, now=self.now())

    def rotate_aside(self) -> None:
        """Rotate the prediction log where it is due, in a process of its own: answers go on meanwhile."""
        most, days = self.settings.log_rows, self.retention.log_days
        due = self._log.rotate(now=self.now(), most=most, days=days, dry_run=True)
        if due.moved or due.deleted:
            program = [sys.executable, "-m", "workbench", "log", "rotate", "--workspace", str(self.root)]
            subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, check=False)

    # moves: each is decided by the gate

    def promote(self, model: str, version: int, why: str, *, key: str | None = None) -> Move:
        """Make a version champion if the policy allows it."""
        return self._moving.promote(model, version, actor=self.actor, why=why, now=self.now(), key=key)

    def rollback(self, model: str, why: str, *, key: str | None = None) -> Move:
        """Bring back the champion before the present one if the policy allows it."""
        return self._moving.rollback(model, actor=self.actor, why=why, now=self.now(), key=key)

    def reject(self, model: str, version: int, why: str) -> Entry:
        """Turn a candidate down; newer evidence may bring it back."""
        return self.gate.reject(model, version, actor=self.actor, why=why, now=self.now())

    def stage(self, model: str, version: int, slot: str, why: str, *, weight: float | None = None) -> Move:
        """Put a version into shadow or canary, or give a canary another share of the traffic."""
        return self._moving.stage(model, version, slot, actor=self.actor, why=why, now=self.now(), weight=weight)

    def clear(self, model: str, slot: str, why: str) -> Move:
        """Take out whoever is in shadow or canary."""
        return self._moving.clear(model, slot, actor=self.actor, why=why, now=self.now())

    def retire(self, model: str, version: int, why: str) -> Move:
        """Take a version out of use for good."""
        return self._moving.retire(model, version, actor=self.actor, why=why, now=self.now())

    def say_yes(self, question: str, why: str, *, then: bool = False) -> tuple[Entry, Move | None]:
        """Approve a question in the name of whoever acts; on request the move is asked for again."""
        return self._moving.approve(question, by=self.identity, why=why, now=self.now(), then=then)

    def say_no(self, question: str, why: str) -> Entry:
        """Refuse a question in the name of whoever acts; it has ended."""
        return self.gate.desk.refuse(question, by=self.identity, why=why, now=self.now())

    def queue(self, *, ended: bool = False) -> list[Open]:
        """The questions that wait for people, oldest first, none of them looked at yet: there may be thousands."""
        from workbench.promotion import queue

        return queue(self.gate.desk, now=self.now(), ended=ended)

    def reconcile(self, *, dry_run: bool = False) -> list[str]:
        """Bring MLflow's aliases in line with the ledger; says what was mended or cannot be."""
        found = self.inspect(dry_run=dry_run)
        return [*self.notices, *(one.sentence for one in found)]

    def inspect(self, *, dry_run: bool = False) -> list[Found]:
        """As `reconcile`, each with its kind and what it is about."""
        return self.gate.inspect(now=self.now(), dry_run=dry_run)

    # what leaves the workspace, and how long things stay

    @property
    def papers(self) -> Papers:
        """Certificates, cards and documentation of versions."""
        from workbench.bench.papers import Papers

        return Papers(self)

    @property
    def retention(self) -> Retention:
        """How long data, answers and logs are kept."""
        from workbench.bench.retention import Retention

        return Retention(self)

    # where things come from

    @cached_property
    def traces(self) -> Traces:
        """What came of what: data, runs, versions, decisions, answers, in both directions."""
        from workbench.bench.traces import Traces

        return Traces(self)

    # what was tried before

    def archive(self) -> Archive:
        """Every finished experiment of this workspace, failures too, newest first."""
        from workbench.experiments.archive import Archive

        return Archive.read(self.ledger, self.root)

    def open_experiment(self, past: Past) -> Opened:
        """A past experiment with what it kept, to be asked again."""
        from workbench.experiments.opened import Opened

        return Opened.of(past, self.archive())

    # what the pages show and do

    def board(self) -> Sequence[Candidate]:
        """All versions with their evidence; no policy is asked."""
        from workbench.promotion import board

        return board(self.ledger)

    def verdicts(self, versions: Sequence[tuple[str, int]]) -> Sequence[Decision]:
        """What the policy says now to promoting each of some versions, by model and number; asked in one go."""
        return self.gate.verdicts(versions, now=self.now(), actor=self.actor)

    @property
    def decisions(self) -> Decisions:
        """What the pages of decisions show and do, for whoever acts."""
        from workbench.bench.decisions import Decisions

        return Decisions(self)

    @cached_property
    def watch(self) -> Watch:
        """What is watched of the served models: passes, incidents, thresholds tried on the past."""
        from workbench.bench.watch import Watch

        return Watch(self, self._profile_of)

    @cached_property
    def canaries(self) -> Canaries:
        """What is tried on a part of the traffic, and how far it has come."""
        from workbench.bench.canaries import Canaries

        return Canaries(self)

    @property
    def held(self) -> HeldAnswers:
        """Answers that people look at before they are given."""
        from workbench.bench.held import HeldAnswers

        return HeldAnswers(self)

    def trial(self, model: str) -> Trial:
        """The canary of a model as an experiment: the stretch that runs, or the last that did."""
        from workbench.bench.trials import latest

        return latest(self.ledger, model, now=self.now())

    def trial_table(self, trial: Trial) -> pd.DataFrame:
        """Its answers, with unit, variant, labels and features."""
        from workbench.bench.trials import table

        return table(self.log, trial)

    def fairness(self) -> Sequence[AuditedVersion]:
        """Every model's champion and candidates with their last fairness audits, the newest version first."""
        from workbench.monitoring import audited

        return audited(self.ledger)

    def thresholds(self, one: AuditedVersion) -> ThresholdCounts | None:
        """What every threshold would have brought in a version's last fairness audit; None where none were kept."""
        from workbench.audits.thresholds import ThresholdCounts

        text = self._kept(one.finding.run_id, "thresholds.json") if one.finding else None
        return None if text is None else ThresholdCounts.from_json(text)

    def drifts(self) -> Sequence[DriftedModel]:
        """Every model that is served or was looked at with its last drift audit, the worst first."""
        from workbench.monitoring import drifts

        return drifts(self.ledger)

    @property
    def _moving(self) -> Gate:
        """The gate, after what a move that was cut off still owes the registry was paid, if it can be."""
        if self.ledger.owed():
            with suppress(EngineError):  # it stays owed, and `reconcile` says so
                self.notices += self.gate.reconcile(now=self.now())
        return self.gate

    def _kept(self, run_id: str, name: str) -> str | None:
        """A text that a run kept among its files; None where it kept none of that name.

        Raises:
            EngineError: It cannot be read.
        """
        from workbench.batch.folders import FILES, runs_folder

        finished = self.ledger.entries(subject=f"run/{run_id}", kind="run.finished", limit=1)
        if not finished:
            return None
        path = runs_folder(self.root) / str(finished[0].body["folder"]) / FILES / name
        try:
            return path.read_text("utf-8") if path.is_file() else None
        except (OSError, UnicodeDecodeError) as error:
            raise EngineError(f"{path} cannot be read: {error}", hint="look at the run's folder") from error

    def _profile_of(self, version: ModelVersion) -> Profile | None:
        from workbench.data import Profile

        if version.model_digest not in self._profiles:
            text = self._store.profile(version)
            self._profiles[version.model_digest] = None if text is None else Profile.from_json(text)
        return self._profiles[version.model_digest]
