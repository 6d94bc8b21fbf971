"""The threshold explorer: every threshold and group worked out beforehand, and what equality would cost.

A page or a notebook gets one frozen table and moves its slider without asking anybody: the counts at
each threshold are sent once (`as_json`, some tens of kilobytes), and every rate is a quotient of them.

>>> table = np.zeros((2, 3, 10), int)  # two groups: negatives in low bins, positives in high ones
>>> table[0, 0, :6], table[0, 1, 4:] = 10, 10
>>> table[1, 0, :5], table[1, 1, 2:] = 10, 10
>>> found = explore(ScoreCube(("g",), (("a",), ("b",)), table), least_share=0.0)
>>> print(found.sentence)
One threshold of 0.4 for all is right in 80.0%; equal selection is right in 64.0%, equal opportunity is right in 80.0%.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.data import ScoreCube
from workbench.data.coding import UNKNOWN
from workbench.errors import Misuse
from workbench.stats.fairness import rate
from workbench.stats.thresholds import ACCURACY, Aim, best_rule, confusions

AIMS: tuple[Aim, ...] = ("common", "equal_selection", "equal_opportunity")
POINTS = 200  # thresholds that a page is sent, less one
AGAIN = "run the fairness audit again"
LEAST_SHARE = 0.02  # of all cases, that a group gets a threshold of its own from


@dataclass(frozen=True)
class ThresholdRule:
    """One threshold a group, chosen for an aim."""

    aim: Aim
    thresholds: Mapping[tuple[str, ...], float]  # by group, in [0, 1]; above 1: nobody
    worth: float  # mean worth of an answer; by default the accuracy
    cost: float  # worth lost against the best common threshold of the same groups
    selected: float  # share of all cases that get a yes
    gap: float  # highest less lowest of the rate that the aim makes equal


@dataclass(frozen=True, eq=False)
class ThresholdTable:
    """What would come of every threshold, by group."""

    attributes: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    thresholds: npt.NDArray[np.float64]  # rising from 0; the last is above every score
    counts: npt.NDArray[np.int64]  # by group, threshold, label and prediction
    # over the groups that are large enough; equal opportunity over those of them that have a true yes
    rules: Mapping[Aim, ThresholdRule]
    sentence: str

    def rates(self, metric: str) -> npt.NDArray[np.float64]:
        """A metric by group and threshold; nan where it is undefined.

        Raises:
            ValueError: The metric is unknown.
        """
        return rate(self.counts.reshape(-1, 2, 2), metric).reshape(self.counts.shape[:2])

    def as_json(self, *, points: int = POINTS) -> str:
        """The table for a page: per group the labels' counts and how many of each lie below each threshold.

        Args:
            points: Steps between the thresholds that are sent.
        """
        step = max(1, (len(self.thresholds) - 1) // points)
        kept = np.unique([*range(0, len(self.thresholds), step), len(self.thresholds) - 1])
        below = self.counts[..., 0][:, kept]
        content = {
            "attributes": self.attributes,
            "thresholds": self.thresholds[kept].round(6).tolist(),
            "groups": [
                {
                    "group": group,
                    "negatives": int(counts[0, 0].sum()),
                    "positives": int(counts[0, 1].sum()),
                    "negatives_below": cut[:, 0].tolist(),
                    "positives_below": cut[:, 1].tolist(),
                }
                for group, counts, cut in zip(self.groups, self.counts, below, strict=True)
            ],
            "rules": {
                aim: {
                    "thresholds": [rule.thresholds.get(group) for group in self.groups],
                    "worth": rule.worth,
                    "cost": rule.cost,
                    "selected": rule.selected,
                    "gap": rule.gap,
                }
                for aim, rule in self.rules.items()
            },
        }
        return json.dumps(content, separators=(",", ":"))


@dataclass(frozen=True)
class CountedGroup:
    """One group's cases by label, and how many of each lie below each threshold."""

    group: tuple[str, ...]
    negatives: int
    positives: int
    negatives_below: tuple[int, ...]  # by threshold
    positives_below: tuple[int, ...]


@dataclass(frozen=True)
class ThresholdCounts:
    """A table as a file keeps it and a page gets it."""

    attributes: tuple[str, ...]
    thresholds: tuple[float, ...]  # rising
    groups: tuple[CountedGroup, ...]
    rules: Mapping[Aim, Mapping[str, Any]]  # by aim: "thresholds" by group (None: too small), "worth", "cost", …

    @classmethod
    def from_json(cls, text: str) -> ThresholdCounts:
        """The table that `ThresholdTable.as_json` wrote.

        Raises:
            Misuse: The text is no such table.
        """
        try:
            content = json.loads(text)
            groups = tuple(_counted(told) for told in content["groups"])
            rules = {aim: _rule(content["rules"][aim]) for aim in AIMS if aim in content["rules"]}
            found = cls(tuple(map(str, content["attributes"])), tuple(map(float, content["thresholds"])), groups, rules)
        except (ValueError, KeyError, TypeError) as error:
            raise Misuse(f"this is no table of thresholds: {error!r}", hint=AGAIN) from error
        sizes = {len(below) for one in groups for below in (one.negatives_below, one.positives_below)}
        sizes |= {len(rule["thresholds"]) + len(found.thresholds) - len(groups) for rule in rules.values()}
        if sizes != {len(found.thresholds)}:
            raise Misuse("this is no table of thresholds: its rows are not of one length", hint=AGAIN)
        return found


def explore(
    cube: ScoreCube,
    *,
    worth: npt.ArrayLike = ACCURACY,
    capacity: float | None = None,
    tolerance: float = 0.01,
    least_share: float = LEAST_SHARE,
) -> ThresholdTable:
    """Work out every threshold, and the best rules.

    Args:
        cube: Counts by group, label and score; cases without a label are left out.
        worth: What an answer is worth, by label and prediction; by default 1 where it is right.
        capacity: Largest share of all cases that may get a yes; None: no limit.
        tolerance: Difference between groups' rates up to which they count as equal, in [0, 1].
        least_share: Share of the cases from which a group is given a threshold, in [0, 1).

    Raises:
        Misuse: No case has a label.
    """
    counts = confusions(cube.labelled)
    sizes = counts[:, 0].sum(axis=(1, 2))
    if not sizes.sum():
        raise Misuse("no case has a label", hint="give labelled cases; before labels arrive, see audits.label_free")
    kept = (sizes >= least_share * sizes.sum()) & np.array([UNKNOWN not in group for group in cube.groups])
    with_yes = kept & (counts[:, 0, 1].sum(axis=1) > 0)  # opportunity is that of the true yeses
    edges = np.arange(cube.bins + 1) / cube.bins
    rules: dict[Aim, ThresholdRule] = {}
    for aim in AIMS:
        among = with_yes if aim == "equal_opportunity" else kept
        if not among.any():
            continue
        groups = [group for group, is_among in zip(cube.groups, among, strict=True) if is_among]
        best, common = (
            best_rule(counts[among], each, worth=worth, capacity=capacity, tolerance=tolerance)
            for each in (aim, AIMS[0])
        )
        own = dict(zip(groups, edges[best.edges].tolist(), strict=True))
        rules[aim] = ThresholdRule(aim, own, best.gain, common.gain - best.gain, best.selected, best.gap)
    return ThresholdTable(cube.attributes, cube.groups, edges, counts, rules, _sentence(rules, worth is ACCURACY))


def _counted(told: Mapping[str, Any]) -> CountedGroup:
    return CountedGroup(
        group=tuple(map(str, told["group"])),
        negatives=int(told["negatives"]),
        positives=int(told["positives"]),
        negatives_below=tuple(map(int, told["negatives_below"])),
        positives_below=tuple(map(int, told["positives_below"])),
    )


def _rule(told: Mapping[str, Any]) -> dict[str, Any]:
    own = [None if threshold is None else float(threshold) for threshold in told["thresholds"]]
    return {"thresholds": own} | {name: float(told[name]) for name in ("worth", "cost", "selected", "gap")}


def _sentence(rules: Mapping[Aim, ThresholdRule], accuracy: bool) -> str:
    if not rules:
        return "No group is large enough to choose a threshold for."
    threshold = next(iter(rules["common"].thresholds.values()))
    told = {aim: f"right in {r.worth:.1%}" if accuracy else f"worth {r.worth:.4g}" for aim, r in rules.items()}
    equal = rules.get("equal_opportunity")
    opportunity = "is undefined" if equal is None else f"is {told['equal_opportunity']}"
    if without := sorted(set(rules["common"].thresholds) - set(equal.thresholds if equal else ())):
        opportunity += f", without {'; '.join(', '.join(group) for group in without)}, where nobody had a true yes"
    return (
        f"One threshold of {threshold:g} for all is {told['common']}; equal selection is {told['equal_selection']}, "
        f"equal opportunity {opportunity}."
    )
