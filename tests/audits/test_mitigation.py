"""Reweighing makes label and group independent, and equals the published example."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.audits import reweighing

CASES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1)), min_size=1, max_size=60)


def test_the_weights_are_those_of_the_paper():
    """Kamiran and Calders (2012): of five men four have the job, of five women two."""
    group = ["m"] * 5 + ["f"] * 5
    label = [1, 1, 1, 1, 0, 1, 1, 0, 0, 0]
    assert reweighing(group, label)[[0, 4, 5, 7]] == pytest.approx([0.75, 2.0, 1.5, 2 / 3])


@given(CASES)
def test_weighted_all_groups_have_the_overall_share_of_yes_where_they_have_both_labels(cases):
    group, label = np.array([g for g, _ in cases]), np.array([y for _, y in cases])
    weights = reweighing(group, label)
    both = [g for g in np.unique(group) if len(set(label[group == g])) == 2]
    for each in both:
        mine = group == each
        assert weights[mine].sum() == pytest.approx(mine.sum())
        assert (weights * label)[mine].sum() / weights[mine].sum() == pytest.approx(label.mean())


def test_each_case_needs_both_group_and_label():
    with pytest.raises(ValueError, match="each case needs both"):
        reweighing(["a"], [0, 1])
