"""What another decision table would have earned, from a bandit's log, and the answer in words.

    evaluation = evaluate(BanditLog.read(path), table, name="new rules")
    evaluation.sentence, evaluation.worth

The reward model behind DM and DR is the mean of each leaf and arm, from the folds that the decision
is not in; a unit's decisions share a fold and are one unit in every error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

import numpy as np

from workbench.errors import Misuse
from workbench.experiments import words
from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.experiments.bandits.log import BanditLog
from workbench.stats.betting import Interval
from workbench.stats.comparison import Better
from workbench.stats.moments import Floats, Whole
from workbench.stats.off_policy import Logged, OffPolicy, cell_predictions, off_policy

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 5
NONE = "none: the model's own error is not known"  # in place of an interval

Verdict = Literal["pass", "fail", "not enough evidence"]


@dataclass(frozen=True)
class Evaluation:
    """What was found about a target policy, and how to tell it."""

    target: str  # what the target policy is called
    better: Better  # which way is good
    result: OffPolicy

    @property
    def verdict(self) -> Verdict:
        """pass: better than what was played; fail: worse."""
        gains = self.result.best.gain_interval
        if self.result.refusal is not None or gains is None or gains.low <= 0 <= gains.high:
            return "not enough evidence"
        return "pass" if (self.result.best.gain > 0) == (self.better == "higher") else "fail"

    @property
    def sentence(self) -> str:
        """The answer in plain words, or why there is none."""
        found, best = self.result, self.result.best
        if found.refusal is not None:
            return f"This log cannot say what {self.target} would have earned. {found.refusal}"
        said = {"pass": "better", "fail": "worse", "not enough evidence": "not enough evidence to say which is better"}
        return (
            f"Under {self.target} a decision would have earned {words.number(best.value)} on average "
            f"({words.share(found.level)}: {_span(best.interval)}); "
            f"what was played earned {words.number(found.logged)}. "
            f"That is {words.number(abs(best.gain))} {'more' if best.gain > 0 else 'less'}, "
            f"{words.between(*best.gain_interval) if best.gain_interval else NONE}: {said[self.verdict]}."
        )

    @property
    def worth(self) -> str:
        """What the log is worth for the question, in plain words."""
        found = self.result
        cut = f"; cutting weights took away {words.share(found.lost)} of its plays" if found.clipped else ""
        exact = ""
        if found.exact is not None:
            level = words.share(found.level)
            exact = f" Whatever the rewards' shape, the value lies in {_span(found.exact)} ({level}, IPS)."
        return (
            f"{found.n:,} decisions for {found.units:,} units are worth {found.effective:,.0f} independent ones under "
            f"{self.target}, {found.events:,.0f} of them with a reward; "
            f"the largest weight is {found.largest_weight:.3g}, the mean {found.mean_weight:.3f}{cut}.{exact}"
        )

    def figures(self) -> dict[str, dict[str, Any]]:
        """What a policy may ask: each estimator's value and gain, and what the log is worth."""
        found, told = self.result, dict[str, dict[str, Any]]()
        for name, value in found.values.items():
            told[f"value.{name}"] = {"value": value.value, **_ends(value.interval), "n": found.n}
            told[f"gain.{name}"] = {"value": value.gain, **_ends(value.gain_interval), "n": found.n}
        told["logged"] = {"value": found.logged, **found.logged_interval._asdict(), "n": found.n}
        for figure in ("effective", "events", "largest_weight", "mean_weight", "clipped", "lost"):
            told[figure] = {"value": getattr(found, figure), "n": found.n}
        return told

    def as_json(self) -> dict[str, Any]:
        """Everything found, as plain JSON."""
        found = self.result
        values = {
            name: asdict(value) | {"interval": _list(value.interval), "gain_interval": _list(value.gain_interval)}
            for name, value in found.values.items()
        }
        exact = _list(found.exact)
        told = {"target": self.target, "better": self.better, "verdict": self.verdict, "sentence": self.sentence}
        return told | asdict(found) | {"values": values, "logged_interval": list(found.logged_interval), "exact": exact}

    def rows(self) -> list[dict[str, str]]:
        """One row an estimator, rounded for people."""
        return [
            {
                "estimator": name,
                "value": words.number(value.value),
                "interval": _span(value.interval),
                "gain": words.number(value.gain),
                "interval of the gain": _span(value.gain_interval),
            }
            for name, value in self.result.values.items()
        ]

    def table(self) -> pd.DataFrame:
        """The rows as a data frame."""
        import pandas as pd

        return pd.DataFrame(self.rows()).set_index("estimator")


def evaluate(
    log: BanditLog,
    target: DecisionTable | Floats,
    *,
    name: str = "the target policy",
    better: Better = "higher",
    level: float = 0.95,
    clip: float | None = None,
    replicates: int = 0,
    rng: np.random.Generator | None = None,
    rewards: tuple[float, float] | None = None,
    least_propensity: float | None = None,
) -> Evaluation:
    """What the target would have earned where the log was made.

    Args:
        log: Decisions with their propensities and rewards.
        target: A table whose leaves are the log's, or for each decision the probability with which
            the target would have played the arm that was played (then there is no reward model, and
            arms that were never played are not seen).
        name: What the target is called.
        better: Which way is good.
        level: Probability inside the intervals, in (0, 1).
        clip: Largest weight; None: none is cut.
        replicates: Bootstrap samples of units; 0: normal intervals.
        rng: Draws the bootstrap.
        rewards: Smallest and largest reward that there can be, for the exact interval.
        least_propensity: Smallest probability with which any arm was played, the floor of the
            bandit that played, for the exact interval.

    Raises:
        Misuse: The log has no propensities, names leaves or arms that the table does not know, or a
            number is out of range.
    """
    if log.propensity is None:
        raise Misuse("the log has no propensities", hint="without them nothing can be said of another policy; log them")
    unit = None if log.unit is None else _numbered(log.unit)
    bound = None
    try:
        if isinstance(target, DecisionTable):
            logged = _logged(log, log.propensity, target, unit)
            largest = max(max(arms.values()) for arms in target.weights.values())
        else:
            logged, largest = Logged(log.reward, log.propensity, target, unit=unit), 1.0
        if least_propensity is not None:
            bound = largest / least_propensity
        result = off_policy(
            logged, level=level, clip=clip, replicates=replicates, rng=rng, rewards=rewards, weight_bound=bound
        )
    except Misuse:
        raise
    except ValueError as error:
        raise Misuse(str(error)) from error
    return Evaluation(name, better, result)


def _ends(interval: Interval | None) -> dict[str, float]:
    return {} if interval is None else interval._asdict()


def _list(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _span(interval: Interval | None) -> str:
    if interval is None:
        return NONE
    return f"{words.number(interval.low)} to {words.number(interval.high)}"


def _logged(log: BanditLog, propensity: Floats, target: DecisionTable, unit: Whole | None) -> Logged:
    """The log with the table's probabilities and the reward model's predictions beside each decision."""
    leaves, arms = sorted(target.weights), target.arms
    leaf, arm = _places(log.leaf, leaves, "leaf"), _places(log.arm, arms, "arm")
    weights = np.array([[target.weights[name][a] for a in arms] for name in leaves])
    played = np.zeros(weights.shape, dtype=bool)
    played[leaf, arm] = True
    unsupported = float(np.where(played, 0.0, weights).sum(axis=1)[leaf].mean())
    fold = np.arange(len(log)) % FOLDS if log.unit is None else _folds(log.unit)
    cells = weights.size
    predictions = cell_predictions(leaf * len(arms) + arm, log.reward, fold, cells).reshape(-1, *weights.shape)
    return Logged(
        reward=log.reward,
        propensity=propensity,
        target=weights[leaf, arm],
        predicted=predictions[fold, leaf, arm],
        expected=(predictions * weights).sum(axis=2)[fold, leaf],
        unit=unit,
        unsupported=unsupported,
    )


def _places(values: Sequence[str], known: Sequence[str], what: str) -> Whole:
    """Where each value stands among the known ones.

    Raises:
        Misuse: One is not known.
    """
    place = {name: number for number, name in enumerate(known)}
    if unknown := sorted(set(values) - set(known)):
        hint = f"it has: {', '.join(known)}"
        raise Misuse(f"the log has the {what} {unknown[0]!r}, which the target's table does not know", hint=hint)
    return np.fromiter((place[value] for value in values), dtype=np.int64, count=len(values))


def _numbered(values: Sequence[str]) -> Whole:
    """Units as numbers, in the order of their first appearance."""
    place: dict[str, int] = {}
    return np.fromiter((place.setdefault(v, len(place)) for v in values), dtype=np.int64, count=len(values))


def _folds(units: Sequence[str]) -> Whole:
    return np.fromiter((crc32(unit.encode()) % FOLDS for unit in units), dtype=np.int64, count=len(units))
