"""A fairness audit as plain JSON: groups, aggregates and crossings, unrounded, undefined as null.

>>> import numpy as np
>>> from workbench.audits import audit_fairness
>>> from workbench.data import CountCube
>>> cube = CountCube(("sex",), {("f",): (10, 5, 5, 30), ("m",): (20, 0, 0, 0)})
>>> told = fairness_json(audit_fairness(cube, rng=np.random.default_rng(0)))
>>> told["groups"]["sex"]["m"]["tpr"], told["groups"]["sex"]["f"]["selection_rate"]["value"]
({'n': 0, 'value': None, 'low': None, 'high': None}, 0.7)
>>> told["aggregates"]["sex"]["equal_opportunity_difference"]["verdict"]
'not enough evidence'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from workbench.audits.by_score import ScoreAudit
from workbench.audits.fairness import AttributeAudit, FairnessAudit, GroupRates
from workbench.audits.lattice import Lattice
from workbench.audits.thresholds import ThresholdTable
from workbench.audits.verdict import CERTAINTY, Estimate, verdict_of


def fairness_json(
    audit: FairnessAudit,
    *,
    lattice: Lattice | None = None,
    scores: Mapping[str, ScoreAudit] | None = None,
    thresholds: Mapping[str, ThresholdTable] | None = None,
    certainty: float = CERTAINTY,
) -> dict[str, Any]:
    """The audit as nested dictionaries of numbers, texts and None.

    Args:
        audit: What was found.
        lattice: Comparisons over all crossings.
        scores: By attribute, how scores rank and agree.
        thresholds: By attribute, what equal rates would cost.
        certainty: Probability from which an aggregate counts as shown, in (0.5, 1).

    Returns:
        `groups` and `aggregates` by attribute; `intersections`, a list with one entry a crossing that has
        its own groups and aggregates; `same_rates`, the p-value of selection rates so far apart if all
        groups were treated alike; `more_cases` that would decide; `verdict`, `sentence`, `n` and
        `data_digest` of the whole; and what else was given.
    """
    singles = [each for each in audit.by if len(each.attributes) == 1]
    told = {
        "groups": {each.name: {group.name: _rates(group) for group in each.groups} for each in singles},
        "aggregates": {each.name: _aggregates(each, certainty) for each in singles},
        "intersections": [
            {
                "attributes": list(each.attributes),
                "groups": [
                    {"group": list(group.group), "n": group.n, "compared": group.compared, "metrics": _rates(group)}
                    for group in each.groups
                ],
                "aggregates": _aggregates(each, certainty),
                "verdict": each.verdict,
                "more_cases": each.more_cases,
            }
            for each in audit.by
            if len(each.attributes) > 1
        ],
        "more_cases": {each.name: each.more_cases for each in singles},
        "same_rates": {each.name: each.same_rates for each in singles},
        "pooled_selection_rate": {each.name: {group.name: group.pooled for group in each.groups} for each in singles},
        "not_compared": {each.name: [g.name for g in each.groups if not g.compared] for each in singles},
        "verdict": audit.verdict,
        "sentence": audit.sentence,
        "n": audit.n,
        "data_digest": audit.data_digest,
    }
    if lattice is not None:
        told["lattice"] = [asdict(row) for row in lattice.comparisons]
    if scores:
        told["scores"] = {name: _scores(each) for name, each in scores.items()}
    if thresholds:
        told["thresholds"] = {name: _rules(each) for name, each in thresholds.items()}
    return told


def _rates(group: GroupRates) -> dict[str, Any]:
    return {
        metric: {"n": found.n, "value": found.value, "low": found.low, "high": found.high}
        for metric, found in group.rates.items()
    }


def _aggregates(audit: AttributeAudit, certainty: float) -> dict[str, Any]:
    return {name: _aggregate(found, certainty) for name, found in audit.aggregates.items()}


def _aggregate(found: Estimate, certainty: float) -> dict[str, Any]:
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "probability": found.probability,
        "verdict": verdict_of(found.probability, certainty),
    }


def _scores(audit: ScoreAudit) -> dict[str, Any]:
    groups = {}
    for each in audit.groups:
        agreed = each.calibration
        groups[", ".join(each.group)] = {
            "n": each.n,
            "auc": {"value": each.auc.value, "low": each.auc.low, "high": each.auc.high},
            "mean_score": agreed.predicted,
            "share_of_yes": agreed.observed,
            "excess": asdict(agreed.excess),
            "calibration_error": agreed.error,
        }
    return {"groups": groups, "same_auc": audit.same_auc}


def _rules(table: ThresholdTable) -> dict[str, Any]:
    return {
        aim: {
            "thresholds": {", ".join(group): threshold for group, threshold in rule.thresholds.items()},
            "worth": rule.worth,
            "cost": rule.cost,
            "selected": rule.selected,
            "gap": rule.gap,
        }
        for aim, rule in table.rules.items()
    }
