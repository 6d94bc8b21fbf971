"""A schedule is checked before it is noted, and the note says what was asked for."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from workbench.batch.schedules.cron import Cron
from workbench.batch.schedules.schedule import Container, Schedule, check, forget, keep, kept, period_for
from workbench.errors import EngineError, Misuse

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
WEEKLY = Schedule("weekly", "ab_test", "0 6 * * 1", "cron", "week", {"seed": "7"}, ("n=1,2",))


@pytest.mark.parametrize(
    ("cron", "period"),
    [
        ("0 6 * * 1", "week"),
        ("0 6 1 * *", "week"),
        ("0 6 * * *", "day"),
        ("0 6 * * 1,3", "day"),
        ("0 6,18 * * *", "hour"),
        ("*/15 * * * *", "minute"),
    ],
)
def test_the_key_is_by_the_longest_period_that_leaves_out_no_time(cron, period):
    assert period_for(Cron.parse(cron), None, NEW_YEAR) == period


def test_a_period_in_which_two_times_lie_is_refused():
    with pytest.raises(Misuse, match="2027-01-01 06:00 and 2027-01-01 18:00 lie in one day; only the first would run"):
        period_for(Cron.parse("0 6,18 * * *"), "day", NEW_YEAR)
    assert period_for(Cron.parse("0 6,18 * * *"), "minute", NEW_YEAR) == "minute"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "the schedule's name is ''"),
        ({"name": "../weekly"}, "small letters, digits and hyphens"),
        ({"name": "weekly\nx"}, "small letters"),
        ({"name": "w" * 53}, "up to 52"),
        ({"parameters": {"a": "\udcff"}}, "is no text that can be written down"),
        ({"memory": "2Gi"}, "cron limits no memory"),
        ({"memory": "2Gi\nExecStartPre=id", "system": "systemd"}, "must be in Mi or Gi"),
        ({"system": "kubernetes"}, "needs both"),
        ({"container": Container("i", "c")}, "belong to --as kubernetes"),
    ],
)
def test_what_a_scheduler_cannot_take_is_refused(change, words):
    with pytest.raises(Misuse, match=words):
        check(replace(WEEKLY, **change))


def test_what_was_noted_is_read_as_it_was(tmp_path):
    on_kubernetes = replace(WEEKLY, name="nightly", system="kubernetes", container=Container("i", "c"))
    for schedule in (WEEKLY, on_kubernetes):
        keep(schedule, tmp_path)
        keep(schedule, tmp_path)
    assert kept(tmp_path) == [on_kubernetes, WEEKLY]
    assert forget("nightly", tmp_path) == on_kubernetes
    assert kept(tmp_path) == [WEEKLY]


def test_another_schedule_of_the_same_name_is_refused(tmp_path):
    keep(WEEKLY, tmp_path)
    with pytest.raises(Misuse, match="another schedule 'weekly'"):
        keep(replace(WEEKLY, cron="0 7 * * 1"), tmp_path)


def test_forgetting_what_there_is_not_names_what_there_is(tmp_path):
    keep(WEEKLY, tmp_path)
    with pytest.raises(Misuse, match="no schedule 'x'") as told:
        forget("x", tmp_path)
    assert "weekly" in told.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "a", "container": null, "sweeps": []}', "\udcff"])
def test_a_file_that_is_no_note_is_named(tmp_path, text):
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "broken.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Misuse, match=r"broken\.json notes no schedule"):
        kept(tmp_path)


def test_a_workspace_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "schedules").write_text("in the way")
    with pytest.raises(EngineError, match="cannot be written"):
        keep(WEEKLY, tmp_path)
