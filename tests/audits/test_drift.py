"""The drift audit: large and beyond chance is drift, small for sure is none, and between them nothing is claimed."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from workbench.audits import SchemaChange, audit_drift, watch_drift
from workbench.audits.tables import drift_table, watch_table
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


def test_categories_of_a_long_tail_are_compared_where_they_are_frequent():
    rng = np.random.default_rng(8)
    names = np.array([f"shop {i}" for i in range(400)])
    share = 1 / np.arange(1, 401)
    share /= share.sum()
    reference = Profile.scan(pd.DataFrame({"shop": rng.choice(names, 20_000, p=share)}))
    same = Profile.scan(pd.DataFrame({"shop": rng.choice(names, 4000, p=share)}), like=reference)
    moved = Profile.scan(pd.DataFrame({"shop": rng.choice(names[::-1], 4000, p=share)}), like=reference)
    assert audit_drift(reference, same).verdict == "pass"
    assert audit_drift(reference, moved).verdict == "fail"


def test_every_distance_is_that_of_the_samples_within_the_bins():
    """Scipy on the rows; a bin is 1/128 of its distance from the median wide."""
    before, now = frame(4000, 9), frame(1500, 10, shift=0.2)
    reference = Profile.scan(before)
    audit = audit_drift(reference, Profile.scan(now, like=reference))
    found = {column.column: column.distances for column in audit.columns}
    for name in ("income", "units"):
        theirs = stats.ks_2samp(before[name], now[name], method="asymp")
        assert found[name]["ks"] == pytest.approx(theirs.statistic, abs=0.005)
        apart = stats.wasserstein_distance(before[name], now[name]) / reference.columns[name].scale
        assert found[name]["wasserstein"] == pytest.approx(apart, rel=0.01)
    counts = [side["plan"].value_counts().sort_index() for side in (before, now)]
    assert found["plan"]["jensen_shannon"] == pytest.approx(jensenshannon(*counts, base=2), abs=1e-12)
    test = stats.chi2_contingency(counts, correction=False)
    assert found["plan"]["chi_squared"] == pytest.approx(test.statistic)
    assert found["plan"]["chi_squared_p"] == pytest.approx(test.pvalue)


def test_infinite_values_leave_the_distance_of_the_finite_ones():
    now = frame(1500, 6)
    now.loc[0, "income"] = np.inf
    column = next(c for c in audited(now).columns if c.column == "income")
    assert np.isfinite(column.distances["wasserstein"])


def test_a_missing_column_is_drift_and_new_and_retyped_ones_are_told():
    now = frame(1500, 3, units=np.random.default_rng(3).poisson(2, 1500) + 0.5).drop(columns="plan").assign(more=1)
    audit = audit_drift(REFERENCE, Profile.scan(now, like=REFERENCE, strict=False))
    assert audit.verdict == "fail"
    assert verdicts(audit)["plan"] == "fail"
    assert audit.schema == SchemaChange(("plan",), ("more",), {"units": ("integer", "number")})
    assert "The schema changed (units was integer, is number; missing: plan; new: more)." in audit.sentence


def test_the_last_mondays_are_a_reference_like_any_other():
    mondays = [Profile.scan(frame(1000, seed), like=REFERENCE) for seed in (11, 12, 13, 14)]
    window = mondays[0] + mondays[1] + mondays[2] + mondays[3]
    assert audit_drift(window, Profile.scan(frame(1500, 15), like=REFERENCE)).verdict == "pass"


def stream(seeds, shifted_from):
    return [
        Profile.scan(frame(600, seed, shift=0.4 * (place >= shifted_from)), like=REFERENCE)
        for place, seed in enumerate(seeds)
    ]


def test_a_stream_tells_which_window_drifted_first_and_where_the_column_changed():
    watch = watch_drift(REFERENCE, stream(range(20, 28), shifted_from=5), rng=np.random.default_rng(0))
    assert watch.first == 5
    assert list(watch.changes) == ["income"]
    assert (watch.changes["income"].at, watch.changes["income"].p_value < 0.05) == (5, True)
    assert list(watch_table(watch)["verdict"][-3:]) == ["drifted"] * 3


def test_a_stream_without_drift_raises_no_alarm_however_long_it_is_watched():
    watch = watch_drift(REFERENCE, stream(range(30, 50), shifted_from=99), rng=np.random.default_rng(0), large=1e-9)
    assert sum(audit.verdict == "fail" for audit in watch.audits) <= 1  # 1 in 20 streams, on significance alone


def test_a_stream_without_windows_has_nothing_to_tell():
    watch = watch_drift(REFERENCE, [], rng=np.random.default_rng(0))
    assert (watch.first, watch.audits, dict(watch.changes)) == (None, (), {})


def test_a_handful_of_rows_shows_neither_drift_nor_its_absence():
    reference = Profile.scan(pd.DataFrame({"x": [1.0] * 1000}))
    for row in (1.0, 500.0):
        audit = audit_drift(reference, Profile.scan(pd.DataFrame({"x": [row]}), like=reference))
        assert audit.verdict == "not enough evidence"


def test_a_column_that_is_constant_passes_when_many_rows_are():
    reference = Profile.scan(pd.DataFrame({"x": [1.0] * 1000}))
    few, many = (
        audit_drift(reference, Profile.scan(pd.DataFrame({"x": [1.0] * n}), like=reference)) for n in (50, 500)
    )
    assert few.verdict == "not enough evidence" and few.columns[0].more_cases > 0
    assert many.verdict == "pass"


def test_a_reference_too_small_to_tell_is_not_a_change():
    few = Profile.scan(pd.DataFrame({"x": [1.0] * 50, "y": np.arange(50.0)}))
    audit = audit_drift(few, few)
    assert audit.verdict == "not enough evidence"
    assert "50 rows of training data are too few to tell of" in audit.sentence
    assert "changed" not in audit.sentence


def test_a_date_is_spelled_as_a_text_file_has_it():
    texts = Profile.scan(pd.DataFrame({"day": ["2026-01-01", "2026-01-02"] * 50}))
    days = pd.DataFrame({"day": pd.to_datetime(["2026-01-01", "2026-01-02"] * 50)})
    audit = audit_drift(texts, Profile.scan(days, like=texts))
    assert audit.columns[0].new_categories == () and audit.columns[0].psi == pytest.approx(0.0)
    assert audit.schema.retyped == {"day": ("text", "time")}
