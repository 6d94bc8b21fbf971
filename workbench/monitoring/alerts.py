"""What Alertmanager tells, as incidents: opened once by an alert's fingerprint and beginning, resolved when it is.

An alert about our own incidents is no news and opens none. Of a model that has no champion here nothing is
kept; what is about no model is the gateway's. Grave alerts ("page") call for action, others are watched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from workbench.ledger import Ledger, digest
from workbench.monitoring.automatic import ALERT, KINDS
from workbench.monitoring.incidents import LETTERS, fold
from workbench.promotion.people import MACHINE
from workbench.promotion.stages import CHAMPION

GATEWAY = "(gateway)"  # whom an alert without a model is about
OWN = ("incident",)  # causes that we have told ourselves
BY_NAME = {"ErrorBudgetBurnsFast": "errors", "ErrorBudgetBurnsSlowly": "errors", "LatencyBudgetBurnsFast": "latency",
           "LatencyBudgetBurnsSlowly": "latency"}  # fmt: skip


@dataclass(frozen=True)
class Alert:
    """One alert as Alertmanager sends it."""

    fingerprint: str
    firing: bool
    labels: Mapping[str, str]
    summary: str
    starts_at: datetime

    @property
    def kind(self) -> str:
        """Its kind of trouble, among those that the watch knows; else what its label `cause` says."""
        cause = self.labels.get("cause", "")
        return BY_NAME.get(self.labels.get("alertname", ""), cause if cause in KINDS else cause or "other")


class Heard(NamedTuple):
    """What came of a message."""

    opened: tuple[str, ...] = ()  # ids of incidents
    resolved: tuple[str, ...] = ()
    known: int = 0  # alerts that were told before
    ignored: int = 0  # about nobody here, or our own news
    models: tuple[str, ...] = ()  # of which an incident was opened


def hear(ledger: Ledger, alerts: Iterable[Alert], *, now: datetime) -> Heard:
    """Keep what alerts tell; the same again changes nothing."""
    opened, resolved, models = list[str](), list[str](), list[str]()
    known = ignored = 0
    for alert in alerts:
        model = alert.labels.get("model", "")
        head = ledger.head(model, CHAMPION) if model else None
        if alert.labels.get("cause") in OWN or (model and (head is None or head.version is None)):
            ignored += 1
            continue
        about = model or GATEWAY
        id_ = digest([ALERT, alert.fingerprint, alert.starts_at.isoformat()])[:LETTERS]
        key = f"alert:{alert.fingerprint}:{alert.starts_at.isoformat()}"
        if alert.firing:
            if ledger.find(key) is not None:
                known += 1
                continue
            with ledger.transaction() as writer:
                size = writer.size
                entry = writer.append(
                    "incident.opened", subject=about, actor=MACHINE, why=alert.summary, key=key, now=now,
                    body={
                        "id": id_, "version": head.version if head else 0, "since": alert.starts_at.isoformat(),
                        "gravity": "act" if alert.labels.get("severity") == "page" else "watch",
                        "symptoms": [f"{ALERT}:{alert.kind}"],
                        "causes": [{"what": ALERT, "words": alert.labels.get("alertname", ""), "share": None}],
                    },
                )  # fmt: skip
                fresh = entry.seq > size
            if fresh:
                opened.append(id_)
                models.append(about)
            else:
                known += 1
            continue
        before = {
            one.id: one for one in fold(ledger.entries(subject=about, kind=("incident.opened", "incident.resolved")))
        }
        if id_ not in before or not before[id_].alive:
            known += id_ in before
            ignored += id_ not in before
            continue
        ledger.append(
            "incident.resolved", subject=about, actor=MACHINE, why="Alertmanager says that it is over.",
            body={"id": id_}, now=now, key=f"{key}:resolved",
        )  # fmt: skip
        resolved.append(id_)
    return Heard(tuple(opened), tuple(resolved), known, ignored, tuple(dict.fromkeys(models)))
