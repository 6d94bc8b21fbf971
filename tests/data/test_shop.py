"""The made-up shop has the effect that it is told to have."""

import numpy as np
import pytest

from workbench.data.shop import shop_test


def test_shares_and_effect_are_those_asked_for():
    frame = shop_test(np.random.default_rng(3), days=70, per_day=6000, baseline=0.2, effect=0.1)
    share = frame.groupby("arm")["bought"].agg(["mean", "size"])
    assert share.loc["old", "mean"] == pytest.approx(0.2, abs=0.004)
    assert share.loc["new", "mean"] / share.loc["old", "mean"] == pytest.approx(1.1, abs=0.025)
    assert share["size"].sum() == pytest.approx(70 * 6000, rel=0.01)
    assert (frame["dollars"] > 0).equals(frame["bought"] == 1)
    assert frame["visitor"].is_unique and frame["day"].nunique() == 70


def test_the_same_seed_gives_the_same_shop():
    one, other = (shop_test(np.random.default_rng(1), days=3, per_day=50) for _ in range(2))
    assert one.equals(other)


@pytest.mark.parametrize("wrong", [{"days": 0}, {"per_day": 0}, {"baseline": 0.95}, {"baseline": 0.5, "effect": 1.0}])
def test_a_shop_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="no experiment"):
        shop_test(np.random.default_rng(1), **wrong)
