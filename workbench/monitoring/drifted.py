"""What drift audits said of the models that are served or were audited: the last one, and those before.

Read from the ledger alone; the page of monitoring, not this, looks at what is served at this moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
    share: float  # of the columns, that had drifted, in [0, 1]
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

    @property
    def share(self) -> float:
        """Share of the columns that had drifted at the last look, in [0, 1]."""
        return self.history[-1].share if self.history else 0.0


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
    return sorted(found, key=lambda one: (GRAVITY[one.finding.verdict if one.finding else ""], -one.share, one.model))


def _model(model: str, champion: int | None, looks: list[tuple[int, Finding]]) -> DriftedModel:
    history = tuple(
        DriftLook(finding.at, version, finding.figures["drifted_share"].value or 0.0, finding.verdict)
        for version, finding in looks
    )
    version, last = looks[-1] if looks else (champion or 0, None)
    columns = [_column(told) for told in last.details.get("columns", ())] if last else []
    return DriftedModel(
        model=model,
        version=version,
        champion=champion,
        finding=last,
        columns=tuple(sorted(columns, key=lambda column: (column.verdict != "fail", -column.excess))),
        rows_before=last.details.get("rows_before") if last else None,
        history=history,
    )


def _column(told: Mapping[str, Any]) -> ColumnDrift:
    from workbench.audits import ColumnDrift

    return ColumnDrift(**{**told, "new_categories": tuple(told["new_categories"])})
