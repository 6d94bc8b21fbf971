"""Cron's five fields are read strictly, and mean the same times to every scheduler they are written for."""

import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from workbench.batch.schedules.cron import Cron
from workbench.errors import Misuse

NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)  # a Friday
SAMPLES = [
    "0 6 * * 1",
    "*/15 9-17 * * mon-fri",
    "30 2 1,15 * *",
    "5,35 */6 * 2-4 *",
    "0 0 29 2 *",
    "0 6 1 * 1",
    "10-50/20 23 10-20/5 jan,DEC sat-7",
    "0 12 * * 0",
]
NUMBERS = {"jan": 1, "dec": 12, "sun": 0, "mon": 1, "fri": 5, "sat": 6}


def number(name):
    return NUMBERS[name] if name in NUMBERS else int(name)


def matches(text, time):
    """Cron's own rule, by brute force: a field is its terms, and one of two restricted days is enough."""

    def has(part, value, low, high):
        for term in part.lower().split(","):
            span, _, step = term.partition("/")
            first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
            if value in range(number(first), number(last or first) + 1, int(step or 1)):
                return True
        return False

    minute, hour, day, month, weekday = text.split()
    on_day = has(day, time.day, 1, 31)
    on_weekday = any(has(weekday, one, 0, 7) for one in {time.isoweekday(), time.isoweekday() % 7})
    either = "*" not in (day, weekday)
    return (
        has(minute, time.minute, 0, 59)
        and has(hour, time.hour, 0, 23)
        and has(month, time.month, 1, 12)
        and (on_day or on_weekday if either else on_day and on_weekday)
    )


@pytest.mark.parametrize("text", SAMPLES)
def test_the_next_times_are_those_of_crons_rule(text):
    found = Cron.parse(text).following(NEW_YEAR, 4)
    time, expected = NEW_YEAR, []
    while time < found[-1] and time < NEW_YEAR + timedelta(days=10):
        time += timedelta(minutes=1)
        if matches(text, time):
            expected.append(time)
    assert [one for one in found if one <= time] == expected


@given(some.sampled_from(SAMPLES), some.integers(0, 20 * 366 * 1440))
def test_each_next_time_matches_and_lies_ahead(text, minutes):
    after = NEW_YEAR + timedelta(minutes=minutes)
    for time in Cron.parse(text).following(after, 3):
        assert time > after
        assert matches(text, time)


@pytest.mark.parametrize("text", SAMPLES)
def test_what_kubernetes_is_given_means_the_same_times(text):
    cron = Cron.parse(text)
    assert re.fullmatch(r"[\d,* ]+", cron.in_numbers)
    assert "7" not in cron.in_numbers.split()[4].split(",")
    assert Cron.parse(cron.in_numbers).following(NEW_YEAR, 20) == cron.following(NEW_YEAR, 20)


@pytest.mark.parametrize("text", SAMPLES)
def test_what_systemd_is_given_means_the_same_times(text):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd-analyze")
    cron = Cron.parse(text)
    command = [
        "systemd-analyze",
        "calendar",
        "--iterations=6",
        f"--base-time={NEW_YEAR:%Y-%m-%d %H:%M:%S} UTC",
        *cron.on_calendar,
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env={"TZ": "UTC", "LC_ALL": "C"}).stdout
    times = re.findall(r"(?:Next elapse|Iter\. #\d+): \w+ (\S+ \S+) UTC", told)
    assert sorted({datetime.fromisoformat(f"{time}+00:00") for time in times})[:6] == cron.following(NEW_YEAR, 6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 6 * * 1", "at 06:00 on Monday"),
        ("30 2 * * *", "at 02:30 every day"),
        ("0 6 1 * 1", "at 06:00 on the first day of month and on Monday"),
    ],
)
def test_it_is_told_in_words(text, words):
    assert Cron.parse(f"  {text.replace(' ', '   ')} ").words == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has 0 fields; it must have five"),
        ("@daily", "has 1 fields"),
        ("0 0 6 * * 1", "has 6 fields"),
        ("61 6 * * 1", "61 is no minute; it must be 0 to 59"),
        ("0 24 * * 1", "24 is no hour; it must be 0 to 23"),
        ("0 6 30 2 *", "never comes"),
        ("0 6 * * 1-8", "8 is no day of the week; it must be 0 to 7"),
        ("0 6 * * fri-mon", "never comes: bad day-of-week"),
        ("0/5 6 * * *", "names the minute '0/5'"),
        ("*/0 6 * * *", "never comes: bad minute"),
        ("0 6 L * *", "names the day of the month 'L'"),
        ("0 6 * * mon#2", "names the day of the week 'mon#2'"),
        ("0 mon * * *", "names the hour 'mon'"),
        ("0 ٦ * * *", "names the hour"),
        ("0 6 */2 * 1", "some crons take both, some either"),
        ("0\n6 * * $(id)", "names the day of the week"),
    ],
)
def test_what_not_every_cron_reads_alike_is_refused(text, words):
    with pytest.raises(Misuse, match=re.escape(words)) as told:
        Cron.parse(text)
    assert told.value.hint
