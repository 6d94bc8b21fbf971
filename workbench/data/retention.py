"""How long data, answers and logs may be kept: windows declared in the ledger, judged at a moment; pure, no IO.

A window is an entry of kind `retention.declared`. Its subject says what it is for: "data/DIGEST" one body of
data, "predictions/MODEL" the answers of one model ("predictions/*" of all), "logs" the files of runs. The
newest entry about a subject holds. Where both a day and a number of days are told, the earlier end counts.
A day is 86,400 seconds, whatever a clock on a wall does. What is older than its window must be gone; at the
window's very edge it may still be kept. A last day counts to its end: the edge of "2026-01-31" is midnight, UTC,
with which the first of February begins.

>>> from datetime import UTC, datetime
>>> window = Window("data/d1", collected=datetime(2026, 1, 1, tzinfo=UTC), days=30.0)
>>> window.days_left(datetime(2026, 1, 11, tzinfo=UTC))
20.0
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from workbench.errors import Misuse
from workbench.ledger import Entry

DECLARED = "retention.declared"
DATA, PREDICTIONS, LOGS = "data/", "predictions/", "logs"
ALL = "predictions/*"
LONGEST = 36_500.0  # days
DAY = 86_400.0  # seconds


@dataclass(frozen=True)
class Window:
    """How long one thing may be kept."""

    subject: str  # "data/<digest>", "predictions/<model>", "predictions/*", "logs"
    days: float | None = None  # from when it was collected, or of each answer or log from its own time
    until: datetime | None = None  # at the latest, aware
    collected: datetime | None = None  # when data was collected, aware
    names: tuple[str, ...] = ()  # what people call it
    why: str = ""

    @property
    def end(self) -> datetime | None:
        """When it must be gone; None where each thing has an end of its own."""
        ends = [self.until] if self.until else []
        if self.collected is not None and self.days is not None:
            ends.append(self.collected.astimezone(UTC) + timedelta(days=self.days))  # across a change of the clocks
        return min(ends) if ends else None

    def days_left(self, now: datetime) -> float | None:
        """Days until it must be gone, below zero where it should be gone already; None where it has no end."""
        return None if self.end is None else (self.end.astimezone(UTC) - now).total_seconds() / DAY

    def as_body(self) -> dict[str, Any]:
        """Plain JSON for the body of its entry."""
        return {
            "days": self.days,
            "until": self.until.astimezone(UTC).isoformat() if self.until else None,
            "collected_at": self.collected.astimezone(UTC).isoformat() if self.collected else None,
            "names": list(self.names),
        }


def checked(window: Window) -> Window:
    """The window, if it says something that can be kept.

    Raises:
        Misuse: The subject is of no known form, it has no end, or a number or a time makes no sense.
    """
    name = subject_checked(window.subject)
    if window.days is None and window.until is None:
        raise Misuse(f"no end is given for {name}", hint="--days N, or --until DATE")
    if window.days is not None and not 0 < window.days <= LONGEST:
        raise Misuse(f"{window.days:g} days cannot be kept to", hint=f"above 0, at most {LONGEST:,.0f}")
    for at in (window.until, window.collected):
        if at is not None and at.tzinfo is None:
            raise Misuse(f"the time {at.isoformat()} has no offset", hint="e.g. 2026-01-31T00:00:00+00:00")
    if name.startswith(DATA) and window.days is not None and window.collected is None:
        raise Misuse("days count from when the data was collected", hint="--collected DATE, or --until DATE")
    try:
        window.as_body(), window.end
    except OverflowError as error:
        raise Misuse(f"the end of {name} is beyond the year 9999", hint="an earlier day, or fewer days") from error
    return window


def subject_checked(name: str, *, also: tuple[str, ...] = ()) -> str:
    """The name of what is kept, if it is of a known form.

    Args:
        name: What was given.
        also: Other beginnings that are known.

    Raises:
        Misuse: It is of none.
    """
    known = (DATA, PREDICTIONS, *also)
    if name == LOGS or any(name.startswith(begin) and len(name) > len(begin) for begin in known):
        return name
    forms = ['"data/DIGEST"', '"predictions/MODEL"', '"predictions/*"', *(f'"{begin}NAME"' for begin in also)]
    raise Misuse(f"{name!r} cannot be kept for a time", hint=f'use {", ".join(forms)} or "logs"')


def windows(entries: Iterable[Entry]) -> dict[str, Window]:
    """The window that holds for each subject; an entry that cannot be read as one declares nothing.

    Args:
        entries: Of the ledger, in their order; others are passed over.
    """
    found: dict[str, Window] = {}
    for entry in entries:
        if entry.kind == DECLARED:
            body = entry.body
            try:
                window = Window(
                    entry.subject,
                    None if body.get("days") is None else float(body["days"]),
                    _moment(body.get("until")),
                    _moment(body.get("collected_at")),
                    tuple(map(str, body.get("names") or ())),
                    entry.why,
                )
                found[entry.subject] = checked(window)
            except (Misuse, TypeError, ValueError):
                continue
    return found


def days_left(digests: Iterable[str], known: Mapping[str, Window], now: datetime) -> float | None:
    """Days until the first of some bodies of data must be gone, for a policy; None where no window is declared.

    Args:
        digests: Of the data.
        known: From `windows`.
        now: When it is asked.
    """
    left = [known[f"{DATA}{one}"].days_left(now) for one in digests if f"{DATA}{one}" in known]
    ends = [days for days in left if days is not None]
    return min(ends) if ends else None


def answers_before(model: str, known: Mapping[str, Window], now: datetime) -> datetime | None:
    """Before when the answers of a model must be gone; None where they may all be kept."""
    window = known.get(f"{PREDICTIONS}{model}") or known.get(ALL)
    return None if window is None else gone_before(window, now)


def gone_before(window: Window, now: datetime) -> datetime | None:
    """Before when answers or logs must be gone by their window; None where they may all be kept."""
    ends = [now - timedelta(days=window.days)] if window.days is not None else []
    if window.until is not None and window.until < now:
        ends.append(now)  # all that there is
    return max(ends) if ends else None


def moment(text: str, *, last: bool = False) -> datetime:
    """The moment that a text tells, in UTC where it has no offset; of a day its beginning, or as the last day its end.

    Args:
        text: ISO 8601.
        last: Whether a day counts to its end.

    Raises:
        ValueError: It tells none.

    >>> moment("2026-01-31").isoformat(), moment("2026-01-31", last=True).isoformat()
    ('2026-01-31T00:00:00+00:00', '2026-02-01T00:00:00+00:00')
    """
    try:
        day = datetime.combine(date.fromisoformat(text), time(tzinfo=UTC))
    except ValueError:
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        return day + timedelta(days=1) if last else day
    except OverflowError as error:
        raise ValueError(f"no day comes after {text}") from error


def _moment(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text))
