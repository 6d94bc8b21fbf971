"""A window says until when something may be kept; the newest that is declared about it holds."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from workbench.data.retention import DECLARED, Window, answers_before, checked, days_left, gone_before, moment, windows
from workbench.errors import Misuse
from workbench.ledger.entry import GENESIS, chained

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)


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
    assert answers_before("lending", known, NOW + MICRO) == NOW + MICRO
    assert answers_before("lending", known, NOW) is None
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
        (Window("data/d", 36_500.0, collected=datetime(9999, 1, 1, tzinfo=UTC)), "beyond the year 9999"),
    ],
)
def test_a_window_that_says_nothing_is_refused(window, words):
    with pytest.raises(Misuse, match=words):
        checked(window)


SECOND = timedelta(seconds=1)


def test_data_may_be_kept_to_the_very_edge_of_its_window():
    window = Window("data/d", 30.0, collected=NOW - timedelta(days=30))
    assert window.days_left(NOW - SECOND) == 1 / 86_400
    assert window.days_left(NOW) == 0
    assert window.days_left(NOW + SECOND) == -1 / 86_400


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("month", [3, 10])
def test_a_window_is_as_long_across_a_change_of_the_clocks(zone, month):
    """In memory as from the ledger, which keeps times in UTC."""
    collected = datetime(2026, month, 20, 12, tzinfo=ZoneInfo(zone))
    window = Window("data/d", 30.0, collected=collected)
    (again,) = windows(declared((DECLARED, "data/d", window.as_body()))).values()
    assert window.end.astimezone(UTC) == again.end
    assert again.end - collected.astimezone(UTC) == timedelta(days=30)
    assert window.days_left(collected.astimezone(UTC)) == 30.0


def test_an_hour_that_is_there_twice_is_two_hours():
    zone = ZoneInfo("Europe/Berlin")
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=zone, fold=fold) for fold in (0, 1))
    left = Window("data/d", until=second).days_left(first.astimezone(UTC))
    assert left == 1 / 24


def test_a_window_goes_over_a_leap_day():
    collected = datetime(2028, 2, 29, tzinfo=UTC)
    assert Window("data/d", 365.0, collected=collected).end == datetime(2029, 2, 28, tzinfo=UTC)
    assert Window("data/d", 366.0, collected=collected).end == datetime(2029, 3, 1, tzinfo=UTC)
    assert moment("2028-02-29", last=True) == datetime(2028, 3, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="out of range"):
        moment("2027-02-29")


def test_a_day_is_its_beginning_or_as_the_last_day_its_end():
    assert moment("2026-06-30") == datetime(2026, 6, 30, tzinfo=UTC)
    last = Window("predictions/*", until=moment("2026-06-30", last=True))
    assert answers_before("lending", {last.subject: last}, datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)) is None
    midnight = datetime(2026, 7, 1, tzinfo=UTC)
    assert answers_before("lending", {last.subject: last}, midnight) is None
    assert answers_before("lending", {last.subject: last}, midnight + MICRO) == midnight + MICRO


def test_a_moment_without_an_offset_is_in_utc_and_one_with_an_offset_is_kept():
    assert moment("2026-06-30T10:00:00", last=True) == datetime(2026, 6, 30, 10, tzinfo=UTC)
    assert moment("2026-06-30T10:00:00+02:00") == datetime(2026, 6, 30, 8, tzinfo=UTC)


def test_a_clock_that_steps_back_removes_less_and_never_more():
    known = {"predictions/*": Window("predictions/*", 10.0, until=NOW)}
    before = [answers_before("lending", known, NOW + timedelta(days=days)) for days in (2, 0, -1)]
    assert before == sorted(before, reverse=True)


@pytest.mark.parametrize(
    "body",
    [
        {"until": "9999-12-31T23:59:59-05:00"},
        {"days": 36_500, "collected_at": "9999-12-01T00:00:00+00:00"},
        {"until": "0001-01-01T00:00:00+05:00"},
        {"until": "2026-01-01T00:00:00"},
        {"days": 10, "collected_at": "yesterday"},
    ],
)
def test_an_entry_whose_end_no_calendar_has_declares_nothing_and_stops_nobody(body):
    entries = declared((DECLARED, "data/d", body), (DECLARED, "logs", {"days": 30}))
    assert set(windows(entries)) == {"logs"}


def test_at_midnight_after_the_last_day_data_answers_and_logs_may_still_be_kept_and_a_moment_later_none():
    """The same edge for all: the end of the day in UTC, which itself is still in the window."""
    end, midnight = moment("2026-06-30", last=True), datetime(2026, 7, 1, tzinfo=UTC)
    assert end == midnight
    for subject in ("data/d", "predictions/*", "logs"):
        window = Window(subject, until=end)
        for now, may in ((midnight - MICRO, True), (midnight, True), (midnight + MICRO, False)):
            assert (window.days_left(now) >= 0) == may
            assert (gone_before(window, now) is None) == may
