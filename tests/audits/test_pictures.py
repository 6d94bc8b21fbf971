"""Pictures are drawn for every kind of audit, the awkward ones too."""

import numpy as np
import pandas as pd
import pytest

from workbench.audits import (
    audit_drift,
    audit_fairness,
    audit_scores,
    bad_slices,
    explore,
    fairness_pictures,
    lattice,
)
from workbench.audits.pictures import drift_by_column, selection_rates
from workbench.data import CountCube, Profile, ScoreCube

CUBES = {
    "two groups": {("a",): (10, 5, 5, 30), ("b",): (20, 5, 10, 30)},
    "one group": {("a",): (10, 5, 5, 30)},
    "nobody selected": {("a",): (10, 0, 5, 0), ("b",): (20, 0, 10, 0)},
}


@pytest.mark.parametrize("cells", CUBES.values(), ids=CUBES)
def test_selection_rates_are_drawn(cells):
    audit = audit_fairness(CountCube(("race",), cells), rng=np.random.default_rng(0))
    assert selection_rates(audit)._repr_png_().startswith(b"\x89PNG")


def test_drift_is_drawn():
    reference = Profile.scan(pd.DataFrame({"x": range(50), "constant": [1.0] * 50}))
    now = Profile.scan(pd.DataFrame({"x": range(30), "constant": [None] * 30}), like=reference)
    assert drift_by_column(audit_drift(reference, now)).png.startswith(b"\x89PNG")


def test_thresholds_lattice_slices_and_calibration_are_drawn_for_few_groups_and_for_none():
    rng = np.random.default_rng(0)
    score = rng.random(600)
    wrong = rng.random(600) < 0.2
    for group in (rng.choice(["a", "b"], 600), np.array([None] * 600)):
        cube = ScoreCube.scan({"g": group}, score=score, label=(rng.random(600) < score).astype(int))
        for picture in (
            fairness_pictures.threshold_curves(explore(cube)),
            fairness_pictures.lattice_differences(lattice(cube.at(0.5))),
            fairness_pictures.worst_slices(bad_slices({"g": group}, wrong, ways=1)),
            fairness_pictures.calibration_curves(audit_scores(cube)),
        ):
            assert picture.png.startswith(b"\x89PNG")
