"""The champion scores events as the gateway scores requests, and follows the head between batches."""

import json

import numpy as np
import pytest

from workbench.errors import EngineError, Misuse
from workbench.serving.events import Champion, Failed, Scored

GOOD = {"income": 4, "loans": 2, "cosigner": True, "purpose": "house"}


class Picky:
    """Fails on whole batches that have an income of 7, and gives NaN for 8."""

    def predict_proba(self, frame):
        income = frame["income"].to_numpy()
        if (income == 7).any():
            raise ZeroDivisionError("seven")
        yes = np.where(income == 8, np.nan, income / 10)
        return np.column_stack([1 - yes, yes])


def rows(*given):
    return [json.dumps({**GOOD, **row}).encode() for row in given]


@pytest.fixture
def champion(shop):
    return Champion(shop.ledger, shop.loader, "lending")


def test_each_row_gets_the_score_of_the_version_in_use(champion, shop):
    scorer = champion.now()
    assert (scorer.head.version, scorer.threshold) == (1, 0.5)
    assert [one.score for one in scorer.score(rows({}, {"income": 9.0}))] == pytest.approx([0.401, 0.901])
    shop.promote(2)
    assert champion.now().head.version == 2
    assert scorer.score(rows({}))[0].score == pytest.approx(0.401)  # a batch keeps the version it began with


def test_a_version_that_does_not_load_leaves_the_one_before(champion, shop):
    champion.now()
    shop.loader.broken.add(2)
    shop.promote(2)
    assert champion.now().head.version == 1
    assert champion.now().head.version == 1
    assert "not those that were registered" in champion.problem
    assert shop.loader.loaded == [1, 2]  # not tried at every batch
    shop.promote(1)
    assert champion.now().head.generation == 3
    assert champion.problem == ""


def test_a_head_that_the_ledger_does_not_stand_for_leaves_the_one_before(champion, shop, monkeypatch):
    shop.promote(2)
    monkeypatch.setattr(shop.ledger, "doubt", lambda head: "entry 9 moves it without a seal" * (head.version == 2))
    shop.promote(1)
    assert champion.now().head.version == 1
    shop.promote(2)
    assert (champion.now().head.version, champion.problem) == (
        1, "the ledger is not followed: entry 9 moves it without a seal"
    )  # fmt: skip


def test_a_first_version_that_does_not_load_is_an_error(champion, shop):
    shop.loader.broken.add(1)
    with pytest.raises(EngineError, match="not those that were registered"):
        champion.now()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"income": 4}', "'loans' is missing"),
        (rows({"incme": 3})[0], "did you mean 'income'"),
        (rows({"income": "4"})[0], 'is "4"; it must be a finite number within ±3.4e38'),
        (rows({"loans": 2.5})[0], "whole number"),
        (b"[]", "no row"),
        (b"[1, 2]", "2 rows"),
        (b"7", "must be"),
        (rows({})[0].replace(b"4", b"NaN"), "finite"),
        (rows({})[0].replace(b"4", b"1e999"), "finite"),
    ],
)
def test_a_row_that_does_not_fit_the_signature_is_told_and_harms_no_other(champion, body, why):
    first, bad, last = champion.now().score([*rows({}), body, *rows({"income": 9})])
    assert type(first) is type(last) is Scored
    assert bad.kind == "invalid" and why in bad.reason


def test_a_row_on_which_the_model_fails_harms_no_other(champion, shop):
    shop.loader.estimators[1] = Picky()
    given = [1, 7, 2, 8, 3, 4, 7, 5]
    found = champion.now().score(rows(*({"income": income} for income in given)))
    for income, one in zip(given, found, strict=True):
        assert (type(one) is Failed) == (income in {7, 8})
        if type(one) is Scored:
            assert one.score == pytest.approx(income / 10)
    assert "seven" in found[1].reason and "finite" in found[3].reason


def test_an_unknown_model_and_one_without_a_champion_are_told(shop):
    with pytest.raises(Misuse, match="there is no model"):
        Champion(shop.ledger, shop.loader, "nobody").now()
    shop.register(1, model="churn")
    with pytest.raises(Misuse, match="no champion"):
        Champion(shop.ledger, shop.loader, "churn").now()
