"""A canary as an experiment: the answers of champion and canary while the traffic was shared in one way.

trial = bench.trial("lending")
analysis = trial.analyse([parse_metric("yes = binary:answer")], bench.trial_table(trial))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from workbench.errors import Misuse
from workbench.ledger import Ledger
from workbench.ledger.heads import CLEARED, PROMOTIONS, STAGED

if TYPE_CHECKING:
    import pandas as pd

    from workbench.serving import PredictionLog

CANARY, CHAMPION = "canary", "champion"
LOGGED = ("unit", "variant", "version", "day", "at", "propensity", "request", "score", "answer", "label", "latency_ms")


@dataclass(frozen=True)
class Trial:
    """A stretch of time in which one canary had one share of the units beside one champion."""

    model: str
    champion: int
    canary: int
    weight: float  # the canary's share, in (0, 1)
    since: datetime
    until: datetime  # when the share moved, the canary left, or the champion changed; else now

    @property
    def name(self) -> str:
        """The name that salts the assignment."""
        from workbench.serving.routes import experiment_of

        return experiment_of(self.model, self.canary)

    @property
    def shares(self) -> dict[str, float]:
        """The planned shares, by arm."""
        return {CANARY: self.weight, CHAMPION: 1 - self.weight}


def trials(ledger: Ledger, model: str, *, now: datetime) -> list[Trial]:
    """Every such stretch of a model, oldest first."""
    found: list[Trial] = []
    champion: int | None = None
    canary: tuple[int, float] | None = None
    since = now
    moves = ledger.entries(prefix=f"{model}/", kind=(*PROMOTIONS, STAGED, CLEARED))
    for entry in moves:
        slot = str(entry.body.get("slot", CHAMPION))
        if entry.subject.rpartition("/")[0] != model or slot not in {CHAMPION, CANARY}:
            continue
        if champion is not None and canary is not None:
            found.append(Trial(model, champion, canary[0], canary[1], since, entry.at))
        version, weight, since = int(entry.subject.rpartition("/")[2]), entry.body.get("weight"), entry.at
        if slot == CHAMPION:
            champion = version
        elif entry.kind == STAGED and isinstance(weight, int | float) and 0 < weight < 1:
            canary = version, float(weight)
        else:
            canary = None
    if champion is not None and canary is not None:
        found.append(Trial(model, champion, canary[0], canary[1], since, now))
    return found


def latest(ledger: Ledger, model: str, *, now: datetime) -> Trial:
    """The stretch that runs, or the last one that did.

    Raises:
        Misuse: The model never had a canary with a share.
    """
    found = trials(ledger, model, now=now)
    if not found:
        raise Misuse(
            f"{model} never had a canary that shared its traffic",
            hint=f"workbench stage {model} VERSION --canary 0.5 --why …",
        )
    return found[-1]


def table(log: PredictionLog, trial: Trial) -> pd.DataFrame:
    """The answers of a trial with their labels and features, one row a prediction.

    A prediction without a unit is a unit of its own: its request. A feature named as a column of the log
    is called "input NAME". Held and failed answers are rows without an answer.
    """
    import pandas as pd

    wanted = {CHAMPION: trial.champion, CANARY: trial.canary}
    labels = {one.id: one.label for one in log.labelled(trial.model, since=trial.since, until=trial.until)}
    rows = []
    for row in log.rows(trial.model, since=trial.since, until=trial.until):
        if row.variant not in wanted or row.version != wanted[row.variant] or row.status in {400, 404, 409, 413, 422}:
            continue
        features = {f"input {n}" if n in LOGGED else n: v for n, v in (row.features or {}).items()}
        told = {
            "unit": row.unit or f"request/{row.request}",
            "variant": row.variant,
            "version": row.version,
            "day": row.at.date().isoformat(),
            "at": row.at.isoformat(),
            "propensity": row.propensity,
            "request": row.request,
            "score": row.score,
            "answer": None if row.answer is None else float(row.answer),
            "label": labels.get(row.id),
            "latency_ms": row.latency_us / 1000,
        }
        rows.append({**features, **told})
    found = pd.DataFrame(rows, columns=None if rows else list(LOGGED))
    for name in ("answer", "label", "score"):
        found[name] = found[name].astype("float64")
    return found


def parted(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The rows in which all of these columns are known: an answer whose label has not come yet says nothing."""
    return frame.dropna(subset=[name for name in columns if name in frame.columns])
