"""How long a workspace keeps things: windows declared and looked at, and what is past them removed.

Nothing is removed but answers in the prediction log and log files of servers; data lies elsewhere and is its
owner's to remove, so what is past its window is told, with the models that were trained on it. Nothing is removed
that a legal hold keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.data.holds import HELD, MODEL, RELEASED, Hold, held_subject, holds, over_answers, over_logs
from workbench.data.retention import (
    ALL,
    DATA,
    DECLARED,
    LOGS,
    PREDICTIONS,
    Window,
    answers_before,
    checked,
    gone_before,
    windows,
)
from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from workbench.bench.composition import Bench
    from workbench.evidence.retention import Held
    from workbench.ledger import Entry

APPLIED = "retention.applied"


@dataclass(frozen=True)
class Removed:
    """What is, or would be, removed of one thing."""

    subject: str
    before: datetime  # all that is older
    count: int
    hold: Hold | None = None  # by which it is kept in spite of its window


class Retention:
    """The windows of one workspace."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    @property
    def windows(self) -> dict[str, Window]:
        """The window that holds for each subject."""
        return windows(self._bench.ledger.entries(kind=DECLARED))

    def declare(self, window: Window, why: str) -> Entry:
        """Declare how long something may be kept; the newest declaration about it holds.

        Raises:
            Misuse: The window says nothing that can be kept, counts from a time to come, or they may not.
        """
        bench = self._bench
        bench.desk.check(bench.actor, "administer")  # the gate judges by it
        body = checked(window).as_body()
        if window.collected is not None and window.collected > bench.now():
            raise Misuse(
                f"{window.collected.isoformat()} is to come; nothing was collected then", hint="--collected DATE"
            )
        return bench.ledger.append(
            DECLARED, subject=window.subject, actor=bench.actor, why=why, body=body, now=bench.now()
        )

    @property
    def holds(self) -> dict[str, Hold]:
        """The legal holds that stand, by subject."""
        return holds(self._bench.ledger.entries(kind=(HELD, RELEASED)))

    @property
    def log_days(self) -> float | None:
        """How long the prediction log keeps its files, which hold all models' answers; None while any are held."""
        held = any(subject.startswith((PREDICTIONS, MODEL)) for subject in self.holds)
        return None if held else self._bench.settings.log_days

    def named(self, subject: str) -> tuple[str, tuple[str, ...]]:
        """A subject by its whole name, and what people call it; of data it may be how the digest begins.

        Raises:
            Misuse: It is data that the ledger does not know, or more than one body of it.
        """
        if not subject.startswith(DATA):
            return subject, ()
        index = self._bench.traces.index
        found = index.nodes(index.named("data", subject.removeprefix(DATA)))
        if len(found) != 1:
            said = "no data" if not found else f"{len(found)} bodies of data"
            raise Misuse(f"{subject!r} names {said} of the ledger", hint="workbench lineage version MODEL VERSION")
        return f"{DATA}{found[0].name}", tuple(found[0].facts.get("names", ()))

    def hold(self, subject: str, why: str) -> Entry:
        """Let nothing of a subject be removed until it is released.

        Raises:
            Misuse: It is nothing that can be held or that the ledger knows, is held already, there is no reason, or
                they may not.
        """
        name, _ = self.named(held_subject(subject))
        model = name.partition("/")[2] if name.startswith((MODEL, PREDICTIONS)) and name != ALL else ""
        if model and not self._bench.ledger.versions(model):  # a name spelled wrong would hold nothing
            raise Misuse(f"the ledger knows no model {model!r}", hint="workbench models lists those it knows")
        return self._change(HELD, name, why)

    def release(self, subject: str, why: str) -> Entry:
        """End a hold; the windows of retention count again.

        Raises:
            Misuse: It is not held, there is no reason, or they may not.
        """
        held = held_subject(subject)
        return self._change(RELEASED, held if held in self.holds else self.named(held)[0], why)

    def _change(self, kind: str, subject: str, why: str) -> Entry:
        bench = self._bench
        if not why.strip():
            raise Misuse("the reason is empty; a hold and its end need one", hint='--why "…", in a sentence')
        bench.desk.check(bench.actor, "administer")
        with bench.ledger.transaction() as writer:
            standing = self.holds.get(subject)
            if kind == HELD and standing is not None:
                raise Misuse(f"{subject} is held already: {standing.sentence}", hint="workbench retention lists holds")
            if kind == RELEASED and standing is None:
                held = ", ".join(self.holds) or "nothing is"
                raise Misuse(f"{subject} is not held", hint=f"held now: {held}")
            body = {} if standing is None else {"held": standing.seq}
            return writer.append(kind, subject=subject, actor=bench.actor, why=why.strip(), body=body, now=bench.now())

    def held(self) -> list[Held]:
        """What the versions in use were trained on, what must be gone first first."""
        from workbench.evidence.retention import served_data

        ledger = self._bench.ledger
        serving = [(head.model, head.version) for head in ledger.heads() if head.version is not None]
        told = ledger.entries(kind=("version.registered", "run.finished", HELD, RELEASED))
        return served_data(told, self.windows, dict.fromkeys(serving), now=self._bench.now())

    def apply(self, *, dry_run: bool) -> list[Removed]:
        """Remove the answers and the log files that are past their windows and not held; each removal is an entry.

        Args:
            dry_run: Only say what would be removed.

        Returns:
            What was removed, and what a hold has kept.

        Raises:
            EngineError: Something cannot be removed.
        """
        bench, now, known, standing = self._bench, self._bench.now(), self.windows, self.holds
        found = []
        for model in sorted({v.model for v in bench.ledger.versions()} | self._answered(known)):
            before = answers_before(model, known, now)
            if before is not None:
                hold = over_answers(standing, model)
                only_count = dry_run or hold is not None
                count = bench.log.prune(model, before, dry_run=only_count)
                count += bench.held_store.forget(before, model=model, dry_run=only_count)
                found.append(Removed(f"{PREDICTIONS}{model}", before, count, hold))
        before = gone_before(known[LOGS], now) if LOGS in known else None
        if before is not None:
            hold = over_logs(standing)
            found.append(Removed(LOGS, before, self._drop_logs(before, dry_run=dry_run or hold is not None), hold))
        removed = [one for one in found if one.count and one.hold is None]
        if not dry_run:
            for one in removed:
                self._note(one, now)
        return found

    def _answered(self, known: dict[str, Window]) -> set[str]:
        named = {subject.removeprefix(PREDICTIONS) for subject in known if subject.startswith(PREDICTIONS)}
        return named - {"*"}

    def _drop_logs(self, before: datetime, *, dry_run: bool) -> int:
        old = [
            path
            for path in (self._bench.root / ".run").glob("*.log")
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime < before.timestamp()
        ]
        if not dry_run:
            for path in old:
                try:
                    path.unlink()
                except OSError as error:
                    raise EngineError(
                        f"{path} cannot be removed: {error.strerror}", hint="mend its permissions"
                    ) from error
        return len(old)

    def _note(self, one: Removed, now: datetime) -> None:
        body: dict[str, Any] = {"before": one.before.isoformat(), "removed": one.count}
        why = f"{one.count:,} were older than their window"
        bench = self._bench
        bench.ledger.append(APPLIED, subject=one.subject, actor=bench.actor, why=why, body=body, now=now)
