"""Two versions on the same cases: the challenger is better, worse, or not told apart."""

import numpy as np
import pytest

from workbench.audits.performance_json import comparison_json
from workbench.audits.versions import compare_versions, versions_table
from workbench.errors import Misuse


def cases(edge, n=2000, seed=0):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.5).astype(int)
    shared = rng.normal(0, 1, n)
    scores = [1 / (1 + np.exp(-(2 * label - 1 + shared + e * (2 * label - 1)))) for e in (0.0, edge)]
    return label, *((score > 0.5).astype(int) for score in scores), scores


@pytest.mark.parametrize(("edge", "verdict"), [(0.4, "pass"), (-0.4, "fail"), (0.0, "not enough evidence")])
def test_the_verdict_is_on_who_is_better(edge, verdict):
    label, old, new, _ = cases(edge)
    assert compare_versions(label, old, new, rng=np.random.default_rng(0)).verdict == verdict


def test_every_metric_says_the_same_of_a_challenger_that_is_better_throughout():
    label, old, new, scores = cases(0.4)
    found = compare_versions(label, old, new, scores=tuple(scores), rng=np.random.default_rng(0), names=("v1", "v2"))
    assert all(found.chance_better(metric) > 0.99 for metric in found.gains)
    assert set(versions_table(found)["in words"]) == {"surely better"}
    assert found.gains["log_loss"].value < 0 < found.gains["auc"].value
    assert comparison_json(found)["gains"]["brier"]["chance_better"] > 0.99
    assert "v2 has +" in found.sentence and "McNemar" in found.sentence


def test_a_difference_too_small_for_its_cases_says_how_many_more_would_tell():
    label, old, new, _ = cases(0.03, n=400)
    found = compare_versions(label, old, new, rng=np.random.default_rng(0))
    assert found.verdict == "not enough evidence" and found.more > 0
    assert f"{found.more:,} more cases" in found.sentence


def test_numbers_are_compared_by_their_errors():
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 1, 500)
    found = compare_versions(truth, truth + rng.normal(0, 1, 500), truth + rng.normal(0, 0.5, 500), rng=rng)
    assert found.verdict == "pass" and found.mcnemar is None and found.gains["mae"].value < 0


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (([0, 1], [0, 1], [0]), {}, "1 of challenger"),
        (([0, 1], [0, 1], [0, 1]), {"decides": "auc"}, "no metric 'auc'"),
        (([0, 1], [0, 1], [0, 1]), {"scores": ([0.1, 2.0], [0.1, 0.2])}, "probability of 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(given, options, message):
    with pytest.raises(Misuse, match=message):
        compare_versions(*given, rng=np.random.default_rng(0), **options)


def test_three_wins_and_no_loss_are_not_enough_evidence():
    label, champion = np.zeros(50, int), np.zeros(50, int)
    champion[:3] = 1
    found = compare_versions(label, champion, label, rng=np.random.default_rng(0))
    assert found.verdict == "not enough evidence" and found.mcnemar.p_value == 0.25
    for metric in ("precision", "recall", "f1"):
        by = compare_versions(1 - label, 1 - champion, 1 - label, rng=np.random.default_rng(0), decides=metric)
        assert by.verdict == "not enough evidence"


def test_two_cases_off_by_the_same_are_not_enough_evidence():
    found = compare_versions([0.5, 1.25], [1.5, 2.25], [0.5, 1.25], rng=np.random.default_rng(0))
    assert found.verdict == "not enough evidence" and "without any spread" in found.sentence
    same = compare_versions([0.5, 1.25], [1.5, 2.5], [1.5, 2.5], rng=np.random.default_rng(0))
    assert same.verdict == "not enough evidence" and "[" not in same.sentence
    apart = compare_versions([0.5, 1.25], [1.5, 2.2501], [0.5, 1.25], rng=np.random.default_rng(0))
    assert apart.verdict == "not enough evidence" and apart.more == 13
