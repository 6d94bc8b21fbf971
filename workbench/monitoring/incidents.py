"""Incidents: one for each cause, from the ledger alone; opened, changed, acknowledged and resolved as entries.

    incident.opened        the trouble in words, its symptoms and causes
    incident.changed       other symptoms have joined, or some have gone
    incident.acknowledged  somebody has taken it
    incident.resolved      it is over, or somebody says why it is none

A trouble belongs to the open incident of its model with which it shares a symptom; so one cause is one
incident however often one looks and however many look at once. What Alertmanager tells and what a look finds
is one incident where both are of the same kind, about the same version, while it lasts: whichever came second
joins it, the trail names both, and it is over once both are. One that a person resolved stays so for a day,
though its signals may fail on: who resolves it has said why. One that was over by itself and comes back within
a day is the same one, opened again.

>>> fold([])
[]
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from workbench.errors import Misuse
from workbench.ledger import Entry, Ledger, digest
from workbench.monitoring.causes import Part, Trouble
from workbench.promotion.people import CHANGED, MACHINE, Roster

State = Literal["open", "acknowledged", "resolved"]

KINDS = ("incident.opened", "incident.changed", "incident.acknowledged", "incident.resolved")
MONITOR = "monitor"  # who opens incidents, and resolves those that are over
BY_ITSELF = (MONITOR, MACHINE)  # who resolves what nobody says to be over
QUIET = timedelta(days=1)  # for which an incident that a person resolved is not opened again
LETTERS = 10  # of an incident's id
ALERT = "alert"  # before the kind of a symptom that an alert has told, and what a cause is that one has told


@dataclass(frozen=True)
class Incident:
    """One incident as it stands."""

    id: str
    model: str
    version: int  # that was in use when it was opened
    state: State
    gravity: str  # "act" or "watch"
    sentence: str  # the cause first
    since: datetime | None  # when it began, where that is known
    opened_at: datetime
    symptoms: tuple[str, ...]  # names of the signals
    causes: tuple[Part, ...]
    by: str = ""  # who acknowledged or resolved it
    why: str = ""
    changed_at: datetime | None = None  # of the last entry
    seqs: tuple[int, ...] = ()  # its entries in the ledger
    alerts: Mapping[str, str] = field(default_factory=dict)  # that fire on: the kind of each by its key

    @property
    def alive(self) -> bool:
        """Whether it is not resolved."""
        return self.state != "resolved"

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        told = {name: getattr(self, name) for name in ("id", "model", "version", "state", "gravity", "sentence")}
        times = {name: at.isoformat() if (at := getattr(self, name)) else None for name in ("since", "opened_at")}
        causes = [as_told(part) for part in self.causes]
        return {
            **told,
            **times,
            "symptoms": list(self.symptoms),
            "causes": causes,
            "by": self.by,
            "why": self.why,
            "entries": list(self.seqs),
        }


def incidents(ledger: Ledger, model: str | None = None, *, alive: bool = False) -> list[Incident]:
    """Incidents, those to act on first and the newest first.

    Args:
        ledger: What happened.
        model: Of this model.
        alive: Without those that are resolved.
    """
    found = [one for one in fold(ledger.entries(subject=model, kind=KINDS)) if one.alive or not alive]
    return sorted(found, key=lambda one: (not one.alive, one.gravity != "act", -one.opened_at.timestamp()))


def incident(ledger: Ledger, id_: str) -> Incident:
    """One incident by its id or the beginning of it.

    Raises:
        Misuse: There is none, or more than one.
    """
    found = [one for one in fold(ledger.entries(kind=KINDS)) if id_ and one.id.startswith(id_)]
    if len(found) != 1:
        many = f"{len(found)} incidents begin with {id_!r}" if found else f"there is no incident {id_!r}"
        raise Misuse(many, hint="workbench incidents list --all")
    return found[0]


def keep(
    ledger: Ledger,
    model: str,
    version: int,
    found: Sequence[Trouble],
    sound: Iterable[str],
    *,
    columns: Collection[str] | None = None,
    now: datetime,
) -> tuple[list[Incident], list[Incident]]:
    """Bring a model's incidents in line with a look; those that were opened, and those that were resolved.

    Args:
        ledger: Where they are kept.
        model: Its name.
        version: In use.
        found: Its troubles now.
        sound: Names of the signals that are shown to be in order.
        columns: That the version in use reads; of another, no input can be wrong. None: not known.
        now: The time, aware.
    """
    passing, opened, resolved = set(sound), list[Incident](), list[Incident]()
    with ledger.transaction() as writer:
        before = fold(ledger.entries(subject=model, kind=KINDS))
        alive = [one for one in before if one.alive]
        taken: set[str] = set()
        for trouble in found:
            free = [one for one in alive if one.id not in taken]
            same = next((one for one in free if trouble.keys & set(one.symptoms)), None)
            same = same or next((one for one in free if one.version == version and _alerted(one, trouble)), None)
            body = _body(trouble, version)
            if same is not None:
                taken.add(same.id)
                if not trouble.keys <= set(same.symptoms):
                    body["symptoms"] = sorted({*trouble.keys, *same.symptoms})
                    body["causes"] += [as_told(part) for part in same.causes if part.what == ALERT]
                    body["gravity"] = same.gravity if same.alerts and same.gravity == "act" else trouble.gravity
                    _append(writer, "changed", model, {**body, "id": same.id}, MONITOR, trouble.sentence, now)
                continue
            if said_over(before, trouble, version, now) is not None:
                continue
            back = next((one for one in reversed(before) if _returns(one, trouble, now)), None)
            if back is not None:
                body["symptoms"] = sorted({*trouble.keys, *back.symptoms})
            id_ = back.id if back else digest([model, sorted(trouble.keys), len(before) + len(opened)])[:LETTERS]
            entry = _append(writer, "opened", model, {**body, "id": id_}, MONITOR, trouble.sentence, now)
            opened.append(fold([entry])[0])
        for one in alive:
            if one.id not in taken and all(name in passing or _gone(name, columns) for name in one.symptoms):
                _append(
                    writer, "resolved", model, {"id": one.id}, MONITOR, "All of its signals are in order again.", now
                )
                resolved.append(replace(one, state="resolved"))
    return opened, resolved


def said_over(known: Iterable[Incident], trouble: Trouble, version: int, now: datetime) -> Incident | None:
    """The incident of which a person has just said that it is over, and which a trouble is; None: there is none.

    Args:
        known: The model's incidents.
        trouble: What is wrong now.
        version: In use.
        now: The time, aware.
    """
    for one in known:
        last = one.changed_at or one.opened_at
        told = trouble.keys <= set(one.symptoms) or (one.version == version and _alerted(one, trouble))
        if not one.alive and one.by not in BY_ITSELF and now - last < QUIET and told:
            return one
    return None


def acknowledge(ledger: Ledger, id_: str, *, actor: str, why: str, now: datetime) -> Incident:
    """Take an incident on.

    Raises:
        Misuse: There is no such incident, it is resolved, no word is said, or the role may only look.
    """
    return _moved(ledger, id_, "acknowledged", actor, why, now)


def resolve(ledger: Ledger, id_: str, *, actor: str, why: str, now: datetime) -> Incident:
    """Say that an incident is over, and why.

    Raises:
        Misuse: There is no such incident, it is resolved already, no reason is given, or the role may only look.
    """
    return _moved(ledger, id_, "resolved", actor, why, now)


def check_may(ledger: Ledger, actor: str) -> None:
    """Refuse those who may only look: whoever may move a model or decide on one may say what an incident is.

    Raises:
        Misuse: They may not; the message says who may.
    """
    roster = Roster.of(ledger.entries(kind=CHANGED))
    if not roster.may(actor, "approve"):
        roster.check(actor, "ask")


def as_told(part: Part) -> dict[str, Any]:
    """A cause as an entry tells it."""
    return {"what": part.what, "words": part.words, "share": part.share, "seq": part.seq}


def kind_of(symptom: str) -> str:
    """The kind of trouble that a symptom is of, whoever tells it.

    >>> kind_of("inputs:income"), kind_of("alert:errors"), kind_of("latency")
    ('inputs', 'errors', 'latency')
    """
    return symptom.removeprefix(f"{ALERT}:").partition(":")[0]


def fold(entries: Iterable[Entry]) -> list[Incident]:
    """The incidents that entries tell of, in the order in which they were opened."""
    found: dict[str, Incident] = {}
    for entry in entries:
        id_ = str(entry.body.get("id", ""))
        if entry.kind == "incident.opened":
            one = _told(entry, id_)
            before = found.get(id_)
            if before is not None:  # it was over, and came back
                one = replace(one, opened_at=before.opened_at, seqs=(*before.seqs, entry.seq), changed_at=entry.at)
            found[id_] = one
        elif id_ in found:
            one = replace(found[id_], seqs=(*found[id_].seqs, entry.seq), changed_at=entry.at)
            if entry.kind == "incident.changed":
                again = _told(entry, id_)
                one = replace(one, sentence=again.sentence, symptoms=again.symptoms, causes=again.causes)
                one = replace(one, gravity=again.gravity, alerts=entry.body.get("alerts", one.alerts))
            elif entry.kind == "incident.acknowledged" and one.alive:
                one = replace(one, state="acknowledged", by=entry.actor, why=entry.why)
            elif entry.kind == "incident.resolved":
                one = replace(one, state="resolved", by=entry.actor, why=entry.why)
            found[id_] = one
    return list(found.values())


def _told(entry: Entry, id_: str) -> Incident:
    body = entry.body
    since = body.get("since")
    return Incident(
        id=id_,
        model=entry.subject,
        version=int(body.get("version", 0)),
        state="open",
        gravity=str(body.get("gravity", "act")),
        sentence=str(body.get("sentence", entry.why)),
        since=datetime.fromisoformat(since) if since else None,
        opened_at=entry.at,
        symptoms=tuple(map(str, body.get("symptoms", ()))),
        causes=tuple(
            Part(str(part.get("what", "")), str(part.get("words", "")), part.get("share"), part.get("seq"))
            for part in body.get("causes", ())
        ),
        seqs=(entry.seq,),
        alerts=body.get("alerts", {}),
    )


def _body(trouble: Trouble, version: int) -> dict[str, Any]:
    return {
        "version": version,
        "gravity": trouble.gravity,
        "since": trouble.since.isoformat() if trouble.since else None,
        "symptoms": sorted(trouble.keys),
        "causes": [as_told(part) for part in trouble.causes],
    }


def _gone(symptom: str, columns: Collection[str] | None) -> bool:
    """Whether a symptom is of an input that is not read any more."""
    kind, _, about = symptom.partition(":")
    return kind == "inputs" and columns is not None and about not in columns


def _alerted(one: Incident, trouble: Trouble) -> bool:
    """Whether an alert has told of the same kind of trouble."""
    kinds = {kind_of(symptom) for symptom in one.symptoms if symptom.startswith(f"{ALERT}:")}
    return not kinds.isdisjoint(map(kind_of, trouble.keys))


def _returns(one: Incident, trouble: Trouble, now: datetime) -> bool:
    """Whether a trouble is an incident that was over by itself not long ago."""
    last = one.changed_at or one.opened_at
    return not one.alive and one.by in BY_ITSELF and now - last < QUIET and bool(trouble.keys & set(one.symptoms))


def _append(writer: Any, what: str, model: str, body: Mapping[str, Any], actor: str, why: str, now: datetime) -> Entry:
    entry: Entry = writer.append(f"incident.{what}", subject=model, actor=actor, why=why, body=body, now=now)
    return entry


def _moved(ledger: Ledger, id_: str, state: State, actor: str, why: str, now: datetime) -> Incident:
    if not why.strip():
        raise Misuse(f"an incident is {state} with a reason", hint='say it: --why "the feed was mended"')
    with ledger.transaction() as writer:
        check_may(ledger, actor)
        one = incident(ledger, id_)
        if not one.alive:
            raise Misuse(
                f"incident {one.id} was resolved already by {one.by}", hint=f"workbench incidents show {one.id}"
            )
        _append(writer, state, one.model, {"id": one.id}, actor, why.strip(), now)
    return incident(ledger, one.id)
