"""A t statistic on the normal's scale and back."""

import numpy as np
import pytest
from scipy import stats

from workbench.stats.student import as_t, as_z


@pytest.mark.parametrize("df", [2.0, 4.0, 17.3, 1e4])
@pytest.mark.parametrize("t", [-3.0, -0.1, 0.0, 1.96, 8.0])
def test_a_t_and_its_z_are_exceeded_equally_often(t, df):
    assert stats.norm.sf(as_z(t, df)) == pytest.approx(stats.t.sf(t, df), rel=1e-9)
    assert as_t(as_z(t, df), df) == pytest.approx(t, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("df", [30.0, 1e3, 1e5])
def test_where_tails_are_too_thin_to_be_told_it_goes_on_without_a_gap(df):
    edge = as_t(29.999999, df)
    assert as_z(edge * (1 + 1e-6), df) == pytest.approx(30.0, rel=1e-3)
    assert as_t(as_z(80.0, df), df) == pytest.approx(80.0, rel=1e-3)


def test_where_the_error_is_known_or_the_boundary_never_nothing_changes():
    assert as_z(2.5, np.inf) == as_t(2.5, np.inf) == 2.5
    assert as_t(-np.inf, 3.0) == -np.inf and as_t(100.0, 1.0) == np.inf
