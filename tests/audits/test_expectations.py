"""Expectations are read strictly, learned with room for chance, and put together column by column."""

import numpy as np
import pandas as pd
import pytest

from workbench.audits import ColumnRule, Expectations
from workbench.audits.expectations import expected
from workbench.data import Profile
from workbench.errors import Misuse


def reference(n=2000):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.normal(40, 10, n), "plan": rng.choice(["a", "b"], n), "at": pd.Timestamp("2026")})
    frame.loc[: n // 10 - 1, "age"] = np.nan
    return Profile.scan(frame)


def test_they_come_back_from_json():
    rules = Expectations.learned(reference())
    assert Expectations.from_json(rules.as_json()) == rules


def test_what_is_learned_leaves_room():
    rules = Expectations.learned(reference(), slack=0.02).columns
    assert rules["age"].missing == pytest.approx(0.12)
    assert (rules["age"].kind, rules["plan"].kind, rules["at"].kind) == ("number", "text", "time")
    assert rules["plan"].categories == ("a", "b")
    assert rules["at"].low is None  # what comes next is later


def test_a_learned_range_holds_all_but_one_percent_and_is_not_widened_by_an_outlier():
    values = np.random.default_rng(1).normal(0, 1, 5000)
    plain, hurt = (
        Expectations.learned(Profile.scan(pd.DataFrame({"x": x}))).columns["x"]
        for x in (values, np.append(values[1:], 1e12))
    )
    assert (plain.low, plain.high) == pytest.approx(np.quantile(values, [0.005, 0.995]), abs=0.05)
    assert (hurt.low, hurt.high) == pytest.approx((plain.low, plain.high), abs=0.05)
    assert plain.outside == pytest.approx(0.02, abs=0.002)


def test_a_column_of_ever_new_texts_has_no_list_of_categories():
    many = Profile.scan(pd.DataFrame({"id": [f"u{i}" for i in range(3000)]}))
    assert Expectations.learned(many).columns["id"].categories is None


def test_what_is_stated_stands_in_the_place_of_what_is_learned():
    rules = expected('{"columns": {"age": {"high": 120}}, "duplicates": 0}', reference(), keys=["plan"], missing=0.3)
    assert rules.columns["age"] == ColumnRule(high=120)
    assert rules.columns["plan"].unique
    assert rules.columns["plan"].categories is None  # a key has new values by its nature
    assert (rules.duplicates, rules.missing, rules.keys) == (0, 0.3, ("plan",))


def test_null_leaves_a_default():
    assert Expectations.from_json('{"time": null, "columns": {"x": {"low": null}}}').columns["x"] == ColumnRule()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "must be a JSON object"),
        ('{"colums": {}}', "no rule 'colums'"),
        ('{"columns": []}', "columns is"),
        ('{"columns": {"x": 3}}', "the column 'x' is 3"),
        ('{"columns": {"x": {"missing": 5}}}', "share in"),
        ('{"columns": {"x": {"missing": true}}}', "share in"),
        ('{"columns": {"x": {"low": "a"}}}', "a number"),
        ('{"columns": {"x": {"low": NaN}}}', "a number"),
        ('{"columns": {"x": {"kind": ["text"]}}}', "one of"),
        ('{"columns": {"x": {"categories": "abc"}}}', "list of texts"),
        ('{"columns": {"x": {"unique": 1}}}', "true or false"),
        ('{"time": 4}', "name of a column"),
        ('{"fresh_hours": "24"}', "a number"),
    ],
)
def test_what_is_no_expectation_is_refused(text, message):
    with pytest.raises(Misuse, match=message):
        Expectations.from_json(text)
