"""Bad slices of a table: numbers in bands, missing values kept, found where they are and not elsewhere."""

import numpy as np
import pandas as pd
import pytest

from workbench.audits import bad_slices
from workbench.errors import Misuse

try:
    import polars as pl
except ImportError:  # it is no part of the tested set: where it is installed, MLflow imports it, and it starts threads
    pl = None


def frame(n=8000, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "region": rng.choice(["n", "s", None], n),
            "age": rng.uniform(20, 70, n),
            "children": rng.integers(0, 4, n),
            "member": rng.random(n) < 0.5,
        }
    )


def test_a_planted_slice_is_named_in_words_whatever_the_table_is():
    cases = frame()
    bad = cases["region"].isna() & (cases["children"] == 3)
    wrong = np.random.default_rng(1).random(len(cases)) < np.where(bad, 0.5, 0.1)
    for table in (cases, *([pl.from_pandas(cases)] if pl else [])):
        found = bad_slices(table, wrong)
        first = found.slices[0]
        assert first.where == (("region", "(unknown)"), ("children", "3"))
        assert first.name == "region = (unknown) and children = 3"
        assert first.n == bad.sum()
        assert first.error_rate == pytest.approx(wrong[bad].mean())
        assert first.rest_rate == pytest.approx(wrong[~bad].mean())
        assert first.found
        assert "the worst is region = (unknown) and children = 3" in found.sentence


def test_numbers_are_cut_at_their_quantiles_and_a_missing_one_is_a_slice_of_its_own():
    cases = frame().assign(age=lambda f: f["age"].where(f["age"] < 60))
    found = bad_slices(cases, cases["age"].isna(), ["age"], ways=1, bands=4)
    assert [each.name for each in found.slices] == ["age = (unknown)"]
    assert found.searched == 5
    old = bad_slices(frame(), frame()["age"] > 57.6, ["age"], ways=1, bands=4)
    assert old.slices[0].name.startswith("age ≥ 57")


def test_nothing_is_found_where_there_is_nothing():
    wrong = np.random.default_rng(3).random(8000) < 0.1
    found = bad_slices(frame(), wrong)
    assert not any(each.found for each in found.slices)
    assert found.sentence.endswith("none is worse than chance would make one of so many.")


def test_a_column_that_is_not_there_or_of_too_many_values_is_refused():
    with pytest.raises(Misuse, match="no column 'agee'"):
        bad_slices(frame(), np.ones(8000), ["agee"])
    many = {name: [f"{name}{i}" for i in range(3000)] for name in "ab"}
    with pytest.raises(Misuse, match="slices; up to"):
        bad_slices(many, np.ones(3000))


def test_no_column_and_an_error_that_is_neither_true_nor_false_are_refused():
    with pytest.raises(Misuse, match="no column to make slices of"):
        bad_slices(pd.DataFrame(index=range(5)), np.zeros(5))
    with pytest.raises(Misuse, match="error holds"):
        bad_slices(frame(), np.full(8000, np.nan))
