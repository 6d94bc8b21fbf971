"""What a model is declared to keep to: objectives, KPIs and groups, as the newest `model.declared` says.

Whoever declares may leave anything out, and what is of a wrong form is left out and told: a watch must not
end because of a typing error. Without a declaration the objectives are those of the whole house.

>>> told = Objectives.of({"objectives": {"errors": 0.001, "latency_ms": {"p99": 50}}})
>>> told.errors, told.latency, told.problems
(0.001, (0.99, 0.05), ())
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workbench.ledger import Ledger
from workbench.promotion.declarations import COUNTED

KIND = "model.declared"
ERRORS = 0.01  # share of requests that may fail on our side
LATENCY = (0.99, 0.25)  # this share of the requests within so many seconds
DROP = 0.02  # of accuracy, that matters
IMPACT = 0.8  # lowest selection rate over the highest
LOSS = 0.05  # of a KPI, as a share of what it was, that matters


@dataclass(frozen=True)
class DeclaredKpi:
    """One business figure."""

    name: str
    of: str  # "column", "answer", "score" or "label"
    column: str  # of the features; "" where it is of something else
    better: Literal["up", "down"]
    unit: str
    margin: float  # loss that does not matter, as a share of what it was before


@dataclass(frozen=True)
class Objectives:
    """What one model is to keep to."""

    declared: bool = False
    stakes: str = "normal"
    owner: str = ""
    errors: float = ERRORS  # share of requests that may fail on our side
    latency: tuple[float, float] = LATENCY  # this share of the requests within so many seconds
    drop: float = DROP  # of accuracy, that matters
    impact: float = IMPACT  # lowest selection rate over the highest, at least
    groups: tuple[str, ...] = ()  # features by which groups are told apart
    kpis: tuple[DeclaredKpi, ...] = ()
    problems: tuple[str, ...] = ()  # what could not be read

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Objectives:
        """The objectives that a declaration's body tells."""
        wrong: list[str] = []
        told = _table(body.get("objectives"), "objectives", wrong)
        errors = _share(told.get("errors"), ERRORS, "objectives.errors", wrong)
        drop = _share(told.get("accuracy_drop"), DROP, "objectives.accuracy_drop", wrong)
        impact = _share(told.get("disparate_impact"), IMPACT, "objectives.disparate_impact", wrong)
        groups = told.get("groups", body.get("groups", ()))
        if not isinstance(groups, Sequence) or isinstance(groups, str) or not all(isinstance(g, str) for g in groups):
            wrong.append("groups is no list of features")
            groups = ()
        return cls(
            declared=True,
            stakes="normal" if body.get("stakes", "normal") == "normal" else "high",
            owner=str(body.get("owner", "")),
            errors=errors,
            latency=_latency(told, wrong),
            drop=drop,
            impact=impact,
            groups=tuple(groups),
            kpis=tuple(_kpis(_table(body.get("kpis"), "kpis", wrong), wrong)),
            problems=tuple(wrong),
        )


def objectives(ledger: Ledger) -> dict[str, Objectives]:
    """The objectives of all models that were declared, by model."""
    return {entry.subject: Objectives.of(entry.body) for entry in ledger.entries(kind=KIND)}


def _table(given: Any, name: str, wrong: list[str]) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        wrong.append(f"{name} is no table")
        return {}
    return given


def _share(given: Any, otherwise: float, name: str, wrong: list[str]) -> float:
    if given is None:
        return otherwise
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < 1:
        wrong.append(f"{name} is {given!r}; it must lie in (0, 1)")
        return otherwise
    return float(given)


def _latency(told: Mapping[str, Any], wrong: list[str]) -> tuple[float, float]:
    given = _table(told.get("latency_ms"), "objectives.latency_ms", wrong)
    if not given and "p99_ms" in told:
        given = {"p99": told["p99_ms"]}
    for name, limit in given.items():
        share = name[1:] if isinstance(name, str) and name.startswith("p") else ""
        sound = share.replace(".", "", 1).isdigit() and 0 < float(share) < 100
        number = isinstance(limit, int | float) and not isinstance(limit, bool) and 0 < limit < math.inf
        if sound and number:
            return float(share) / 100, float(limit) / 1000
        wrong.append(f"objectives.latency_ms.{name} is {limit!r}; write p99 = 50")
    return LATENCY


def _kpis(told: Mapping[str, Any], wrong: list[str]) -> list[DeclaredKpi]:
    found = []
    for name, given in told.items():
        kpi = given if isinstance(given, Mapping) else {"unit": str(given), "of": name}
        column = kpi.get("column", "")
        of = "column" if column else str(kpi.get("of", kpi.get("event", "label")))
        if of not in {"column", "answer", "score", "label"}:
            of = "label"  # an event that comes later is told as the label of the prediction
        if name in COUNTED:  # of a ledger that is older than the rule against it
            wrong.append(f"kpis.{name} is watched by no canary, which counts {name!r} itself; give it another name")
        better, margin = kpi.get("direction", "up"), kpi.get("margin", LOSS)
        if not isinstance(column, str) or better not in {"up", "down"}:
            wrong.append(f"kpis.{name} needs a column or an event, and the direction up or down")
            continue
        margin = _share(margin, LOSS, f"kpis.{name}.margin", wrong)
        way: Literal["up", "down"] = "down" if better == "down" else "up"
        found.append(DeclaredKpi(str(name), of, column, way, str(kpi.get("unit", "")), margin))
    return found
