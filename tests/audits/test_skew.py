"""The skew check: the same rows on both paths, and what differs named by column, share and manner."""

import numpy as np
import pandas as pd
import pytest

from workbench.audits.performance_json import skew_json
from workbench.audits.performance_tables import skew_table
from workbench.audits.skew import check_skew
from workbench.errors import Misuse


def rows(n=4000):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "income": rng.lognormal(3, 1, n),
            "plan": rng.choice(["a", "b"], n),
            "score": rng.random(n),
        }
    )


def test_rows_that_agree_within_the_tolerance_pass():
    served = rows()
    served["income"] *= 1 + 1e-9
    check = check_skew(rows(), served)
    assert check.verdict == "pass" and check.differing == 0 and check.more == 0


def test_few_rows_that_agree_are_no_pass_and_the_rows_asked_for_are_enough():
    check = check_skew(rows(500), rows(500))
    assert check.verdict == "not enough evidence" and f"{check.more:,} more" in check.sentence
    assert check_skew(rows(500 + check.more), rows(500 + check.more)).verdict == "pass"
    assert check_skew(rows(499 + check.more), rows(499 + check.more)).verdict == "not enough evidence"


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (lambda x: x * 1000, "multiplied by 1000"),
        (lambda x: x + 5, "shifted by 5"),
        (lambda x: x.round(1), "rounded to 1 decimals"),
        (lambda x: x.where(np.arange(len(x)) % 3 > 0), "missing where it was served"),
        (lambda x: x.to_numpy()[::-1], "other values"),
        (lambda x: x.astype(str), "texts on one path, numbers on the other"),
    ],
)
def test_how_a_column_differs_is_told(change, how):
    served = rows()
    served["income"] = change(served["income"])
    check = check_skew(rows(), served, key="id")
    first = check.columns[0]
    assert (check.verdict, first.column, first.how) == ("fail", "income", how)
    assert first.example.startswith("row ") and first.low < first.share <= first.high
    assert "income" in check.sentence and skew_table(check).loc["income", "how"] == how
    assert skew_json(check)["columns"][0]["differing"] == first.differing


def test_a_key_finds_rows_in_another_order_and_texts_are_compared():
    served = rows().sample(frac=0.5, random_state=1)
    served.loc[served.index[:40], "plan"] = "c"
    check = check_skew(rows(), served, key="id")
    assert check.rows == 2000 and check.columns[0].column == "plan" and check.columns[0].differing == 40


@pytest.mark.parametrize(
    ("served", "key", "message"),
    [
        (rows(10), None, "served"),
        (rows().drop(columns="plan"), None, "'plan' was not served"),
        (rows(), "name", "no column 'name'"),
        (rows().assign(id=1), "id", "names two rows"),
        (rows().assign(id=rows()["id"] + 10_000), "id", "is in both"),
    ],
)
def test_what_cannot_be_compared_is_refused(served, key, message):
    with pytest.raises(Misuse, match=message):
        check_skew(rows(), served, key=key)
