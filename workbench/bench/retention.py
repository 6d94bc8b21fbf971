"""How long a workspace keeps things: windows declared and looked at, and what is past them removed.

Nothing is removed but answers in the prediction log and log files of servers; data lies elsewhere and is its
owner's to remove, so what is past its window is told, with the models that were trained on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from workbench.data.retention import DECLARED, LOGS, PREDICTIONS, Window, answers_before, checked, windows
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
            Misuse: The window says nothing that can be kept, or counts from a time to come.
        """
        bench = self._bench
        body = checked(window).as_body()
        if window.collected is not None and window.collected > bench.now():
            raise Misuse(
                f"{window.collected.isoformat()} is to come; nothing was collected then", hint="--collected DATE"
            )
        return bench.ledger.append(
            DECLARED, subject=window.subject, actor=bench.actor, why=why, body=body, now=bench.now()
        )

    def held(self) -> list[Held]:
        """What the versions in use were trained on, what must be gone first first."""
        from workbench.evidence.retention import served_data

        ledger = self._bench.ledger
        serving = [(head.model, head.version) for head in ledger.heads() if head.version is not None]
        told = ledger.entries(kind=("version.registered", "run.finished"))
        return served_data(told, self.windows, dict.fromkeys(serving), now=self._bench.now())

    def apply(self, *, dry_run: bool) -> list[Removed]:
        """Remove the answers and the log files that are past their windows; each removal is an entry.

        Args:
            dry_run: Only say what would be removed.

        Raises:
            EngineError: Something cannot be removed.
        """
        bench, now, known = self._bench, self._bench.now(), self.windows
        found = []
        for model in sorted({v.model for v in bench.ledger.versions()} | self._answered(known)):
            before = answers_before(model, known, now)
            if before is not None:
                count = bench.log.prune(model, before, dry_run=dry_run)
                count += bench.held_store.forget(before, model=model, dry_run=dry_run)
                found.append(Removed(f"{PREDICTIONS}{model}", before, count))
        logs = known.get(LOGS)
        if logs is not None and logs.days is not None:
            before = now - timedelta(days=logs.days)
            found.append(Removed(LOGS, before, self._drop_logs(before, dry_run=dry_run)))
        removed = [one for one in found if one.count]
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
