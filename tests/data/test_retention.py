"""A window says until when something may be kept; the newest that is declared about it holds."""

from datetime import UTC, datetime, timedelta

import pytest

from workbench.data.retention import DECLARED, Window, answers_before, checked, days_left, windows
from workbench.errors import Misuse
from workbench.ledger.entry import GENESIS, chained

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def declared(*told):
    return [
        chained(
            seq=n, at=NOW, kind=kind, subject=subject, actor="officer", why="law", body=body, key=None, prev=GENESIS
        )
        for n, (kind, subject, body) in enumerate(told, 1)
    ]


def test_the_earlier_of_two_ends_counts():
    collected = datetime(2026, 1, 1, tzinfo=UTC)
    window = Window("data/d", 30.0, datetime(2026, 12, 31, tzinfo=UTC), collected)
    assert window.end == collected + timedelta(days=30)
    assert window.days_left(collected) == 30.0
    assert window.days_left(NOW) == -121.0


def test_a_window_is_read_again_as_it_was_declared():
    window = Window("data/d", 30.0, NOW, NOW, ("loans",), "law")
    assert windows(declared((DECLARED, "data/d", window.as_body()))) == {"data/d": window}


def test_the_newest_declaration_holds_and_a_damaged_one_declares_nothing():
    entries = declared(
        (DECLARED, "logs", {"days": 30}),
        (DECLARED, "logs", {"days": 60}),
        (DECLARED, "logs", {"days": "many"}),
        (DECLARED, "logs", {"days": 1e9}),
        (DECLARED, "elsewhere", {"days": 5}),
        ("note", "logs", {"days": 1}),
    )
    assert {name: window.days for name, window in windows(entries).items()} == {"logs": 60.0}


def test_a_policy_is_told_the_days_until_the_first_must_be_gone():
    known = {
        "data/a": Window("data/a", until=NOW + timedelta(days=5)),
        "data/b": Window("data/b", until=NOW - timedelta(days=2)),
    }
    assert days_left(["a", "b", "c"], known, NOW) == -2.0
    assert days_left(["a"], known, NOW) == 5.0
    assert days_left(["c"], known, NOW) is None


def test_answers_are_kept_by_their_own_age_and_a_model_s_own_window_wins():
    known = {"predictions/*": Window("predictions/*", 10.0), "predictions/lending": Window("predictions/lending", 90.0)}
    assert answers_before("lending", known, NOW) == NOW - timedelta(days=90)
    assert answers_before("pricing", known, NOW) == NOW - timedelta(days=10)
    assert answers_before("pricing", {}, NOW) is None


def test_after_a_last_day_no_answer_may_be_kept():
    known = {"predictions/*": Window("predictions/*", until=NOW)}
    assert answers_before("lending", known, NOW) == NOW
    assert answers_before("lending", known, NOW - timedelta(days=1)) is None


@pytest.mark.parametrize(
    ("window", "words"),
    [
        (Window("data/"), "cannot be kept for a time"),
        (Window("../x", 3.0), "cannot be kept for a time"),
        (Window("logs"), "no end is given"),
        (Window("logs", 0.0), "cannot be kept to"),
        (Window("logs", -1.0), "cannot be kept to"),
        (Window("logs", float("nan")), "cannot be kept to"),
        (Window("logs", until=datetime(2026, 1, 1)), "no offset"),  # noqa: DTZ001
        (Window("data/d", 3.0), "count from when the data was collected"),
    ],
)
def test_a_window_that_says_nothing_is_refused(window, words):
    with pytest.raises(Misuse, match=words):
        checked(window)
