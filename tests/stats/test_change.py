"""The split of a series is where published ones have it, and chance seldom makes one."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from workbench.stats.change import change_point, change_points

# British coal-mining disasters a year, 1851 to 1961 (Jarrett, 1979)
DISASTERS = [
    4, 5, 4, 0, 1, 4, 3, 4, 0, 6, 3, 3, 4, 0, 2, 6, 3, 3, 5, 4, 5, 3, 1, 4, 4, 1, 5, 5, 3, 4, 2, 5, 2, 2, 3, 4, 2, 1,
    3, 2, 2, 1, 1, 1, 1, 3, 0, 0, 1, 0, 1, 1, 0, 0, 3, 1, 0, 3, 2, 2, 0, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 2, 1, 0, 0, 0,
    1, 1, 0, 2, 3, 3, 1, 1, 2, 1, 1, 1, 1, 2, 4, 2, 0, 0, 1, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1,
]  # fmt: skip


def windows(values):
    """Each value a window of its own, counted over all values that occur."""
    place = np.unique(np.asarray(values), return_inverse=True)[1]
    return np.eye(place.max() + 1)[place]


def test_the_nile_changed_in_1899():
    """Cobb (1978), Biometrika 65: the last year before is 1898."""
    nile = sm.datasets.nile.load_pandas().data
    found = change_point(windows(nile["volume"]), rng=np.random.default_rng(0), shuffles=199)
    assert nile["year"][found.at] == 1899
    assert found.p_value == 1 / 200


def test_coal_mining_became_safer_about_1890():
    """Raftery & Akman (1986), Biometrika 73: the mode is 1890, half of the probability between 1889 and 1892."""
    found = change_point(windows(DISASTERS), rng=np.random.default_rng(0), shuffles=199)
    assert 1889 <= 1851 + found.at <= 1892
    assert found.p_value == 1 / 200


def test_the_runners_changes_of_pace_are_those_that_people_marked():
    """Four of five annotators of the Turing Institute's series mark these (van den Burg & Williams, 2020).

    All are found within the five places that its scores allow; so are others, since paces hang together in time.
    """
    datasets = pytest.importorskip("river.drift.datasets", reason="river, which carries the series, is not installed")
    pace = [round(y["Pace"], 1) for _, y in datasets.RunLog()]
    found = change_points(windows(pace), rng=np.random.default_rng(0), alpha=0.01, shuffles=199, shortest=5)
    assert all(min(abs(at - each) for each in found) <= 5 for at in (60, 96, 114, 174, 204, 240, 258, 317))


def test_the_statistic_of_ordered_bins_is_scipys():
    rng = np.random.default_rng(1)
    before, now = rng.normal(0, 1, 60), rng.normal(1, 1, 40)
    place = np.unique(np.concatenate([before, now]), return_inverse=True)[1]
    counts = np.array([np.bincount(place[:60], minlength=100), np.bincount(place[60:], minlength=100)])
    found = change_point(counts, rng=rng, shuffles=1)
    theirs = stats.cramervonmises_2samp(before, now).statistic
    assert found.statistic == pytest.approx(theirs, rel=1e-9)


def test_the_statistic_of_categories_is_pearsons():
    counts = np.array([[30, 10, 5], [12, 20, 9]])
    found = change_point(counts, rng=np.random.default_rng(0), ordered=False, shuffles=1)
    assert found.statistic == pytest.approx(stats.chi2_contingency(counts, correction=False).statistic)


def test_a_series_without_a_change_seldom_seems_to_have_one():
    rng = np.random.default_rng(2)
    found = [
        change_point(rng.multinomial(30, [0.2, 0.3, 0.5], 20), rng=rng, shuffles=99).p_value <= 0.05 for _ in range(200)
    ]
    assert np.mean(found) == pytest.approx(0.05, abs=0.035)


def test_several_changes_are_found_in_their_order():
    rng = np.random.default_rng(3)
    shares = [[0.8, 0.2]] * 10 + [[0.5, 0.5]] * 8 + [[0.2, 0.8]] * 12
    series = [rng.multinomial(200, share) for share in shares]
    assert change_points(series, rng=rng, alpha=0.01, shuffles=199) == [10, 18]
    assert change_points(series[:3], rng=rng) == []


def test_one_outlier_is_no_change():
    values = np.random.default_rng(4).normal(size=60)
    values[30] = 1e9
    assert change_point(windows(values), rng=np.random.default_rng(0), shuffles=199).p_value > 0.05


@pytest.mark.parametrize("series", [[[1, 2]], [[1, 2], [0, 0]], [1, 2, 3]])
def test_what_is_no_series_is_refused(series):
    with pytest.raises(ValueError, match="two or more"):
        change_point(series, rng=np.random.default_rng(0))
