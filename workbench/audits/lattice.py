"""The intersectional lattice: every group at every crossing, set beside those it differs from by one attribute.

A single attribute's group is set beside everybody else. A crossed group is set beside the others of
each wider group that it lies in, and the least difference counts: so women of colour are listed where
they fare worse (or better) than other women *and* than other people of colour, not where one attribute
explains it. P-values are corrected over the whole lattice, which searches many groups; what is found is ordered
by the difference that is sure, the end of the interval nearest to none.

>>> cells = {("f",): (40, 10, 40, 10), ("m",): (40, 10, 10, 40)}  # tn, fp, fn, tp
>>> found = lattice(CountCube(("sex",), cells), metrics=("fnr", "fpr"))
>>> print(found.sentence)
Of 2 comparisons, 1 shows a difference; first, sex f: FNR 80.0%, everybody else 20.0%.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workbench.audits.fairness import crossings
from workbench.data import CountCube
from workbench.data.coding import UNKNOWN
from workbench.errors import Misuse
from workbench.stats import fairness as exact
from workbench.stats.contrasts import contrast
from workbench.stats.drift import benjamini_hochberg

METRICS = ("fnr", "fpr", "selection_rate", "precision")  # TPR and TNR are FNR and FPR from one
FALSE_FINDS = 0.05  # expected share of false finds among what is found
MORE_IS_WORSE = {"fnr", "fpr"}
CALLED = {"fnr": "FNR", "fpr": "FPR", "tpr": "TPR", "tnr": "TNR", "selection_rate": "selection rate"}


@dataclass(frozen=True)
class Comparison:
    """One group's rate beside that of the others it was set against."""

    attributes: tuple[str, ...]
    group: tuple[str, ...]  # one value an attribute
    metric: str
    n: int  # cases behind the group's rate
    value: float
    others: str  # whom it is set against
    others_value: float
    difference: float  # of the two rates
    low: float  # 95 % interval
    high: float
    p_value: float
    adjusted: float  # over the lattice (Benjamini-Hochberg)

    @property
    def name(self) -> str:
        """The group's values, joined."""
        return ", ".join(self.group)

    @property
    def sure(self) -> float:
        """The least size of the difference that its interval allows; 0 where it reaches none."""
        return max(self.low, -self.high, 0.0)


@dataclass(frozen=True)
class Lattice:
    """All comparisons."""

    comparisons: tuple[Comparison, ...]  # those that are found first, by what is sure
    found: int  # how many of them show a difference
    sentence: str


def lattice(
    cube: CountCube, *, metrics: tuple[str, ...] = METRICS, false_finds: float = FALSE_FINDS, least: int = 10
) -> Lattice:
    """Compare every group of every crossing.

    Args:
        cube: Counts by group.
        metrics: Of `stats.fairness.METRICS`.
        false_finds: Share of false finds among the found that is put up with, in (0, 1).
        least: Cases behind both rates, from which they are compared. The unknown are never compared.

    Raises:
        Misuse: There are more attributes than can be crossed, or a metric is unknown.
    """
    if unknown := [metric for metric in metrics if metric not in exact.METRICS]:
        raise Misuse(f"there is no metric {unknown[0]!r}", hint=f"there are {', '.join(exact.METRICS)}")
    crossed = crossings(cube.attributes)
    rows = _without_mirrors([row for names in crossed for row in _compared(cube, names, metrics, least)])
    adjusted = benjamini_hochberg([row.p_value for row in rows])
    found = [replace(row, adjusted=float(p)) for row, p in zip(rows, adjusted, strict=True)]
    found.sort(key=lambda row: (row.adjusted > false_finds, -row.sure, row.p_value))
    count = sum(row.adjusted <= false_finds for row in found)
    return Lattice(tuple(found), count, _sentence(found, count))


def _compared(cube: CountCube, names: tuple[str, ...], metrics: tuple[str, ...], least: int) -> list[Comparison]:
    """A crossing's groups, each beside the nearest of its wider groups."""
    inner = cube.by(names)
    groups, counts = list(inner.cells), inner.counts()
    wider = [_wider(cube, names, names[:i] + names[i + 1 :]) for i in range(len(names))]
    rows = []
    for metric in metrics:
        yes, seen = exact.parts(counts, metric)
        against = [exact.parts(parent, metric) for parent in wider]
        results = [contrast(yes, seen, all_yes - yes, all_seen - seen) for all_yes, all_seen in against]
        sure = [np.maximum(0.0, np.maximum(result.low, -result.high)) for result in results]
        nearest = np.argmin(np.nan_to_num(sure, nan=-1.0), axis=0)
        # a group that differs has to differ from all its wider groups, and in one direction
        p_value = np.max([result.p_value for result in results], axis=0)
        p_value[np.ptp([np.sign(result.difference) for result in results], axis=0) > 0] = 1.0
        for i, group in enumerate(groups):
            parent = int(nearest[i])
            own, everybody = (np.array([part[0][i], part[1][i]]) for part in ((yes, seen), against[parent]))
            (here_yes, here), (others_yes, others) = own.tolist(), (everybody - own).tolist()
            if UNKNOWN in group or min(here, others) < least:
                continue
            rows.append(
                Comparison(
                    attributes=names,
                    group=group,
                    metric=metric,
                    n=here,
                    value=here_yes / here,
                    others=_others(names, group, parent),
                    others_value=others_yes / others,
                    difference=float(results[parent].difference[i]),
                    low=float(results[parent].low[i]),
                    high=float(results[parent].high[i]),
                    p_value=float(p_value[i]),
                    adjusted=1.0,
                )
            )
    return rows


def _wider(cube: CountCube, names: tuple[str, ...], kept: tuple[str, ...]) -> np.ndarray:
    """For each group of a crossing the counts of the wider group that it lies in."""
    groups = list(cube.by(names).cells)
    if not kept:
        return np.broadcast_to(cube.counts().sum(axis=0), (len(groups), 2, 2))
    outer = cube.by(kept)
    place = {group: i for i, group in enumerate(outer.cells)}
    positions = [names.index(name) for name in kept]
    return np.asarray(outer.counts()[[place[tuple(group[p] for p in positions)] for group in groups]])


def _others(names: tuple[str, ...], group: tuple[str, ...], left_out: int) -> str:
    """The wider group's others in words: it shares all values but one."""
    kept = [f"{names[i]} {group[i]}" for i in range(len(names)) if i != left_out]
    return f"others of {', '.join(kept)}" if kept else "everybody else"


def _without_mirrors(rows: list[Comparison]) -> list[Comparison]:
    """Of two groups that are each other's only others, the one that fares worse."""
    kept: dict[tuple[object, ...], Comparison] = {}
    for row in rows:
        pair = (row.attributes, row.metric, row.others, frozenset((row.value, row.others_value)))
        worse = row.difference > 0 if row.metric in MORE_IS_WORSE else row.difference < 0
        if pair not in kept or worse:
            kept[pair] = row
    return list(kept.values())


def _sentence(rows: list[Comparison], count: int) -> str:
    if not count:
        return f"Of {len(rows)} comparisons, none shows a difference that chance would not."
    first = rows[0]
    who = " and ".join(f"{name} {value}" for name, value in zip(first.attributes, first.group, strict=True))
    return (
        f"Of {len(rows)} comparisons, {count} show{'s' * (count == 1)} a difference; first, {who}: "
        f"{CALLED.get(first.metric, first.metric)} {first.value:.1%}, {first.others} {first.others_value:.1%}."
    )
