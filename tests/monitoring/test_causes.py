"""What began together is one trouble, its cause first; what began apart, or before any input moved, is another."""

from datetime import UTC, datetime, timedelta

from workbench.monitoring.causes import troubles
from workbench.monitoring.signals import Signal
from workbench.monitoring.upstream import Change

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def moved(column, since=None, psi=0.5):
    return Signal("inputs", column, psi, psi, psi, None, "fail", f"{column} has other values than in training.", since)


def fell(since=None, kind="performance"):
    return Signal(kind, "", 0.05, 0.03, 0.07, 0.02, "fail", "Accuracy was 84% and is 79%.", since)


def test_inputs_that_moved_at_about_the_same_time_are_one_cause():
    (one,) = troubles([moved("age", NOON), moved("income", NOON + HOUR, 0.9)], ())
    assert one.keys == {"inputs:age", "inputs:income"}
    assert one.since == NOON
    assert one.sentence.startswith("income has other values")  # the larger move


def test_inputs_that_moved_a_day_apart_are_two():
    found = troubles([moved("age", NOON), moved("income", NOON + 24 * HOUR)], ())
    assert [sorted(one.keys) for one in found] == [["inputs:age"], ["inputs:income"]]


def test_what_fell_goes_with_the_inputs_that_moved_last_before_it():
    found = troubles([moved("age", NOON), moved("income", NOON + 24 * HOUR), fell(NOON + 25 * HOUR)], ())
    assert {"inputs:income", "performance"} in [set(one.keys) for one in found]


def test_what_fell_before_any_input_moved_has_another_cause():
    found = troubles([moved("age", NOON), fell(NOON - 24 * HOUR)], ())
    assert sorted(sorted(one.keys) for one in found) == [["inputs:age"], ["performance"]]
    alone = next(one for one in found if "performance" in one.keys)
    assert "the relation of inputs to outcome may have" in alone.sentence


def test_a_change_upstream_just_before_is_told_first_and_one_after_or_long_before_is_not():
    changes = [
        Change("deploy", NOON - 30 * 24 * HOUR, "version 1 went live on 31 January 2026", 1),
        Change("feature set", NOON - 5 * HOUR, "feature set b was deployed in place of a on 2 March 2026", 2),
        Change("source", NOON + 48 * HOUR, "the source had other content on 4 March 2026", 3),
    ]
    (one,) = troubles([moved("age", NOON), fell(NOON)], changes)
    assert one.sentence.startswith("Feature set b was deployed in place of a on 2 March 2026. age has other values")
    assert [(part.what, part.seq) for part in one.causes] == [("feature set", 2), ("input", None)]


def test_an_estimate_alone_is_a_reason_to_watch_and_troubles_to_act_on_stand_first():
    expected = Signal("expected", "", 0.1, 0.05, 0.15, 0.02, "fail", "79% is expected.", NOON, only_expected=True)
    errors = Signal("errors", "", 0.1, 0.05, 0.15, 0.01, "fail", "10% of 100 requests failed on our side.", NOON)
    assert [one.gravity for one in troubles([expected, errors], ())] == ["act", "watch"]
