"""RAND's randomized price: the elasticity that was published, with errors that respect families."""

import numpy as np
import pandas as pd
import pytest

from workbench.data.moments import Measure, MomentCube
from workbench.data.rand import rand_health
from workbench.errors import Misuse
from workbench.experiments.prices.elasticity import arc_elasticity, share_curve

PLANS = {"0 %": 0.0, "25 %": 25.0, "50 %": 50.0, "95 %": 95.0}


@pytest.fixture(scope="module")
def rand():
    measures = [Measure("visits", "visits", "mean"), Measure("spend", "spend", "mean")]
    return MomentCube.scan(
        rand_health(),
        arm="plan",
        measures=measures,
        unit="person",
        cluster="family",
        segments=["site"],
        arms=list(PLANS),
    )


@pytest.mark.parametrize("measure", ["visits", "spend"])
def test_it_is_about_what_manning_and_others_published(rand, measure):
    """Arc elasticities of −0.1 to −0.2 between 25 and 95 % (Manning et al. 1987); the table alone gives this."""
    found = arc_elasticity(rand, measure, {"25 %": 25.0, "95 %": 95.0})
    assert -0.30 < found.estimate < -0.10 and found.low < -0.17 < found.high


def test_its_error_is_that_of_resampled_families(rand):
    frame = rand_health()
    frame = frame[frame["plan"].isin(["25 %", "95 %"])]
    people = frame.groupby(["family", "plan", "person"])["visits"].mean().reset_index()
    sums = people.groupby(["plan", "family"])["visits"].agg(["sum", "size"])
    rng, found = np.random.default_rng(0), []
    for _ in range(1500):
        q = []
        for plan in ("25 %", "95 %"):
            rows = sums.loc[plan].to_numpy()
            total = rows[rng.integers(len(rows), size=len(rows))].sum(axis=0)
            q.append(total[0] / total[1])
        found.append((q[1] - q[0]) / (q[1] + q[0]) / (70 / 120))
    assert arc_elasticity(rand, "visits", {"25 %": 25.0, "95 %": 95.0}).error == pytest.approx(np.std(found), rel=0.07)


def test_the_curve_falls_and_passes_what_was_counted(rand):
    curve = share_curve(rand, "visits", PLANS, np.random.default_rng(0))
    assert curve.share.shape == (6, 4) and (np.diff(curve.share) < 0).all()
    assert curve.largest_gap < 2.5
    assert (curve.low <= curve.share).all() and (curve.share <= curve.high).all()


def test_families_make_fewer_effective_people(rand):
    curve = share_curve(rand, "visits", PLANS, np.random.default_rng(0))
    assert 0.4 < curve.effective.sum() / rand.n < 0.9


def test_prices_that_do_not_rise_are_refused():
    rows = pd.DataFrame({"arm": ["a", "b"] * 3, "x": [0.0] * 6})
    cube = MomentCube.scan(rows, arm="arm", measures=[Measure("x", "x")])
    with pytest.raises(Misuse, match="lower one first"):
        arc_elasticity(cube, "x", {"a": 2.0, "b": 1.0})
    with pytest.raises(Misuse, match="something demanded"):
        arc_elasticity(cube, "x", {"a": 1.0, "b": 2.0})
