"""What the windows of retention mean for the models in use: whose data must be gone, and when; pure, no IO.

>>> served_data([], {}, [], now=datetime(2026, 1, 1, tzinfo=UTC))
[]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.data.holds import Hold, holds, over_data
from workbench.data.retention import DATA, Window
from workbench.evidence.finding import Figure, Finding, Verdict
from workbench.ledger import Entry

SOON = 30.0  # days


@dataclass(frozen=True)
class Held:
    """A body of data that a version was trained on, and how long it may still be kept."""

    model: str
    version: int
    name: str  # what it was recorded as
    digest: str
    days_left: float | None  # below zero: it should be gone; None: no window is declared
    hold: Hold | None = None  # by which it may not be removed, whatever its window says

    @property
    def verdict(self) -> Verdict:
        """Whether the version may go on: never known without a window."""
        if self.days_left is None:
            return "not enough evidence"
        return "pass" if self.days_left >= 0 else "fail"

    @property
    def sentence(self) -> str:
        """It in words."""
        return self._sentence if self.hold is None else f"{self._sentence}; it is kept by {self.hold.sentence}"

    @property
    def _sentence(self) -> str:
        subject = f"{self.model} {self.version}"
        if self.days_left is None:
            return f"{subject} was trained on {self.name}; how long that may be kept is not declared"
        if self.days_left < 0:
            return f"{subject} was trained on {self.name}, which had to be gone {span(-self.days_left)} ago"
        return f"{subject} was trained on {self.name}, which may be kept for {span(self.days_left)} more"


def span(days: float) -> str:
    """A span in whole days, below two of them in hours; rounded down, so that none is promised.

    >>> span(40.9), span(0.5), span(0.0)
    ('40 days', '12 hours', 'less than an hour')
    """
    if days >= 2:
        return f"{int(days):,} days"
    hours = int(days * 24)
    return f"{hours} {'hour' if hours == 1 else 'hours'}" if hours else "less than an hour"


def data_behind(data_digest: str, run: Entry | None) -> dict[str, str]:
    """The data behind a version, by digest, with the name it was recorded as.

    Args:
        data_digest: Of what it was trained on, as it was registered.
        run: The entry of the run that trained it, where there is one.
    """
    read = [*run.body.get("data", ()), *run.body.get("sources", ())] if run else []
    found = {str(one["digest"]): str(one.get("name") or one.get("path")) for one in read}
    found.setdefault(data_digest, "the training data")
    return found


def trained_on(entries: Iterable[Entry], subject: str) -> dict[str, str]:
    """The data behind a version, by digest, with the name it was recorded as.

    Args:
        entries: Of the ledger; those of registrations and runs count.
        subject: "lending/3".
    """
    told = list(entries)
    registered = next((e for e in told if e.kind == "version.registered" and e.subject == subject), None)
    if registered is None:
        return {}
    run = next((e for e in told if e.kind == "run.finished" and e.subject == f"run/{registered.body['run_id']}"), None)
    return data_behind(str(registered.body["data_digest"]), run)


def served_data(
    entries: Iterable[Entry], known: Mapping[str, Window], serving: Iterable[tuple[str, int]], *, now: datetime
) -> list[Held]:
    """What the versions in use were trained on, what must be gone first first.

    Args:
        entries: Of the ledger.
        known: The windows, from `workbench.data.retention.windows`.
        serving: Model and version of each that is in use.
        now: When it is asked, aware.
    """
    told = list(entries)
    standing = holds(told)
    found = [
        Held(
            model,
            version,
            name,
            digest,
            window.days_left(now) if window else None,
            over_data(standing, f"{DATA}{digest}", model),
        )
        for model, version in serving
        for digest, name in trained_on(told, f"{model}/{version}").items()
        for window in [known.get(f"{DATA}{digest}")]
    ]
    return sorted(found, key=lambda held: (held.days_left is None, held.days_left or 0.0, held.model, held.version))


def retention_finding(held: Iterable[Held], *, run_id: str, at: datetime) -> list[Finding]:
    """One finding for each version in use: it fails where any of its data had to be gone."""
    versions: dict[tuple[str, int], list[Held]] = {}
    for one in held:
        versions.setdefault((one.model, one.version), []).append(one)
    found = []
    for (model, version), data in versions.items():
        first = data[0]  # the one that must be gone first
        found.append(
            Finding(
                kind="retention",
                subject=f"{model}/{version}",
                verdict=first.verdict,
                sentence=first.sentence,
                figures={"days_left": Figure(first.days_left)},
                data_digest=first.digest,
                run_id=run_id,
                at=at.astimezone(UTC).isoformat(),
                details={"data": [{"name": d.name, "digest": d.digest, "days_left": d.days_left} for d in data]},
            )
        )
    return found
