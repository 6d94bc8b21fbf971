"""What a model is declared to be: what is at stake, who owns it, what it is for and what it must keep to.

One entry `model.declared` says all of it anew, and the newest counts; a model that was never declared has
normal stakes. Policies read the stakes, the watch over what is served reads the key figures and the objectives.

>>> Declaration("lending", "high", "risk-officer", {"revenue": "USD"}, {"p99_ms": 50}).stakes
'high'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from workbench.errors import Misuse
from workbench.ledger import Entry, Ledger

Stakes = Literal["high", "normal"]

DECLARED = "model.declared"
STAKES: tuple[Stakes, ...] = ("high", "normal")
MOST_NAMES = 50
COUNTED = ("errors", "slow")  # outcomes that are counted of every canary; no KPI has such a name


@dataclass(frozen=True)
class Declaration:
    """What somebody declared a model to be."""

    model: str
    stakes: Stakes = "normal"
    owner: str = ""
    kpis: Mapping[str, Any] = field(default_factory=dict)  # key figures by name, each with what it means
    objectives: Mapping[str, Any] = field(default_factory=dict)  # what serving must keep to, by name, e.g. p99_ms

    def as_body(self) -> dict[str, Any]:
        """Plain JSON, as the ledger keeps it."""
        told = asdict(self)
        del told["model"]
        return told


def declaration(ledger: Ledger, model: str) -> Declaration:
    """What a model was last declared to be."""
    newest = ledger.entries(subject=model, kind=DECLARED, newest_first=True, limit=1)
    return told_by(newest[0]) if newest else Declaration(model)


def declared_stakes(ledger: Ledger) -> dict[str, Stakes]:
    """What is at stake by model, as last declared; a model that nobody declared is not named."""
    return {entry.subject: told_by(entry).stakes for entry in ledger.entries(kind=DECLARED)}


def told_by(entry: Entry) -> Declaration:
    """The declaration that an entry tells of; stakes that are not plainly normal are high."""
    body = entry.body
    stakes: Stakes = "normal" if body.get("stakes") == "normal" else "high"
    return Declaration(
        entry.subject, stakes, str(body.get("owner", "")), body.get("kpis", {}), body.get("objectives", {})
    )


def check(made: Declaration) -> None:
    """Refuse a declaration that cannot be kept.

    Raises:
        Misuse: The stakes are neither of the two, a name is empty or taken, or a value is no plain JSON.
    """
    if made.stakes not in STAKES:
        raise Misuse(f"the stakes are {made.stakes!r}; they are {' or '.join(STAKES)}")
    if not made.model.strip() or made.model != made.model.strip() or "\n" in made.model:
        raise Misuse(f"{made.model!r} is no name of a model")
    for told, values in (("kpis", made.kpis), ("objectives", made.objectives)):
        _check_names(told, values)
    for name in COUNTED:
        if name in made.kpis:
            raise Misuse(
                f"a KPI cannot be named {name!r}: of every canary {' and '.join(COUNTED)} are counted anyhow",
                hint=f'give it another name: --kpi {name}= --kpi failed_payments="…"',
            )


def _check_names(told: str, values: Mapping[str, Any]) -> None:
    if not isinstance(values, Mapping) or len(values) > MOST_NAMES:
        raise Misuse(f"the {told} are no table of at most {MOST_NAMES} names")
    for name, value in values.items():
        if not isinstance(name, str) or not name.strip():
            raise Misuse(f"{name!r} among the {told} is no name")
        if isinstance(value, float) and not math.isfinite(value):
            raise Misuse(f"{told} {name} is {value}; it must be a finite number or a text")
