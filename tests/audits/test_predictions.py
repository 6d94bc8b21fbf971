"""The audit of given predictions: scikit-learn's figures, three verdicts, and what cannot be judged."""

import numpy as np
import pytest
from sklearn import metrics as peer

from workbench.audits.calibration import audit_calibration
from workbench.audits.performance_json import prediction_json
from workbench.audits.performance_tables import label_table, metric_table
from workbench.audits.predictions import _against_constants, audit_predictions, kind_of
from workbench.audits.verdict import verdict_of
from workbench.errors import Misuse


def audited(*given, **options):
    return audit_predictions(*given, rng=np.random.default_rng(0), **options)


def test_classes_of_any_kind_have_scikit_learns_figures_label_by_label():
    rng = np.random.default_rng(0)
    truth = rng.choice(["cat", "cow", "dog"], 900, p=[0.5, 0.2, 0.3])
    answer = np.where(rng.random(900) < 0.7, truth, rng.choice(["cat", "cow", "dog"], 900))
    audit = audited(truth, answer)
    theirs = peer.precision_recall_fscore_support(truth, answer, labels=["cat", "cow", "dog"])
    for place, label in enumerate(("cat", "cow", "dog")):
        found = audit.by_label[label]
        assert [found[m].value for m in ("precision", "recall", "f1")] == pytest.approx([t[place] for t in theirs[:3]])
        assert found["recall"].n == theirs[3][place]
    assert audit.metrics["accuracy"].value == pytest.approx(peer.accuracy_score(truth, answer))
    assert audit.verdict == "pass" and "always saying cat" in audit.sentence
    assert list(label_table(audit).index) == ["cat", "cow", "dog"]


def test_scores_add_auc_losses_and_calibration():
    rng = np.random.default_rng(1)
    chance = rng.beta(2, 2, 3000)
    truth = (rng.random(3000) < chance).astype(int)
    audit = audited(truth, (chance > 0.5).astype(float), chance)
    assert audit.metrics["log_loss"].value == pytest.approx(peer.log_loss(truth, chance), rel=1e-12)
    assert audit.metrics["auc"].value == pytest.approx(peer.roc_auc_score(truth, chance), rel=1e-12)
    assert audit.metrics["f1"].value == pytest.approx(peer.f1_score(truth, chance > 0.5), rel=1e-12)
    assert audit.calibration.verdict == "pass"
    assert prediction_json(audit)["calibration"]["curve"][0]["cases"] == 300
    assert "calibration error" in metric_table(audit).index


def test_numbers_are_judged_against_the_mean():
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 1, 400)
    good, useless = truth + rng.normal(0, 0.5, 400), rng.normal(0, 1, 400)
    assert audited(truth, good).verdict == "pass"
    assert audited(truth, good).metrics["r2"].value == pytest.approx(peer.r2_score(truth, good))
    assert audited(truth, useless).verdict == "fail"


def test_an_open_question_says_how_many_more_cases_would_tell_and_they_do():
    truth, answer = [1, 1, 1, 0, 0] * 5, [0, 0, 0, 1, 0] + [1, 1, 1, 1, 0] * 4
    audit = audited(truth, answer)
    assert audit.verdict == "not enough evidence" and audit.more > 0
    times = 2 + audit.more // 25
    assert audited(truth * times, answer * times).verdict == "pass"


def test_whole_numbers_are_classes_where_they_are_few():
    assert kind_of([1.0, 2.0, 3.0]) == "classes"
    assert kind_of(np.arange(100)) == "numbers"
    assert audited(np.array([1, 0, 1]), np.array([True, False, True])).metrics["accuracy"].value == 1.0


def test_probabilities_that_are_off_fail_and_few_cases_leave_it_open():
    rng = np.random.default_rng(3)
    chance = rng.beta(3, 3, 20_000)
    truth = (rng.random(20_000) < np.clip(chance + 0.1, 0, 1)).astype(int)
    assert audit_calibration(truth, chance).verdict == "fail"
    few = audit_calibration(truth[:100], chance[:100], tolerance=0.09)
    assert few.verdict == "not enough evidence" and "open" in few.sentence


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([0, 1], [0]), "predictions; each case needs both"),
        (([0, 1], [0, np.nan]), "a prediction is missing"),
        (([0.5, 1.25], [0.5, 1.0], [0.5, 0.5]), "labels are numbers"),
        ((["a", "b"], ["a", "b"], [0.5, 0.5]), "needs labels 0 and 1"),
        (([0, 1], [0, 1], [0.5, 1.5]), r"no number in \[0, 1\]"),
        (([f"k{i}" for i in range(60)], ["k1"] * 60), "can be told apart"),
    ],
)
def test_what_cannot_be_judged_is_refused(given, message):
    with pytest.raises(Misuse, match=message):
        audited(*given)


@pytest.mark.parametrize(("truth", "answer"), [([0, 1], [0, 1]), ([1], [0]), ([0, 1, 0, 1], [1, 0, 1, 0])])
def test_a_handful_of_cases_is_never_a_verdict(truth, answer):
    audit = audited(truth, answer)
    assert audit.verdict == "not enough evidence" and audit.metrics["accuracy"].low < audit.metrics["accuracy"].high
    assert all(found.value is None or found.low < found.high for by in audit.by_label.values() for found in by.values())


def test_numbers_of_a_handful_of_cases_are_no_verdict():
    audit = audited([0.5, 1.25, 7.0], [0.6, 1.2, 6.8])
    assert audit.verdict == "not enough evidence" and audit.more == 12
    assert audited([0.5, 1.25, 7.5], [1.0, 1.75, 8.0]).verdict == "not enough evidence"  # all are off by one half


@pytest.mark.parametrize(
    ("shares", "accuracy", "n"),
    [([0.8, 0.2], 0.8, 400), ([0.5, 0.5], 0.5, 200), ([1 / 3] * 3, 1 / 3, 300), ([0.8, 0.2], 0.8, 30)],
)
def test_answers_as_good_as_the_most_frequent_label_are_judged_in_five_of_a_hundred_samples_at_most(
    shares, accuracy, n
):
    rng = np.random.default_rng(4)
    verdicts = []
    for _ in range(600):
        truth = rng.choice(len(shares), n, p=shares)
        right = rng.random(n) < accuracy
        cases = {str(label): int((truth == label).sum()) for label in range(len(shares))}
        verdicts.append(verdict_of(_against_constants(truth.astype(str), right, cases)[1]))
    assert verdicts.count("pass") <= 0.07 * 600 and verdicts.count("fail") <= 0.07 * 600  # 0.05 and two errors


@pytest.mark.parametrize("drawn", ["normal", "exponential"])
@pytest.mark.parametrize("n", [15, 30, 60])
def test_numbers_as_good_as_the_mean_are_judged_in_five_of_a_hundred_samples_at_most(n, drawn):
    rng = np.random.default_rng(5)
    verdicts = []
    for _ in range(600):
        truth = rng.normal(size=n) if drawn == "normal" else rng.exponential(size=n)
        verdicts.append(audited(truth, truth + rng.normal(size=n)).verdict)
    assert verdicts.count("pass") <= 0.07 * 600 and verdicts.count("fail") <= 0.07 * 600


@pytest.mark.parametrize(("n", "bins"), [(30, 10), (30, 2), (300, 10)])
def test_probabilities_that_are_off_by_the_tolerance_are_judged_in_five_of_a_hundred_samples_at_most(n, bins):
    rng = np.random.default_rng(6)
    verdicts = []
    for _ in range(400):
        chance = 0.1 + 0.8 * rng.beta(2, 2, n)
        verdicts.append(audit_calibration((rng.random(n) < chance + 0.05).astype(int), chance, bins=bins).verdict)
    assert verdicts.count("pass") <= 0.05 * 400 and verdicts.count("fail") <= 0.05 * 400


def test_two_to_five_cases_say_nothing_of_calibration():
    for n in range(2, 6):
        assert audit_calibration([1] * n, [0.3] * n).verdict == "not enough evidence"
        assert audit_calibration([1] * n, [0.99] * n).verdict == "not enough evidence"
