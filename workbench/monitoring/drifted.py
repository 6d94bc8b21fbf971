"""What drift audits said of the models that are served or were audited: the last one, and those before.

Read from the ledger alone; the page of monitoring, not this, looks at what is served at this moment. Of a
finding that somebody wrote in another form what can be read is told: its verdict and its sentence at least.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from workbench.evidence import Finding, Verdict
from workbench.ledger import Ledger

if TYPE_CHECKING:
    from workbench.audits import ColumnDrift

GRAVITY: dict[str, int] = {"fail": 0, "not enough evidence": 1, "": 2, "pass": 3}


@dataclass(frozen=True)
class DriftLook:
    """One look at a model's inputs, as it ended."""

    at: str  # ISO 8601, UTC
    version: int
    share: float | None  # of the columns, that had drifted, in [0, 1]; None: not written down
    verdict: Verdict


@dataclass(frozen=True)
class DriftedModel:
    """A model with its last drift audit."""

    model: str
    version: int  # that was looked at; the champion where nobody has looked yet
    champion: int | None  # the version in use; None: none is
    finding: Finding | None  # None: nobody has looked yet
    columns: tuple[ColumnDrift, ...]  # the worst first
    rows_before: int | None  # of the training data; None: not written down
    history: tuple[DriftLook, ...]  # every look at any version of the model, the oldest first
    large: float | None = None  # the index that mattered, the noise taken out; None: not written down

    @property
    def share(self) -> float | None:
        """Share of the columns that had drifted at the last look, in [0, 1]; None: not known."""
        return self.history[-1].share if self.history else None


def drifts(ledger: Ledger) -> list[DriftedModel]:
    """Every model that is served or was looked at, the worst first.

    Args:
        ledger: Who is champion, and what was found.
    """
    champions = {head.model: head.version for head in ledger.heads() if head.slot == "champion"}
    looks: dict[str, list[tuple[int, Finding]]] = {}
    for entry in ledger.entries(kind="evidence.recorded"):
        model, _, number = entry.subject.rpartition("/")
        if entry.body["kind"] == "drift" and number.isdigit():
            looks.setdefault(model, []).append((int(number), Finding.from_body(entry.body)))
    found = [_model(model, champions.get(model), looks.get(model, [])) for model in sorted({*champions, *looks})]
    return sorted(found, key=_gravity)


def _gravity(one: DriftedModel) -> tuple[int, float, str]:
    return GRAVITY[one.finding.verdict if one.finding else ""], -(one.share or 0.0), one.model


def _model(model: str, champion: int | None, looks: list[tuple[int, Finding]]) -> DriftedModel:
    history = tuple(
        DriftLook(finding.at, version, figure.value if figure else None, finding.verdict)
        for version, finding in looks
        for figure in [finding.figures.get("drifted_share")]
    )
    version, last = looks[-1] if looks else (champion or 0, None)
    return DriftedModel(
        model=model,
        version=version,
        champion=champion,
        finding=last,
        columns=_columns(last.details.get("columns", ())) if last else (),
        rows_before=last.details.get("rows_before") if last else None,
        history=history,
        large=_number(last.details.get("large")) if last else None,
    )


def _number(told: Any) -> float | None:
    return float(told) if isinstance(told, int | float) and 0 < told < float("inf") else None


def _columns(told: Sequence[Mapping[str, Any]]) -> tuple[ColumnDrift, ...]:
    from workbench.audits import ColumnDrift

    names = {field.name for field in fields(ColumnDrift)}
    found = [
        ColumnDrift(**{name: each[name] for name in names} | {"new_categories": tuple(each["new_categories"])})
        for each in told
        if names <= each.keys()
    ]
    return tuple(sorted(found, key=lambda column: (column.verdict != "fail", -column.excess)))
