"""All that is served at a glance: a line a model, worst first, from stored summaries, incidents and the last looks.

A look at a model takes milliseconds, and there may be hundreds of models; so a glance reads what all of them have
in one query, and takes the looks that are at hand. A model that was not looked at yet is told by its incidents, and
never as healthy. An incident that has moved since the look is told in its own words.

>>> outline([(0, Outline({200: 3}, {})), (2, Outline({500: 1}, {}))], hours=3)
((3, 0, 1), 4, 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from workbench.ledger import Head, Ledger
from workbench.monitoring.incidents import Incident, incidents
from workbench.monitoring.packed import Outline
from workbench.monitoring.passes import Looked, standing
from workbench.monitoring.summary_store import HOUR, SummaryStore
from workbench.promotion.board import doubted

Shown = Literal["act", "watch", "unseen", "healthy"]
GRAVITY: Mapping[Shown, int] = {"act": 0, "watch": 1, "unseen": 2, "healthy": 3}


@dataclass(frozen=True)
class Line:
    """One served model."""

    model: str
    version: int
    state: Shown  # "unseen": no look was taken yet, and no incident is open
    sentence: str  # the cause first
    since: datetime | None  # when it began, where that is known
    requests: int  # in the window
    failed: int  # of them, on our side
    traffic: tuple[int, ...]  # requests by the hour, oldest first, without the hour that runs but where it is the first
    incidents: tuple[str, ...] = ()  # ids of those that are alive
    taken: str = ""  # who acknowledged the gravest of them
    canary: int | None = None  # the version that is tried
    weight: float | None = None  # its share of the traffic
    looked_at: datetime | None = None


@dataclass(frozen=True)
class Glance:
    """All models, worst first."""

    at: datetime
    window: timedelta
    lines: tuple[Line, ...]
    incidents: tuple[Incident, ...]  # that are alive, the gravest first
    problems: tuple[str, ...] = ()  # what could not be looked at

    @property
    def unseen(self) -> int:
        """Models that no look was taken at yet."""
        return sum(line.looked_at is None for line in self.lines)


def glance(
    ledger: Ledger,
    store: SummaryStore,
    looks: Mapping[str, Looked],
    *,
    now: datetime,
    window: timedelta,
    problems: Sequence[str] = (),
) -> Glance:
    """A line for every champion.

    Args:
        ledger: Who is champion, and the incidents.
        store: Summaries.
        looks: The last look at each model, as far as there is one.
        now: The end of the window, aware.
        window: How long it is, in whole hours.
        problems: What could not be looked at.
    """
    begin = (now - window).replace(minute=0, second=0, microsecond=0)
    hours = int((now - begin) / HOUR) + 1
    seen: dict[str, list[tuple[int, Outline]]] = {}
    for model, at, _, told in store.outlines(since=begin, until=now + HOUR):
        seen.setdefault(model, []).append((int((at - begin) / HOUR), told))
    heads = ledger.heads()
    doubts = doubted(ledger, [head for head in heads if head.slot == "champion"])
    canaries = {head.model: head for head in heads if head.slot == "canary" and head.version is not None}
    alive: dict[str, list[Incident]] = {}
    found = incidents(ledger, alive=True)
    for one in found:
        alive.setdefault(one.model, []).append(one)
    lines = [
        _line(
            head,
            outline(seen.get(head.model, ()), hours),
            alive.get(head.model, ()),
            _current(looks.get(head.model), head),
            canaries.get(head.model),
            doubts.get(head, ""),
        )
        for head in heads
        if head.slot == "champion" and head.version is not None
    ]
    ordered = sorted(lines, key=lambda line: (GRAVITY[line.state], bool(line.taken), -line.failed, line.model))
    return Glance(now, window, tuple(ordered), tuple(found), tuple(problems))


def outline(told: Iterable[tuple[int, Outline]], hours: int) -> tuple[tuple[int, ...], int, int]:
    """Requests by the hour, all of them, and those that failed on our side."""
    traffic, failed = [0] * hours, 0
    for place, each in told:
        traffic[min(max(place, 0), hours - 1)] += sum(each.requests.values())
        failed += sum(n for status, n in each.requests.items() if status >= 500)
    return tuple(traffic), sum(traffic), failed


def _current(looked: Looked | None, head: Head) -> Looked | None:
    """The look, unless it was at another version."""
    return looked if looked is not None and looked.watched.subject.version == head.version else None


def _line(
    head: Head,
    counts: tuple[tuple[int, ...], int, int],
    alive: Sequence[Incident],
    looked: Looked | None,
    canary: Head | None,
    doubt: str,
) -> Line:
    state, sentence, since = _told(alive, looked)
    if doubt:
        state, sentence = "act", f"Version {head.version} as champion is doubted: {doubt}; workbench ledger verify."
    traffic, requests, failed = counts
    taken = alive[0].by if alive and alive[0].state == "acknowledged" else ""
    return Line(
        model=head.model,
        version=head.holder,
        state=state,
        sentence=sentence,
        since=since,
        requests=requests,
        failed=failed,
        traffic=traffic[:-1] if any(traffic[:-1]) else traffic,
        incidents=tuple(one.id for one in alive),
        taken=taken,
        canary=canary.version if canary else None,
        weight=canary.weight if canary else None,
        looked_at=looked.watched.at if looked else None,
    )


def _told(alive: Sequence[Incident], looked: Looked | None) -> tuple[Shown, str, datetime | None]:
    first = alive[0] if alive else None
    moved = first is not None and (looked is None or (first.changed_at or first.opened_at) > looked.watched.at)
    if first is not None and moved:
        return "act" if first.gravity == "act" else "watch", first.sentence, first.since
    if looked is None:
        return "unseen", "It is about to be looked at; no incident is open.", None
    seen = standing(looked)
    if seen.state == "healthy" and first is not None:
        return "watch", f"Nothing is shown to be wrong now, and this is not resolved: {first.sentence}", first.since
    return seen.state, seen.sentence, seen.since
