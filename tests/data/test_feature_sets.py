"""A feature set says which columns a model reads, and what is wrong with others."""

import pytest

from workbench.data import Column, FeatureSet
from workbench.errors import Misuse

CREDIT = FeatureSet("loan-credit", 1, (Column("hrat", "percent"), Column("loanprc", "share")))


def test_it_is_known_by_name_and_version():
    assert CREDIT.label == "loan-credit@1"
    assert CREDIT.names == ["hrat", "loanprc"]


def test_its_digest_changes_with_its_columns_and_its_version():
    assert CREDIT.digest == FeatureSet("loan-credit", 1, CREDIT.columns).digest
    assert CREDIT.digest != FeatureSet("loan-credit", 2, CREDIT.columns).digest
    assert CREDIT.digest != FeatureSet("loan-credit", 1, CREDIT.columns[::-1]).digest


def test_its_columns_pass_in_any_order():
    CREDIT.check(["loanprc", "hrat"])


def test_a_missing_column_is_named_with_the_nearest_that_is_there():
    with pytest.raises(Misuse, match="'loanprc' of the feature set loan-credit@1 is missing") as caught:
        CREDIT.check(["hrat", "loanprice"])
    assert "loanprice" in caught.value.hint


def test_an_extra_column_is_named():
    with pytest.raises(Misuse, match="has no column 'race'"):
        CREDIT.check(["hrat", "loanprc", "race"])
