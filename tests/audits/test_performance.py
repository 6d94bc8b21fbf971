"""The performance audit: figures with intervals, and the yardstick of saying always yes."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from workbench.audits import audit_performance
from workbench.audits.tables import performance_table
from workbench.errors import Misuse


def sample(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < 0.8).astype(int)
    return label, np.clip(0.5 + 0.3 * label + rng.normal(0, 0.2, n), 0, 1)


def audited(label, score, threshold=0.6, **options):
    return audit_performance(label, score, threshold, rng=np.random.default_rng(0), **options)


def test_figures_are_scikit_learns_inside_their_intervals():
    label, score = sample()
    audit = audited(label, score)
    assert audit.metrics["f1"].value == pytest.approx(f1_score(label, score >= 0.6))
    for found in audit.metrics.values():
        assert found.low < found.value < found.high
        assert found.n == 1000


def test_saying_always_yes_is_the_yardstick():
    label, score = sample()
    yes = np.ones_like(label)
    assert audited(label, score).always_yes == pytest.approx(
        {"f1": f1_score(label, yes), "accuracy": accuracy_score(label, yes)}
    )
    assert "saying yes to all has" in audited(label, score).sentence


def test_the_threshold_itself_is_a_yes():
    assert audited([0, 1], [0.2, 0.6], 0.6).confusion == (1, 0, 0, 1)


@pytest.mark.parametrize(("least", "verdict"), [(0.5, "pass"), (0.999, "fail")])
def test_the_verdict_is_on_f1(least, verdict):
    assert audited(*sample(), least_f1=least).verdict == verdict


def test_few_cases_are_not_enough_evidence():
    label, score = sample(30)
    value = audited(label, score).metrics["f1"].value
    audit = audited(label, score, least_f1=value - 0.01)
    assert audit.verdict == "not enough evidence"
    assert audit.metrics["f1"].needed > value


def test_one_kind_of_label_leaves_figures_undefined_and_is_never_a_pass():
    audit = audited([0, 0, 0], [0.1, 0.2, 0.3])
    assert audit.metrics["f1"].value is None
    assert audit.metrics["auc"].value is None
    assert audit.verdict == "not enough evidence"
    assert "nothing can be said" in audit.sentence
    assert performance_table({"it": audit}).loc["f1", "it"] == "undefined"


@pytest.mark.parametrize(
    ("label", "score", "message"),
    [
        ([0, 1], [0.5, 1.5], "probability"),
        ([0, 1], [0.5, np.nan], "probability"),
        ([0, 2], [0.5, 0.5], "zeros and ones"),
    ],
)
def test_what_cannot_be_judged_is_refused(label, score, message):
    with pytest.raises(Misuse, match=message):
        audited(label, score)


@pytest.mark.parametrize(("label", "score"), [([1, 0], [0.9, 0.1]), ([1, 1, 1], [0.1, 0.2, 0.3]), ([1] * 9, [0.9] * 9)])
def test_a_handful_of_cases_is_never_a_verdict(label, score):
    audit = audited(label, score, 0.5)
    assert audit.verdict == "not enough evidence" and audit.more != 0
    assert audit.metrics["f1"].low < audit.metrics["f1"].high
    assert all(found.low is None or found.low < found.high for found in audit.metrics.values())
