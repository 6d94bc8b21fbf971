"""Labels and answers are read alike by every audit, and what is in other terms is refused."""

import numpy as np
import pandas as pd
import pytest

from workbench.audits.answers import numeric, present, refuse_other_terms
from workbench.audits.cause import audit_cause
from workbench.audits.predictions import audit_predictions
from workbench.audits.versions import compare_versions
from workbench.errors import Misuse


def caused(before, now):
    frames = [
        pd.DataFrame({"y": labels, "p": answers, "x": np.arange(len(labels))}) for labels, answers in (before, now)
    ]
    return audit_cause(*frames, label="y", prediction="p", rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("label", "answer"),
    [(["yes", "no"], [1, 0]), (["yes", "no"], ["true", "false"]), (["yes", "yes"], [1, 1]), ([1, 0], ["a", "b"])],
)
def test_answers_in_other_terms_than_the_labels_are_refused_by_every_audit(label, answer):
    label, answer = np.repeat(label, 40), np.repeat(answer, 40)
    rng = np.random.default_rng(0)
    for audit in (
        lambda: audit_predictions(label, answer, rng=rng),
        lambda: compare_versions(label, label, answer, rng=rng),
        lambda: compare_versions(label, answer, label, rng=rng),
        lambda: caused((label, label), (label, answer)),
        lambda: caused((label, answer), (label, answer)),
    ):
        with pytest.raises(Misuse, match="is any of the labels"):
            audit()


@pytest.mark.parametrize(("label", "answer"), [([1, 1], [0, 0]), (["cat", "cat"], ["dog", "bird"]), ([0, 1], [0, 2])])
def test_answers_that_are_wrong_in_the_labels_terms_are_not_refused(label, answer):
    refuse_other_terms(np.array(label), np.array(answer), "prediction")


def test_one_label_spelled_in_three_ways_is_one_label():
    label = np.tile([1, 0, 1], 40)
    ways = [label, label.astype(float), label.astype(bool), label.astype(str)]
    for answer in ways:
        found = compare_versions(label, answer, 1 - label, rng=np.random.default_rng(0))
        assert (found.mcnemar.wins, found.mcnemar.losses) == (0, 120)
        assert caused((label, label), (label, answer)).now == 1.0


def test_a_missing_answer_of_either_version_is_refused_and_not_counted_as_wrong():
    label, answer = np.array([0, 1, 1]), np.array([0, np.nan, 1])
    for champion, challenger, name in ((label, answer, "v2"), (answer, label, "v1")):
        with pytest.raises(Misuse, match=f"a prediction of {name} is missing"):
            compare_versions(label, champion, challenger, rng=np.random.default_rng(0), names=("v1", "v2"))


def test_what_is_no_number_is_refused_in_words():
    assert numeric(["1.5", 2], "score").tolist() == [1.5, 2.0]
    with pytest.raises(Misuse, match=r"a score is no number.*high"):
        numeric(["high", "low"], "score")
    with pytest.raises(Misuse, match="a label is missing"):
        present([1, None], "label")
    amounts, texts = np.linspace(0, 1, 40), np.repeat("much", 40)
    with pytest.raises(Misuse, match="a prediction is no number"):
        caused((amounts, amounts), (amounts, texts))
