"""The loan applications are the published ones; what leaks, and what is protected, is not among the features."""

import pandas as pd
import pytest

from workbench.data import loan_applications
from workbench.errors import Misuse

DECIDED_LATER = {"action", "reject", "approve", "typur", "inson", "review", "unver", "gdlin"}
PROTECTED = {"white", "black", "hispan", "male", "married", "dep", "old", "race", "sex"}
NEIGHBOURHOOD = {"min30", "bd", "mi", "vr", "suffolk", "msa"}


@pytest.fixture(scope="module")
def loans():
    return loan_applications()


def test_approval_rates_are_the_published_ones(loans):
    """Wooldridge, chapter 7, computer exercise 8: approve = .708 + .201 white."""
    rates = loans.frame.groupby("race")["approve"].mean()
    assert len(loans.frame) == 1989
    assert rates["of colour"] == pytest.approx(0.7078, abs=5e-5)
    assert rates["white"] - rates["of colour"] == pytest.approx(0.2006, abs=5e-5)
    assert rates["of colour"] / rates["white"] == pytest.approx(0.779, abs=5e-4)


def test_no_feature_is_protected_or_was_decided_later_or_stands_for_the_neighbourhood(loans):
    assert not set(loans.features.names) & (DECIDED_LATER | PROTECTED | NEIGHBOURHOOD)
    loans.features.check(loans.X.columns)


def test_a_missing_sex_is_unknown_and_nobody_is_dropped(loans):
    assert loans.frame["sex"].value_counts().to_dict() == {"male": 1605, "female": 369, "(unknown)": 15}


def test_training_and_held_out_part_the_applications(loans):
    training, held_out = loans.training(share=0.8, seed=3), loans.held_out(share=0.8, seed=3)
    assert len(training.frame) == 1591
    together = pd.concat([training.frame, held_out.frame])
    columns = list(together.columns)
    pd.testing.assert_frame_equal(
        together.sort_values(columns).reset_index(drop=True), loans.frame.sort_values(columns).reset_index(drop=True)
    )
    assert loans.training(share=0.8, seed=3).digest == training.digest
    assert loans.training(share=0.8, seed=4).digest != training.digest
    with pytest.raises(Misuse, match=r"training share is 1\.5"):
        loans.training(share=1.5)


def test_attributes_are_given_by_name_and_unknown_ones_are_refused(loans):
    assert list(loans.groups(["sex"])) == ["sex"]
    with pytest.raises(Misuse, match="no attribute 'age'"):
        loans.groups(["race", "age"])
    with pytest.raises(Misuse, match="no attribute is named"):
        loans.groups([])


def test_a_file_with_the_same_columns_is_read_as_well(loans, tmp_path):
    path = tmp_path / "loans.csv"
    loans.frame.to_csv(path, index=False)
    pd.testing.assert_frame_equal(loan_applications(path).X, loans.X)


def test_a_file_that_lacks_a_column_is_refused_by_its_name(loans, tmp_path):
    path = tmp_path / "loans.csv"
    loans.frame.drop(columns=["hrat", "race"]).to_csv(path, index=False)
    with pytest.raises(Misuse, match="has no column 'hrat' \\(nor race\\)"):
        loan_applications(path)


def test_a_file_with_another_label_is_refused(loans, tmp_path):
    path = tmp_path / "loans.parquet"
    loans.frame.assign(approve="yes").to_parquet(path)
    with pytest.raises(Misuse, match="must hold 0 or 1"):
        loan_applications(path)
