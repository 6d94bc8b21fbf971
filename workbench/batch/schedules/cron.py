"""Times in cron's five fields: parsed strictly, told in words, and written for other schedulers.

Only what all crons read alike is taken: numbers, names, lists, ranges, and steps over `*` or a range.
As in cron, a day that matches either of two restricted day fields is meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from cronsim import CronSim, CronSimError

from workbench.errors import Misuse

FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))  # of the fields
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")  # cron counts them from 0
ALL = "*"
VALUE = re.compile(r"(?<![/\d])\d+")  # a number that is no step
ANYTIME = datetime(2000, 1, 1)  # noqa: DTZ001  # where a parser wants a time, and none matters
HINT = 'five fields: minute hour day month weekday, e.g. --cron "0 6 * * 1" for Mondays at 06:00'


@dataclass(frozen=True)
class Cron:
    """When to run, by the clock of the machine that keeps the schedule."""

    text: str  # five fields with one blank between

    @classmethod
    def parse(cls, text: str) -> Cron:
        """The times that a text means.

        Args:
            text: Five fields.

        Raises:
            Misuse: It is no cron expression, never comes, or is read differently by different crons.

        >>> Cron.parse("0 6 * * 1").words
        'at 06:00 on Monday'
        """
        parts = text.split()
        if len(parts) != len(FIELDS):
            raise Misuse(f"--cron {text!r} has {len(parts)} fields; it must have five", hint=HINT)
        for field, part, names in zip(FIELDS, parts, ((), (), (), MONTHS, WEEKDAYS), strict=True):
            if not _form(names).fullmatch(part):
                raise Misuse(f"--cron {text!r} names the {field} {part!r}, which no cron reads", hint=HINT)
        for field, part, (low, high) in zip(FIELDS, parts, LIMITS, strict=True):
            for number in VALUE.findall(part):
                if not low <= int(number) <= high:
                    raise Misuse(f"--cron {text!r}: {number} is no {field}; it must be {low} to {high}", hint=HINT)
        day, weekday = parts[2], parts[4]
        if ALL not in (day, weekday) and (day[0] == ALL or weekday[0] == ALL):
            raise Misuse(
                f"--cron {text!r} gives steps over all days and another day; some crons take both, some either",
                hint="write the days out, e.g. 1,3,5",
            )
        made = cls(" ".join(parts))
        try:
            made.following(ANYTIME, 1)
        except (CronSimError, StopIteration, RuntimeError) as error:
            raise Misuse(f"--cron {text!r} never comes: {str(error).lower()}", hint=HINT) from error
        return made

    @property
    def words(self) -> str:
        """When it comes, in words."""
        told = CronSim(self.text, ANYTIME).explain()
        return told[0].lower() + told[1:]

    def following(self, after: datetime, number: int) -> Sequence[datetime]:
        """The next times after one.

        >>> [time.day for time in Cron.parse("0 6 * * 1").following(datetime(2027, 1, 1), 3)]
        [4, 11, 18]
        """
        return list(islice(CronSim(self.text, after), number))

    @property
    def on_calendar(self) -> Sequence[str]:
        """The same times as systemd's OnCalendar; two where either of two days is meant.

        >>> Cron.parse("0 6 1 * 1").on_calendar
        ['*-*-1 6:0:00', 'Mon *-*-* 6:0:00']
        """
        minutes, hours, days, months, weekdays = self._numbers()
        clock = f"{hours}:{minutes}:00"
        named = ",".join(WEEKDAYS[int(number)].capitalize() for number in weekdays.split(",") if number != ALL)
        if days == ALL or not named:
            return [f"{named} *-{months}-{days} {clock}".strip()]
        return [f"*-{months}-{days} {clock}", f"{named} *-{months}-* {clock}"]

    @property
    def in_numbers(self) -> str:
        """The same times without names and without the 7 for Sunday, which Kubernetes does not know.

        >>> Cron.parse("0 6 * jan fri-7").in_numbers
        '0 6 * 1 0,5,6'
        """
        return " ".join(self._numbers())

    def _numbers(self) -> Sequence[str]:
        """Each field as a list of numbers, or as all."""
        read = CronSim(self.text, ANYTIME)
        sets = (read.minutes, read.hours, read.days, read.months, {int(str(day)) % 7 for day in read.weekdays})
        return [
            ALL if part == ALL else ",".join(map(str, sorted(numbers)))
            for part, numbers in zip(self.text.split(), sets, strict=True)
        ]


def _form(names: Sequence[str]) -> re.Pattern[str]:
    """What a field may look like."""
    value = "|".join([r"\d{1,2}", *names])
    term = rf"(\*(/\d{{1,2}})?|({value})(-({value})(/\d{{1,2}})?)?)"
    return re.compile(rf"{term}(,{term})*", re.IGNORECASE | re.ASCII)
