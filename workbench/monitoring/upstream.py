"""What changed upstream just before: entries of the ledger beside the causes of a drop.

Read are entries that exist anyway: a version that was registered with another feature set or other data,
a version that went live or back, a run that read a source whose content had changed. That one came just
before a cause began does not show that it is the reason; it is where to look first.

>>> from workbench.ledger.entry import GENESIS, chained
>>> entry = chained(seq=1, at=datetime(2026, 6, 12), kind="promotion.granted", subject="lending/3", actor="ada",
...     why="better", body={}, key=None, prev=GENESIS)
>>> changes("lending", [entry])[0].words
'version 3 went live on 12 June 2026'
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from workbench.ledger import Entry

if TYPE_CHECKING:
    from workbench.audits.cause import Cause, CauseAudit

What = Literal["deploy", "feature set", "training data", "source"]

WINDOW = timedelta(days=7)  # before a cause began, in which a change is beside it
SLACK = timedelta(days=1)  # after it, since a beginning is estimated
ORDER: dict[What, int] = {"feature set": 0, "deploy": 1, "source": 2, "training data": 3}  # of one moment


@dataclass(frozen=True)
class Change:
    """Something upstream that became another."""

    what: What
    at: datetime
    words: str
    seq: int  # the ledger's entry


@dataclass(frozen=True)
class Suspect:
    """A cause, and what changed just before it began, nearest first."""

    cause: Cause
    changes: tuple[Change, ...]
    words: str  # the cause, since when, what it cost, and the two changes that are nearest


def changes(model: str, entries: Iterable[Entry]) -> tuple[Change, ...]:
    """What changed upstream of a model, in the order of time.

    Args:
        model: Its name.
        entries: Of the ledger, in their order.
    """
    found: list[Change] = []
    feature_set = data = ""
    sources: dict[str, str] = {}
    of_version: dict[int, str] = {}
    for entry in entries:
        name, _, number = entry.subject.rpartition("/")
        if entry.kind == "run.finished":
            for source in entry.body.get("data", ()):
                before = sources.get(source["name"])
                if before is not None and before != source["digest"]:
                    found.append(_change("source", entry, f"the source {source['name']} had other content"))
                sources[source["name"]] = source["digest"]
        elif name != model:
            continue
        elif entry.kind == "version.registered":
            of_version[int(number)] = entry.body["feature_set"]
            if data and entry.body["data_digest"] != data:
                found.append(_change("training data", entry, f"version {number} was trained on other data"))
            data = entry.body["data_digest"]
        elif entry.kind in {"promotion.granted", "rollback.granted"}:
            version = int(number)
            gone = "went live" if entry.kind == "promotion.granted" else "came back by rollback"
            found.append(_change("deploy", entry, f"version {version} {gone}"))
            read = of_version.get(version, "")
            if read and feature_set and read != feature_set:
                found.append(
                    _change("feature set", entry, f"feature set {read} was deployed in place of {feature_set}")
                )
            feature_set = read or feature_set
    return tuple(found)


def suspects(audit: CauseAudit, found: Sequence[Change], *, window: timedelta = WINDOW) -> tuple[Suspect, ...]:
    """The causes that are shown, dearest first, each with what changed upstream about when it began.

    A cause of which it is not known since when it acts began with the cases now. Without times, nothing is
    set beside a cause.

    Args:
        audit: The causes.
        found: From `changes`.
        window: How far before a cause a change may lie; it may come a day later, since a beginning is estimated.
    """
    told = []
    for cause in audit.causes:
        if cause.shown:
            close = near(cause.since or audit.begun, found, window)
            told.append(Suspect(cause, close, _words(cause, close, audit.measure)))
    return tuple(told)


def near(since: datetime | None, found: Sequence[Change], window: timedelta = WINDOW) -> tuple[Change, ...]:
    """Changes about a moment, nearest day first; none of a moment that is not known.

    Args:
        since: The moment.
        found: From `changes`.
        window: How far before it a change may lie.
    """
    if since is None:
        return ()
    about = [change for change in found if since - window <= change.at <= since + SLACK]
    return tuple(sorted(about, key=lambda change: (abs((since - change.at).days), ORDER[change.what])))


def _words(cause: Cause, near: Sequence[Change], measure: str) -> str:
    since = f", since {_day(cause.since)}" if cause.since else ""
    cost = f"{cause.value:.4f} of {measure}" if measure == "accuracy" else f"{cause.value:.4g} of {measure}"
    about = f"; about then: {'; '.join(change.words for change in near[:2])}" if near else ""
    return f"{cause.words}{since}: cost {cost}{about}."


def _change(what: What, entry: Entry, words: str) -> Change:
    return Change(what, entry.at, f"{words} on {_day(entry.at)}", entry.seq)


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"
