"""A labelled table keeps label and protected attributes away from the features, and refuses what it cannot mean."""

import pandas as pd
import pytest

from workbench.data import labelled_table
from workbench.errors import Misuse

FRAME = pd.DataFrame(
    {
        "case": [1, 2, 3, 4],
        "age": [30.0, None, 50.0, 60.0],
        "member": [True, False, True, False],
        "plan": ["a", "b", None, "a"],
        "sex": ["f", "m", None, "f"],
        "paid": [1, 0, 1, 0],
    }
)


@pytest.fixture
def path(tmp_path):
    FRAME.to_parquet(tmp_path / "cases.parquet")
    return tmp_path / "cases.parquet"


def test_every_column_that_is_nothing_else_is_a_feature(path):
    cases = labelled_table(path, label="paid", attributes=["sex"], left_out=["case"], name="credit")
    assert cases.features.label == "credit@1"
    assert list(cases.X.columns) == ["age", "member", "plan"]
    assert cases.X["member"].tolist() == [1, 0, 1, 0]
    assert cases.y.tolist() == [1, 0, 1, 0]
    assert list(cases.groups()) == ["sex"]


def test_features_can_be_named_and_keep_their_order(path):
    cases = labelled_table(path, label="paid", attributes=["sex"], features=["plan", "age"], name="credit")
    assert list(cases.X.columns) == ["plan", "age"]


def test_a_label_of_truth_values_counts(tmp_path):
    FRAME.assign(paid=FRAME["paid"] == 1).to_csv(tmp_path / "cases.csv", index=False)
    assert labelled_table(tmp_path / "cases.csv", label="paid", name="x").y.tolist() == [1, 0, 1, 0]


def test_parts_keep_label_and_attributes(path):
    cases = labelled_table(path, label="paid", attributes=["sex"], name="credit")
    assert len(cases.training(share=0.5).y) == 2
    assert list(cases.held_out(share=0.5).groups()) == ["sex"]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"label": "payd"}, "has no column 'payd'"),
        ({"label": "age"}, "must hold both 0 and 1"),
        ({"label": "plan"}, "must hold both 0 and 1"),
        ({"label": "paid", "attributes": ["paid"]}, "named for two things"),
        ({"label": "paid", "features": ["sex"], "attributes": ["sex"]}, "named for two things"),
        ({"label": "paid", "features": []}, "no column left"),
        ({"label": "paid", "left_out": ["case", "age", "member", "plan", "sex"]}, "no column left"),
    ],
)
def test_what_cannot_be_meant_is_refused(path, named, said):
    with pytest.raises(Misuse, match=said):
        labelled_table(path, **named, name="x")


def test_a_label_that_is_always_the_same_teaches_nothing(tmp_path):
    FRAME.assign(paid=1).to_csv(tmp_path / "cases.csv", index=False)
    with pytest.raises(Misuse, match="must hold both 0 and 1"):
        labelled_table(tmp_path / "cases.csv", label="paid", name="x")
