"""Two versions on the same cases: the challenger against the champion, difference by difference.

Both answer every case, so that what makes cases hard cancels. The verdict is on one metric: *pass* where
the challenger is better with the certainty asked for, *fail* where it is worse with the same, and else
not enough evidence, with how many more cases would tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from workbench.audits.answers import named, present, refuse_other_terms
from workbench.audits.predictions import kind_of
from workbench.audits.verdict import CERTAINTY, HANDFUL, Verdict, cases_lacking, verdict_of
from workbench.errors import Misuse
from workbench.stats import classification, paired
from workbench.stats.paired import Gain, McNemar

if TYPE_CHECKING:
    import pandas as pd

LOSSES = {"log_loss", "brier", "mae", "mse"}  # less is better


@dataclass(frozen=True)
class VersionComparison:
    """The challenger less the champion."""

    champion: str  # what they are called
    challenger: str
    gains: Mapping[str, Gain]  # by metric, in the metric's own direction
    mcnemar: McNemar | None  # None: the labels are numbers
    decides: str  # the metric of the verdict
    more: int | None  # cases that would decide; 0: decided; None: no number within reach
    verdict: Verdict
    sentence: str
    n: int

    def chance_better(self, metric: str) -> float | None:
        """Probability that the challenger is truly better by a metric; None where it is undefined."""
        chance = self.gains[metric].chance_above
        return chance if chance is None or metric not in LOSSES else 1.0 - chance


def compare_versions(
    label: npt.ArrayLike,
    champion: npt.ArrayLike,
    challenger: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    scores: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    names: tuple[str, str] = ("champion", "challenger"),
    decides: str = "",
    certainty: float = CERTAINTY,
) -> VersionComparison:
    """Compare the answers of two versions to the same cases.

    Args:
        label: What happened, one a case.
        champion: The answers of the version in use.
        challenger: Those of the other, case by case.
        rng: Source of the bootstrap's draws.
        scores: Probabilities of 1 of both, champion first, where labels are 0 and 1.
        names: What they are called.
        decides: The metric of the verdict; by default accuracy, for numbers the mean absolute error.
        certainty: Probability from which a thing counts as shown, in (0.5, 1).

    Raises:
        Misuse: The lengths differ, there are fewer than two cases, a value is missing, answers are in other
            terms than the labels, a score is no probability, or there is no such metric.
    """
    truth = present(label, "label")
    old, new = present(champion, f"prediction of {names[0]}"), present(challenger, f"prediction of {names[1]}")
    if not len(truth) == len(old) == len(new) or len(truth) < 2:
        raise Misuse(
            f"there are {len(truth)} labels, {len(old)} answers of {names[0]} and {len(new)} of {names[1]}",
            hint="both must answer the same cases, two at least",
        )
    if kind_of(truth) == "classes":
        for answers, name in zip((old, new), names, strict=True):
            refuse_other_terms(truth, answers, f"prediction of {name}")
    try:
        gains, discordant = _gains(truth, old, new, scores, rng)
    except ValueError as error:
        raise Misuse(str(error), hint="give one label, 0 or 1, and one probability of each for each case") from error
    decides = decides or next(iter(gains))
    if decides not in gains:
        raise Misuse(f"there is no metric {decides!r} here", hint=f"there are {', '.join(gains)}")
    gain = gains[decides]
    chance = gain.chance_above if decides not in LOSSES or gain.chance_above is None else 1 - gain.chance_above
    verdict = verdict_of(chance, certainty, cases=_cases(decides, truth, old, new))
    more: int | None = 0
    if verdict == "not enough evidence":
        known = gain.value is not None and gain.low is not None and gain.high is not None
        more = cases_lacking(gain.value, (gain.high - gain.low) / 2, len(truth)) if known else None  # type: ignore[arg-type,operator]
    sentence = _sentence(gain, discordant, chance, decides, names, verdict, more, len(truth))
    return VersionComparison(*names, gains, discordant, decides, more, verdict, sentence, len(truth))


def versions_table(found: VersionComparison) -> pd.DataFrame:
    """One row a metric: the difference, the chance that the challenger is better, and what that means in words."""
    import pandas as pd

    rows = []
    for metric, gain in found.gains.items():
        chance = found.chance_better(metric)
        told = "undefined" if gain.value is None else f"{gain.value:+.4f}"
        if gain.low is not None and gain.high is not None:
            told += f" [{gain.low:+.4f},\u00a0{gain.high:+.4f}]"
        rows.append(
            {
                "metric": metric.replace("_", " "),
                f"{found.challenger} less {found.champion}": told,
                "better is": "lower" if metric in LOSSES else "higher",
                "chance that it is better": "" if chance is None else f"{chance:.3f}",
                "in words": _words(chance),
            }
        )
    return pd.DataFrame(rows).set_index("metric")


def _words(chance: float | None) -> str:
    if chance is None:
        return "cannot be told"
    side = "better" if chance > 0.5 else "worse"
    sure = max(chance, 1 - chance)
    return (
        f"surely {side}"
        if sure >= 0.99
        else f"very likely {side}"
        if sure >= CERTAINTY
        else (f"rather {side}, not shown" if sure >= 0.8 else "not told apart")
    )


def _gains(
    truth: np.ndarray,
    old: np.ndarray,
    new: np.ndarray,
    scores: tuple[npt.ArrayLike, npt.ArrayLike] | None,
    rng: np.random.Generator,
) -> tuple[dict[str, Gain], McNemar | None]:
    if kind_of(truth) == "numbers":
        before, after = old.astype(float) - truth, new.astype(float) - truth
        return {"mae": paired.mean_gain(abs(before), abs(after)), "mse": paired.mean_gain(before**2, after**2)}, None
    was, now = named(old) == named(truth), named(new) == named(truth)
    wins, losses = int((now & ~was).sum()), int((was & ~now).sum())
    gains = {"accuracy": paired.accuracy_gain(wins, losses, len(truth))}
    if all(set(np.unique(values)) <= {0, 1} for values in (truth, old, new)):
        counts = paired.joint_counts(truth, old, new)
        gains |= {metric: paired.metric_gain(counts, metric, rng) for metric in ("precision", "recall", "f1")}
    if scores is not None:
        first, second = (np.asarray(score, dtype=float) for score in scores)
        if not all(((score >= 0) & (score <= 1)).all() for score in (first, second)):
            raise ValueError("a score is no number in [0, 1]; it must be the probability of 1")
        surprises = [classification.surprise(truth, score) for score in (first, second)]
        gains["auc"] = paired.auc_gain(truth, first, second)
        gains["log_loss"] = paired.mean_gain(*surprises)
        gains["brier"] = paired.mean_gain((first - truth) ** 2, (second - truth) ** 2)
    return gains, paired.mcnemar(wins, losses)


def _cases(decides: str, truth: np.ndarray, old: np.ndarray, new: np.ndarray) -> int:
    """How many cases a verdict by this metric rests on; a test of accuracy is exact, however few they are."""
    if decides == "accuracy":
        return HANDFUL
    if decides in ("precision", "recall", "f1"):
        return int((old != new).sum())
    if decides == "auc":
        return 2 * int(min((truth == 1).sum(), (truth == 0).sum()))
    return len(truth)


def _sentence(
    gain: Gain,
    discordant: McNemar | None,
    chance: float | None,
    decides: str,
    names: tuple[str, str],
    verdict: Verdict,
    more: int | None,
    n: int,
) -> str:
    if gain.value is not None and chance is None:
        return (
            f"{names[1]} has {gain.value:+.4f} in {decides.replace('_', ' ')} against {names[0]} on each of the same "
            f"{n:,} cases; without any spread, nothing is known of others."
        )
    if gain.value is None or chance is None:
        return f"{names[1]} and {names[0]} cannot be compared by {decides}: it is undefined on these {n:,} cases."
    ends = "" if gain.low is None or gain.high is None else f" [{gain.low:+.4f}, {gain.high:+.4f}]"
    told = (
        f"{names[1]} has {gain.value:+.4f}{ends} in {decides.replace('_', ' ')} against "
        f"{names[0]} on the same {n:,} cases; the chance that it is better is {chance:.3f}"
    )
    if discordant is not None:
        told += (
            f". Of {discordant.wins + discordant.losses:,} cases on which one alone is right, it is "
            f"{discordant.wins:,} times (McNemar p {discordant.p_value:.3f})"
        )
    if verdict != "not enough evidence":
        return told + "."
    return told + (
        f". About {more:,} more cases would tell." if more else ". No number of cases within reach would tell."
    )
