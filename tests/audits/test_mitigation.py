"""Reweighing makes label and group independent, and equals the published example."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from workbench.audits import explore, post_processed, reweighing
from workbench.data import ScoreCube
from workbench.errors import Misuse

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


def test_fairlearns_post_processing_makes_selection_equal_at_the_cost_that_was_foretold():
    rng = np.random.default_rng(0)
    group = rng.choice(["a", "b"], 6000)
    features = pd.DataFrame({"x": rng.normal(np.where(group == "a", 0.8, 0.0))})
    label = (rng.random(6000) < 1 / (1 + np.exp(-2 * features["x"]))).astype(int)
    model = LogisticRegression().fit(features, label)
    fair = post_processed(model, features, label, group, aim="equal_selection")
    answers = fair.predict(features, sensitive_features=group, random_state=0)
    rates = [answers[group == name].mean() for name in "ab"]
    assert abs(rates[0] - rates[1]) < 0.02
    cube = ScoreCube.scan({"g": group}, score=model.predict_proba(features)[:, 1], label=label)
    foretold = explore(cube).rules["equal_selection"]
    assert (answers == label).mean() == pytest.approx(foretold.worth, abs=0.01)
    with pytest.raises(Misuse, match="no aim 'fair'"):
        post_processed(model, features, label, group, aim="fair")
    with pytest.raises(Misuse, match="fairlearn refuses"):
        post_processed(model, features, label, label, aim="equal_opportunity")
