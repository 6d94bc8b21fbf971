"""What Alertmanager tells, as incidents: opened once by an alert's fingerprint and beginning, resolved when it is.

An alert joins the incident of the same kind that there is of its model's version, whoever opened it, so that one
cause is one incident; that ends once no alert tells it any more and the watch finds its signals in order.
An alert about our own incidents is no news and opens none. Of a model that has no champion here nothing is
kept; what is about no model is the gateway's. Grave alerts ("page") call for action, others are watched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from workbench.ledger import Ledger, Writer, digest
from workbench.monitoring.causes import Part
from workbench.monitoring.incidents import ALERT, KINDS, LETTERS, Incident, as_told, fold, kind_of
from workbench.promotion.people import MACHINE
from workbench.promotion.stages import CHAMPION

GATEWAY = "(gateway)"  # whom an alert without a model is about
OWN = ("incident",)  # causes that we have told ourselves
OTHER = "other"  # the kind of an alert that says none; two of them need not be one trouble
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
        return BY_NAME.get(self.labels.get("alertname", ""), cause or OTHER)

    @property
    def key(self) -> str:
        """The key of the entry that first tells of it."""
        return f"{ALERT}:{self.fingerprint}:{self.starts_at.isoformat()}"


class Heard(NamedTuple):
    """What came of a message."""

    opened: tuple[str, ...] = ()  # ids of incidents
    resolved: tuple[str, ...] = ()
    known: int = 0  # alerts that were told before
    ignored: int = 0  # about nobody here, or our own news
    models: tuple[str, ...] = ()  # of which an incident was opened or joined
    joined: tuple[str, ...] = ()  # ids of incidents that were there already


def hear(ledger: Ledger, alerts: Iterable[Alert], *, now: datetime) -> Heard:
    """Keep what alerts tell; the same again changes nothing."""
    came: dict[str, list[tuple[str, str]]] = {what: [] for what in ("opened", "joined", "resolved", "known", "ignored")}
    for alert in alerts:
        model = alert.labels.get("model", "")
        head = ledger.head(model, CHAMPION) if model else None
        about = model or GATEWAY
        if alert.labels.get("cause") in OWN or (model and (head is None or head.version is None)):
            what, id_ = "ignored", ""
        elif alert.firing:
            what, id_ = _fires(ledger, alert, about, head.version or 0 if head else 0, now)
        else:
            what, id_ = _is_over(ledger, alert, about, now)
        came[what].append((id_, about))
    ids = {what: tuple(dict.fromkeys(id_ for id_, _ in told)) for what, told in came.items()}
    models = tuple(dict.fromkeys(about for _, about in (*came["opened"], *came["joined"])))
    return Heard(ids["opened"], ids["resolved"], len(came["known"]), len(came["ignored"]), models, ids["joined"])


def _fires(ledger: Ledger, alert: Alert, about: str, version: int, now: datetime) -> tuple[str, str]:
    """Open an incident, or join the one that there is of the same kind; what was done, and its id."""
    symptom, name = f"{ALERT}:{alert.kind}", alert.labels.get("alertname", "")
    part, gravity = Part(ALERT, name), "act" if alert.labels.get("severity") == "page" else "watch"
    with ledger.transaction() as writer:
        if writer.find(alert.key) is not None:
            return "known", ""
        alive = [one for one in fold(ledger.entries(subject=about, kind=KINDS)) if one.alive and one.version == version]
        same = next((one for one in alive if alert.kind in map(kind_of, one.symptoms)), None)
        if same is None or alert.kind == OTHER:
            id_ = digest([ALERT, alert.fingerprint, alert.starts_at.isoformat()])[:LETTERS]
            body = {
                "id": id_, "version": version, "since": alert.starts_at.isoformat(), "gravity": gravity,
                "symptoms": [symptom], "causes": [as_told(part)], "alerts": {alert.key: alert.kind},
            }  # fmt: skip
            writer.append(
                "incident.opened", subject=about, actor=MACHINE, why=alert.summary, key=alert.key, now=now, body=body
            )
            return "opened", id_
        _change(
            writer, same, f"Alertmanager tells it too: {alert.summary}", alert.key, now,
            symptoms=sorted({*same.symptoms, symptom}), causes=[*same.causes, *[part] * (part not in same.causes)],
            alerts={**same.alerts, alert.key: alert.kind}, gravity="act" if gravity == "act" else same.gravity,
        )  # fmt: skip
        return "joined", same.id


def _is_over(ledger: Ledger, alert: Alert, about: str, now: datetime) -> tuple[str, str]:
    """End the incident that an alert has told, unless something else tells it on; what was done, and its id."""
    with ledger.transaction() as writer:
        told = writer.find(alert.key)
        if told is None:
            return "ignored", ""
        id_ = str(told.body["id"])
        one = next(one for one in fold(ledger.entries(subject=about, kind=KINDS)) if one.id == id_)
        if not one.alive or writer.find(f"{alert.key}:resolved") is not None:
            return "known", ""
        rest = {key: kind for key, kind in one.alerts.items() if key != alert.key}
        gone = f"{ALERT}:{alert.kind}" if alert.kind not in rest.values() else ""
        symptoms = [symptom for symptom in one.symptoms if symptom != gone]
        if symptoms:
            why = f"Alertmanager says that its part is over: {alert.summary}"
            _change(
                writer, one, why, f"{alert.key}:resolved", now,
                symptoms=symptoms, causes=one.causes, alerts=rest, gravity=one.gravity,
            )  # fmt: skip
            return "known", ""
        writer.append(
            "incident.resolved", subject=about, actor=MACHINE, why="Alertmanager says that it is over.",
            body={"id": id_}, now=now, key=f"{alert.key}:resolved",
        )  # fmt: skip
        return "resolved", id_


def _change(
    writer: Writer, one: Incident, why: str, key: str, now: datetime, *,
    symptoms: Sequence[str], causes: Sequence[Part], alerts: Mapping[str, str], gravity: str,
) -> None:  # fmt: skip
    """Note in an incident's trail what alerts tell of it; what it is about stays."""
    body = {
        "id": one.id, "version": one.version, "since": one.since.isoformat() if one.since else None,
        "sentence": one.sentence, "gravity": gravity, "symptoms": list(symptoms),
        "causes": [as_told(part) for part in causes], "alerts": dict(alerts),
    }  # fmt: skip
    writer.append("incident.changed", subject=one.model, actor=MACHINE, why=why, key=key, now=now, body=body)
