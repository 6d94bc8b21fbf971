"""The audit as JSON: every number unrounded, every undefined one null."""

import json

import numpy as np

from workbench.audits import audit_fairness, audit_scores, explore, fairness_json, lattice
from workbench.data import CountCube, ScoreCube

METRICS = {"selection_rate", "tpr", "fpr", "fnr", "tnr", "precision", "accuracy"}
NAMES = {
    "disparate_impact",
    "demographic_parity_difference",
    "equalized_odds_difference",
    "equal_opportunity_difference",
}


def test_it_has_the_shape_that_is_promised():
    cells = {("a", "f"): (30, 10, 10, 50), ("a", "m"): (30, 7, 9, 60), ("b", "f"): (20, 5, 5, 30)}
    cells[("b", "m")] = (40, 0, 0, 0)
    cube = CountCube(("race", "sex"), cells)
    told = json.loads(json.dumps(fairness_json(audit_fairness(cube, rng=np.random.default_rng(0)))))
    assert {"groups", "aggregates", "intersections", "verdict"} <= set(told)
    assert set(told["groups"]) == set(told["aggregates"]) == {"race", "sex"}
    for groups in told["groups"].values():
        for metrics in groups.values():
            assert set(metrics) == METRICS
            assert all(set(found) == {"n", "value", "low", "high"} for found in metrics.values())
    for aggregates in told["aggregates"].values():
        assert set(aggregates) == NAMES
        assert all(set(found) == {"value", "low", "high", "probability", "verdict"} for found in aggregates.values())
    assert told["groups"]["race"]["a"]["tpr"]["value"] == 110 / 129
    assert told["groups"]["race"]["a"]["tpr"]["n"] == 129
    crossed = told["intersections"][0]
    undefined = next(g for g in crossed["groups"] if g["group"] == ["b", "m"])["metrics"]
    assert undefined["tpr"] == {"n": 0, "value": None, "low": None, "high": None}
    assert crossed["aggregates"]["equal_opportunity_difference"]["value"] is None
    assert told["verdict"] in {"pass", "fail", "not enough evidence"}


def test_scores_thresholds_and_the_lattice_come_along_where_given():
    rng = np.random.default_rng(0)
    score = rng.random(500)
    cube = ScoreCube.scan({"g": rng.choice(["a", "b"], 500)}, score=score, label=(rng.random(500) < score).astype(int))
    counts = cube.at(0.5)
    told = fairness_json(
        audit_fairness(counts, rng=rng),
        lattice=lattice(counts),
        scores={"g": audit_scores(cube)},
        thresholds={"g": explore(cube)},
    )
    told = json.loads(json.dumps(told))
    assert set(told["scores"]["g"]["groups"]) == {"a", "b"}
    assert set(told["thresholds"]["g"]) == {"common", "equal_selection", "equal_opportunity"}
    assert told["lattice"][0]["attributes"] == ["g"]
