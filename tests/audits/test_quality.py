"""Each check passes, fails or says how many more rows would tell; facts need no more rows."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from workbench.audits import ColumnRule, Expectations, audit_quality
from workbench.audits.tables import quality_table
from workbench.data import Profile, Repeats
from workbench.errors import Misuse

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def frame(n=2000, seed=0, **columns):
    rng = np.random.default_rng(seed)
    made = {"age": rng.normal(40, 10, n), "visits": rng.poisson(3, n), "plan": rng.choice(["a", "b", "c"], n)}
    return pd.DataFrame(made | columns)


REFERENCE = Profile.scan(frame())
LEARNED = Expectations.learned(REFERENCE)


def against_reference(now, rules=LEARNED):
    return audit_quality(Profile.scan(now, like=REFERENCE, strict=False, every=True, source="d"), rules)


def checks(audit):
    return {(check.column, check.name): check for check in audit.checks}


def stated(now, /, time=None, fresh_hours=None, retention_days=None, keys=(), **columns):
    rules = Expectations(
        {name: ColumnRule(**rule) for name, rule in columns.items()},
        time=time,
        fresh_hours=fresh_hours,
        retention_days=retention_days,
    )
    for key in keys:
        rules = rules.with_key(key)
    return audit_quality(Profile.scan(now), rules, repeats=Repeats.scan(now, keys=rules.keys), now=NOON)


def test_the_same_population_passes():
    audit = against_reference(frame(seed=1))
    assert audit.verdict == "pass"
    assert audit.sentence == f"All {len(audit.checks)} checks of 2,000 rows passed."
    assert audit.data_digest == "d"


def test_a_good_table_seldom_fails():
    """Some seventy checks of twenty tables; a rule at its very limit would fail in one of twenty."""
    failed = sum(len(against_reference(frame(500, seed)).failed) for seed in range(20))
    assert failed <= 2


def test_a_small_table_cannot_be_judged_and_it_is_said_how_many_more_rows_would_do():
    audit = against_reference(frame(30, 2))
    assert audit.verdict == "not enough evidence"
    check = checks(audit)["plan", "missing"]
    assert check.verdict == "not enough evidence"
    assert audit_quality(
        Profile.scan(frame(30 + check.more_cases, 2), like=REFERENCE), Expectations({"plan": LEARNED.columns["plan"]})
    ).verdict in {"pass", "not enough evidence"}
    assert f"About {max(c.more_cases for c in audit.checks):,} more rows would tell." in audit.sentence


def test_new_nulls_fail():
    now = frame(seed=3)
    now.loc[:199, "age"] = np.nan
    check = checks(against_reference(now))["age", "missing"]
    assert (check.verdict, check.value) == ("fail", 0.1)
    assert check.sentence == "10 % of age are missing; at most 1 % are allowed"
    assert check.low < 0.1 < check.high


def test_values_outside_the_learned_range_fail():
    assert checks(against_reference(frame(seed=4)))["age", "range"].verdict == "pass"
    moved = frame(seed=4)
    moved["age"] += 30
    assert checks(against_reference(moved))["age", "range"].verdict == "fail"


def test_unknown_categories_fail_and_are_named():
    check = checks(against_reference(frame(seed=5, plan=["a", "b", "gold", "c"] * 500)))["plan", "categories"]
    assert check.verdict == "fail"
    assert "gold" in check.sentence


def test_another_type_and_a_missing_column_fail():
    audit = against_reference(frame(seed=6, visits=["many"] * 2000).drop(columns="plan"))
    found = checks(audit)
    assert found["visits", "type"].sentence == "visits is of the kind text; integer is expected"
    assert found["plan", "type"].sentence == "plan is missing from the table"
    assert found["visits", "missing"].value == 1.0
    assert audit.checks[0].verdict == "fail"  # the gravest stand first


def test_whole_numbers_that_a_table_could_not_hold_beside_nulls_are_excused():
    now = frame(seed=7)
    now["visits"] = now["visits"].where(now.index > 3)
    assert now["visits"].dtype.kind == "f"
    assert checks(against_reference(now))["visits", "type"].verdict == "pass"


def test_a_stated_range_is_a_fact():
    assert stated(frame(), age={"low": -50, "high": 130}).verdict == "pass"
    one = frame()
    one.loc[7, "age"] = 130.0001
    check = checks(stated(one, age={"low": -50, "high": 130}))["age", "range"]
    assert (check.verdict, check.value, check.more_cases) == ("fail", 1 / 2000, 0)


def test_what_is_expected_to_be_a_number_and_holds_texts_fails():
    found = checks(stated(frame(), plan={"low": 0}, age={"categories": ("x",)}))
    assert found["plan", "range"].verdict == "fail"
    assert found["age", "categories"].verdict == "fail"


def test_infinite_values_fail():
    now = frame()
    now.loc[0, "age"] = np.inf
    assert checks(stated(now))["age", "finite"].verdict == "fail"


def test_a_key_that_repeats_or_is_missing_fails():
    now = frame(4, plan=["a", "b", "b", None])
    check = checks(stated(now, keys=["plan"]))["plan", "unique"]
    assert (check.verdict, check.value) == ("fail", 0.5)
    assert checks(stated(frame(), keys=["age"]))["age", "unique"].verdict == "pass"


def test_repeated_rows_fail_beyond_their_limit():
    now = frame()
    assert checks(stated(now))["", "duplicates"].verdict == "pass"
    check = checks(stated(pd.concat([now, now[:300]])))["", "duplicates"]
    assert (check.verdict, check.value) == ("fail", 300 / 2300)


@pytest.mark.parametrize(
    ("newest", "oldest", "fresh", "kept"),
    [(1, 20, "pass", "pass"), (30, 40, "fail", "pass"), (1, 24 * 40, "pass", "fail"), (-3, 20, "fail", "pass")],
)
def test_age_is_judged_by_the_clock_that_is_passed_in(newest, oldest, fresh, kept):
    at = pd.Series([NOON - timedelta(hours=newest), NOON - timedelta(hours=oldest)])
    found = checks(stated(pd.DataFrame({"at": at}), time="at", fresh_hours=24, retention_days=30))
    assert (found["at", "fresh"].verdict, found["at", "retention"].verdict) == (fresh, kept)
    assert found["at", "fresh"].value == pytest.approx(newest)


def test_a_time_without_a_moment_is_not_enough_evidence():
    nothing = pd.DataFrame({"at": pd.Series([None], dtype="datetime64[s]")})
    found = checks(stated(nothing, time="at", fresh_hours=1, at={"missing": 1.0}))
    assert found["at", "fresh"].verdict == "not enough evidence"


def test_a_table_without_rows_is_not_enough_evidence():
    assert stated(frame(0)).verdict == "not enough evidence"


def test_a_table_for_readers_has_a_row_a_check():
    audit = against_reference(frame(30, 2))
    assert len(quality_table(audit)) == len(audit.checks)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stated(frame(), fresh_hours=1), "need a column of moments"),
        (lambda: stated(frame(), time="age", fresh_hours=1), "'age' is no column of moments"),
        (lambda: stated(frame(), time="nope"), "'nope' is no column"),
        (lambda: stated(frame(), keys=["nope"]), "there is no column nope"),
        (lambda: audit_quality(REFERENCE, Expectations().with_key("age")), "no repeats were counted"),
        (
            lambda: audit_quality(REFERENCE, Expectations().with_key("age"), repeats=Repeats.scan(frame())),
            "was not counted",
        ),
        (lambda: audit_quality(Profile({}, 0), Expectations()), "no columns"),
    ],
)
def test_what_cannot_be_checked_is_refused(call, message):
    with pytest.raises(Misuse, match=message):
        call()


def test_values_a_little_beyond_an_end_are_never_a_pass():
    beyond = np.where(np.arange(1000) < 400, 120.01, np.linspace(20, 110, 1000))
    rules = Expectations(columns={"age": ColumnRule(high=120, outside=0.05)})
    (check,) = (
        each
        for each in audit_quality(Profile.scan(pd.DataFrame({"age": beyond})), rules).checks
        if each.name == "range"
    )
    assert check.verdict == "not enough evidence" and "between" in check.sentence


@pytest.mark.parametrize("capped", [120.0, 120])
def test_values_at_an_end_are_within_it_even_where_one_is_beyond(capped):
    ages = np.where(np.arange(1000) < 400, capped, np.arange(1000) % 90)
    ages[-1] = 140
    rules = Expectations(columns={"age": ColumnRule(high=120, outside=0.05)})
    audit = audit_quality(Profile.scan(pd.DataFrame({"age": ages.astype(type(capped))})), rules)
    (check,) = (each for each in audit.checks if each.name == "range")
    assert check.verdict == "pass" and check.value == 0.001


def test_few_values_near_an_end_do_not_leave_it_open():
    ages = np.random.default_rng(0).normal(50, 20, 4000)
    rules = Expectations(columns={"age": ColumnRule(high=90.003, outside=0.1)})
    audit = audit_quality(Profile.scan(pd.DataFrame({"age": ages})), rules)
    assert audit.verdict == "pass"
