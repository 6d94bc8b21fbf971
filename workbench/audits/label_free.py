"""Error rates of groups before labels arrive, as an estimate that states its assumption; and what came of it.

The estimate says how often a version errs today if its scores still mean what they meant in the
reference period (`stats.unlabelled`). It is never evidence by itself: when labels arrive, `reconcile`
sets it beside what happened, and counts how often the truth lay in the interval.

>>> score, label = [0.25] * 10 + [0.75] * 10, [1, 1] + [0] * 8 + [1] * 8 + [0, 0]
>>> cube = ScoreCube.scan({"g": ["a"] * 20}, score=score, label=label)
>>> found = estimate_unlabelled(cube, cube, 0.5, rng=np.random.default_rng(0))
>>> round(found.groups[("a",)]["fnr"].value, 2)
0.2
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from workbench.audits.verdict import Estimate
from workbench.data import ScoreCube
from workbench.errors import Misuse
from workbench.stats.fairness import METRICS, parts, rate
from workbench.stats.groups import Floats
from workbench.stats.unlabelled import estimated

ASSUMPTION = (
    "An estimate without labels: it holds as far as a score means the same chance of yes as in the reference "
    "period, for each group. It sees changed inputs; it cannot see a changed relation between input and outcome."
)


@dataclass(frozen=True)
class Reconciled:
    """One estimate beside what happened."""

    group: tuple[str, ...]
    metric: str
    estimate: Estimate
    actual: float
    n: int  # cases behind the actual rate
    inside: bool  # whether it lies in the interval, its own chance included


@dataclass(frozen=True)
class LabelFree:
    """Estimated rates by group."""

    groups: Mapping[tuple[str, ...], Mapping[str, Estimate]]  # by metric
    overall: Mapping[str, Estimate]  # over all groups
    threshold: float
    waiting: int  # cases without a label that it speaks of
    assumption: str = ASSUMPTION

    def reconcile(self, labelled: ScoreCube) -> list[Reconciled]:
        """The estimates beside the rates of the same cases, now that their labels have arrived.

        Args:
            labelled: Those cases; groups and metrics without a rate are left out.
        """
        cube = labelled.at(self.threshold)
        found = []
        for group, counts in zip(cube.cells, cube.counts(), strict=True):
            for metric, estimate in self.groups.get(group, {}).items():
                yes, seen = (int(part[0]) for part in parts(counts[None], metric))
                if not seen or estimate.low is None or estimate.high is None:
                    continue
                inside = estimate.low <= yes / seen <= estimate.high
                found.append(Reconciled(group, metric, estimate, yes / seen, seen, inside))
        return found


def estimate_unlabelled(
    reference: ScoreCube, current: ScoreCube, threshold: float, *, rng: np.random.Generator
) -> LabelFree:
    """Estimate the rates of cases whose labels have not arrived.

    Args:
        reference: Labelled cases of a period that the version was accepted on.
        current: Today's cases, by the same attributes; all of them are taken as waiting for a label.
        threshold: The answer is yes from this score on, in [0, 1].
        rng: The source of chance.

    Raises:
        Misuse: The cubes are of different attributes or bins, or the reference has no label.
    """
    if (reference.attributes, reference.bins) != (current.attributes, current.bins):
        raise Misuse(
            f"the reference is by {reference.attributes} in {reference.bins} bins, the cases by "
            f"{current.attributes} in {current.bins}",
            hint="count both alike",
        )
    if not reference.labelled.any():
        raise Misuse("the reference has no label", hint="take a period whose labels have arrived")
    place = {group: i for i, group in enumerate(reference.groups)}
    nothing = np.zeros((2, reference.bins), np.int64)
    known = np.stack([reference.labelled[place[g]] if g in place else nothing for g in current.groups])
    # groups that are not seen today still teach the pooled chances
    absent = [i for i, group in enumerate(reference.groups) if group not in current.groups]
    known = np.concatenate([known, reference.labelled[absent]])
    cases = np.concatenate([current.table.sum(axis=1), np.zeros((len(absent), current.bins), np.int64)])
    edge = int(np.ceil(threshold * reference.bins - 1e-6))
    found = estimated(known, cases, edge, rng)
    return LabelFree(
        groups={group: _estimates(found.counts[i], found.draws[:, i]) for i, group in enumerate(current.groups)},
        overall=_estimates(found.counts.sum(axis=0), found.draws.sum(axis=1)),
        threshold=threshold,
        waiting=current.total,
    )


def _estimates(counts: Floats, draws: Floats) -> dict[str, Estimate]:
    """Each metric of one expected confusion table."""
    found = {}
    for metric in METRICS:
        value, drawn = float(rate(counts[None], metric)[0]), rate(draws[:, None], metric)[:, 0]
        if np.isnan(value) or np.isnan(drawn).any():
            found[metric] = Estimate(None)
            continue
        low, high = np.quantile(drawn, [0.025, 0.975])
        found[metric] = Estimate(value, float(low), float(high), n=round(float(counts.sum())))
    return found
