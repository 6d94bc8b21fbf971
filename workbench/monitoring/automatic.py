"""Rolling a champion back without a person: for an incident that is shown, where its model is declared so.

`objectives["rollback"]` of a declaration lists the kinds of trouble: load (the champion does not), errors, latency,
inputs (drift), fairness, performance, calibration, kpi. The incident becomes a finding about the champion, the
reason is its sentence, and `rollback.rego` decides with both before it. The machine never goes back twice within a
day (`COOLDOWN`), so that it never swings between versions that both suffer from what lies upstream.

>>> kinds_of(["errors", "inputs:income", "alert:latency"])
('errors', 'inputs', 'latency')
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from workbench.errors import Denied, Misuse, NeedsPeople
from workbench.evidence import Figure, Finding
from workbench.ledger import Entry, Head, Ledger, digest
from workbench.monitoring.incidents import Incident, incidents, kind_of
from workbench.monitoring.signals import Kind, Signal
from workbench.promotion import Declaration, Gate, declaration
from workbench.promotion.people import MACHINE
from workbench.promotion.stages import CHAMPION

DECLARED = "rollback"  # among a declaration's objectives
KINDS: tuple[str, ...] = tuple(kind for kind in get_args(Kind) if kind not in {"refused", "traffic", "expected"})
COOLDOWN = timedelta(hours=24)  # between two rollbacks by the machine, whatever the policy says


@dataclass(frozen=True)
class Acted:
    """What came of one incident."""

    model: str
    version: int  # that was, or is, champion
    incident: str
    done: bool  # whether the champion before is back
    why: str  # in words, whether it was done or not
    back_to: int | None = None
    entry: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return dict(vars(self))


def allowed(declared: Declaration) -> tuple[str, ...]:
    """The kinds of trouble for which a model may be rolled back without a person; what is no kind is none."""
    given = declared.objectives.get(DECLARED, ())
    if isinstance(given, str):
        given = [given]
    return tuple(kind for kind in given if kind in KINDS) if isinstance(given, Sequence) else ()


def kinds_of(symptoms: Iterable[str]) -> tuple[str, ...]:
    """The kinds of trouble that symptoms are of, each once."""
    return tuple(dict.fromkeys(map(kind_of, symptoms)))


def act(
    ledger: Ledger,
    gate: Gate,
    *,
    now: datetime,
    models: Sequence[str] = (),
    signals: Mapping[str, Sequence[Signal]] | None = None,
    dry_run: bool = False,
) -> list[Acted]:
    """Roll back each champion whose incident calls for it and whose declaration allows it.

    Args:
        ledger: Where incidents are.
        gate: Through which a champion goes back.
        now: The time, aware.
        models: Only these; empty: all.
        signals: By model, what failed at the last look, for the finding's figures.
        dry_run: Only say what would be done.
    """
    found: list[Acted] = []
    gone: set[str] = set()
    for one in incidents(ledger, alive=True):
        if one.gravity != "act" or one.model in gone or (models and one.model not in models):
            continue
        head = ledger.head(one.model, CHAMPION)
        if head is None or head.version != one.version:
            continue  # it is an incident of a version that is champion no more
        declared = allowed(declaration(ledger, one.model))
        if not set(kinds_of(one.symptoms)) & set(declared):
            continue
        acted = _one(ledger, gate, one, head, declared, (signals or {}).get(one.model, ()), now, dry_run=dry_run)
        found.append(acted)
        gone |= {one.model} if acted.done else set()
    return found


def finding(one: Incident, signals: Sequence[Signal], now: datetime) -> Finding:
    """An incident as evidence about the version that was champion when it was opened."""
    figures = {
        signal.key: Figure(signal.value, signal.low, signal.high, target=signal.target)
        for signal in signals
        if signal.key in one.symptoms
    }
    told = one.as_dict()
    return Finding(
        "incident", f"{one.model}/{one.version}", "fail", one.sentence, figures, digest(told), "",
        now.astimezone(UTC).isoformat(), {"incident": one.id, "symptoms": list(one.symptoms)},
    )  # fmt: skip


def _one(
    ledger: Ledger,
    gate: Gate,
    one: Incident,
    head: Head,
    declared: tuple[str, ...],
    signals: Sequence[Signal],
    now: datetime,
    *,
    dry_run: bool,
) -> Acted:
    about = (one.model, one.version, one.id)
    last = _last(ledger, one.model)
    if last is not None and now - last.at < COOLDOWN:
        why = f"{one.model} was rolled back without a person on {last.at:%Y-%m-%d %H:%M}; now a person is to look"
        return Acted(*about, False, why)
    key = f"rollback:{one.model}:{head.generation}:{one.id}"
    earlier = ledger.find(key)
    if earlier is not None and earlier.kind.endswith(".denied"):
        return Acted(*about, False, f"The policy denied it in entry {earlier.seq}.", entry=earlier.seq)
    found = finding(one, signals, now)
    why = f"Incident {one.id}: {one.sentence}"
    since = ledger.entries(since=head.seq - 1, limit=1)[0].at
    told = {
        "incident": {"verdict": found.verdict, "subject": found.subject, "digest": found.digest, "id": one.id}
        | {"sentence": found.sentence, "figures": {name: dict(vars(each)) for name, each in found.figures.items()}},
        "kinds": list(kinds_of(one.symptoms)),
        "allowed": list(declared),
        "hours_since": None if last is None else (now - last.at).total_seconds() / 3600,
        "hours_early": None if one.since is None else (since - one.since).total_seconds() / 3600,
    }
    try:
        before = gate.before(one.model)
        if dry_run:
            return Acted(*about, False, f"It would go back to version {before}. {why}", before)
        ledger.append(
            "evidence.recorded", subject=found.subject, actor=MACHINE, why=one.sentence, body=found.as_body(), now=now,
            key=f"incident:{one.id}:{head.generation}",
        )  # fmt: skip
        move = gate.rollback(one.model, actor=MACHINE, why=why, now=now, key=key, automatic=told)
    except (Denied, NeedsPeople, Misuse) as error:
        return Acted(*about, False, error.message)
    return Acted(*about, True, why, move.version, move.entry_seq)


def _last(ledger: Ledger, model: str) -> Entry | None:
    """The last rollback that the machine did."""
    found = ledger.entries(prefix=f"{model}/", kind="rollback.granted", newest_first=True)
    return next((entry for entry in found if entry.actor == MACHINE and _model(entry) == model), None)


def _model(entry: Entry) -> str:
    return entry.subject.rpartition("/")[0]
