"""The drift audit: large and beyond chance is drift, small for sure is none, and between them nothing is claimed."""

import numpy as np
import pandas as pd
import pytest

from workbench.audits import audit_drift
from workbench.audits.tables import drift_table
from workbench.data import Profile
from workbench.errors import Misuse


def frame(n, seed, shift=0.0, **columns):
    rng = np.random.default_rng(seed)
    made = {
        "income": rng.lognormal(shift, 0.5, n),
        "units": rng.poisson(2, n),
        "plan": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]),
    }
    return pd.DataFrame(made | columns)


REFERENCE = Profile.scan(frame(4000, 0))


def audited(now, **options):
    return audit_drift(REFERENCE, Profile.scan(now, like=REFERENCE, source="d"), **options)


def verdicts(audit):
    return {column.column: column.verdict for column in audit.columns}


def test_the_same_population_has_not_drifted():
    audit = audited(frame(1500, 1))
    assert audit.verdict == "pass"
    assert audit.drifted_share == 0
    assert audit.data_digest == "d"
    assert "No column drifted: 1,500 rows" in audit.sentence


def test_a_shifted_column_has_and_stands_first():
    audit = audited(frame(1500, 2, shift=0.3))
    assert audit.verdict == "fail"
    assert audit.columns[0].column == "income"
    assert verdicts(audit) == {"income": "fail", "units": "pass", "plan": "pass"}
    assert audit.columns[0].distances["ks"] > 0.2
    assert audit.drifted_share == pytest.approx(1 / 3)


def test_missing_values_are_drift():
    now = frame(1500, 3)
    now.loc[now.index[:300], "income"] = np.nan
    audit = audited(now)
    assert verdicts(audit)["income"] == "fail"
    assert audit.columns[0].nulls_now == pytest.approx(0.2)


def test_a_category_never_seen_is_drift():
    audit = audited(frame(1500, 4, plan=["a", "b", "d"] * 500))
    assert verdicts(audit)["plan"] == "fail"
    assert audit.columns[0].new_categories == ("d",)


def test_a_value_that_was_always_the_same_and_changes_is_drift():
    reference = Profile.scan(pd.DataFrame({"x": [5.0] * 500}))
    now = Profile.scan(pd.DataFrame({"x": [5.0] * 400 + [7.0] * 100}), like=reference)
    assert audit_drift(reference, now).verdict == "fail"


def test_one_outlier_on_either_side_is_not_drift():
    before, now = frame(4000, 5), frame(1500, 6)
    before.loc[0, "income"] = 1e12
    now.loc[0, "income"] = -1e12
    reference = Profile.scan(before)
    audit = audit_drift(reference, Profile.scan(now, like=reference))
    assert verdicts(audit)["income"] == "pass"


def test_one_outlier_does_not_hide_drift():
    before, now = frame(4000, 5), frame(1500, 6, shift=0.3)
    before.loc[0, "income"] = 999_999
    reference = Profile.scan(before)
    assert verdicts(audit_drift(reference, Profile.scan(now, like=reference)))["income"] == "fail"


def test_a_handful_of_rows_is_not_enough_evidence_and_it_is_said_how_many_more_would_do():
    audit = audited(frame(25, 7))
    assert audit.verdict == "not enough evidence"
    more = max(column.more_cases for column in audit.columns if column.verdict != "pass")
    assert more > 0
    assert f"about {more:,} more would do" in audit.sentence


def test_thirty_unchanged_columns_seldom_raise_an_alarm():
    """Peers flag at least one column in 79 % of such comparisons."""
    alarms = 0
    for seed in range(15):
        rng = np.random.default_rng(seed)
        before, now = (pd.DataFrame(rng.normal(size=(n, 30))).rename(columns=str) for n in (500, 500))
        reference = Profile.scan(before)
        alarms += audit_drift(reference, Profile.scan(now, like=reference), large=1e-9).verdict == "fail"
    assert alarms <= 3  # 1 in 20 is expected, on significance alone


def test_a_change_of_about_what_matters_is_said_to_be_undecidable():
    reference = Profile.scan(pd.DataFrame({"x": ["a"] * 500 + ["b"] * 500}))
    now = Profile.scan(pd.DataFrame({"x": ["a"] * 173 + ["b"] * 127}), like=reference)
    audit = audit_drift(reference, now, large=0.02)
    assert audit.verdict == "not enough evidence"
    assert audit.columns[0].more_cases is None
    assert "nor its absence" in audit.sentence


def test_a_table_has_a_row_a_column_of_data():
    assert list(drift_table(audited(frame(1500, 1))).index.sort_values()) == ["income", "plan", "units"]


@pytest.mark.parametrize(
    ("current", "message"),
    [
        (Profile.scan(frame(0, 0), like=REFERENCE), "4,000 rows of training data and 0 served"),
        (Profile.scan(frame(10, 0)[["units"]]), "different columns"),
        (Profile.scan(frame(10, 0)), "scaled differently"),
    ],
)
def test_what_cannot_be_compared_is_refused(current, message):
    with pytest.raises(Misuse, match=message):
        audit_drift(REFERENCE, current)
