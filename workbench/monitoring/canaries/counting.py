"""What is counted of one canary: a judge of all its traffic, one of this step's, and until when; plain JSON.

Intervals end where the canary's share changes, so that within each the traffic was divided in one way. A
step begins with a judge of its own, so that each shows anew that no harm is done, and a load that only a
greater share brings is found there. KPIs are watched over the whole canary: a step is too short for them. Where
another champion comes, both begin anew: it is another comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from workbench.stats.canary_judge import Counts, Judge

SETTLE = timedelta(seconds=2)  # for which rows may be on their way to the log
LONGEST = timedelta(minutes=5)  # of an interval that is read at once

Count = Callable[[datetime, datetime], Mapping[str, Counts]]


class Mark(NamedTuple):
    """From when the canary had a share."""

    at: datetime
    generation: int  # of the canary's head
    weight: float


@dataclass(frozen=True)
class Counted:
    """One canary as it is counted so far."""

    generation: int  # of the canary's head at this step
    champion: int  # generation of the champion's head that it is compared with
    until: datetime
    whole: Judge
    step: Judge
    since: datetime  # from when on it is counted
    agreed: int = 0  # looks one after the other that said "advance" of this step
    kpis_at: datetime | None = None  # until when KPIs are known; None: they were never looked at

    @classmethod
    def begun(cls, mark: Mark, champion: int, since: datetime, whole: Judge, step: Judge) -> Counted:
        """Nothing counted yet.

        Args:
            mark: The step.
            champion: Generation of the champion's head.
            since: From when to count.
            whole: A judge of all, that has seen nothing.
            step: One of a step.
        """
        return cls(mark.generation, champion, since, whole, step, since)

    def fed(self, marks: Sequence[Mark], now: datetime, judge: Judge, count: Count) -> Counted:
        """The count after all that has come since, as far as it has reached the log.

        Args:
            marks: The canary's steps so far, oldest first.
            now: The time, aware.
            judge: One that has seen nothing, for the steps that begin.
            count: Counts the outcomes between two times.
        """
        found, end = self, now - SETTLE
        for mark, after in zip(marks, [*marks[1:], None], strict=True):
            if mark.generation < found.generation:
                continue
            if mark.generation > found.generation:
                found = replace(found, generation=mark.generation, step=judge, agreed=0)
            until = min(end, after.at) if after else end
            while found.until < until:
                part = min(found.until + LONGEST, until)
                found = found._added(count(found.until, part), part)
        if found.until == self.until:
            return found  # nothing new was seen, so nothing agrees
        return replace(found, agreed=found.agreed + 1 if found.step.state == "advance" else 0)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "generation": self.generation,
            "champion": self.champion,
            "until": self.until.isoformat(),
            "since": self.since.isoformat(),
            "agreed": self.agreed,
            "kpis_at": self.kpis_at.isoformat() if self.kpis_at else None,
            "whole": self.whole.as_dict(),
            "step": self.step.as_dict(),
        }

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Counted:
        """The count that `as_dict` told.

        Raises:
            ValueError: It is none.
        """
        try:
            until, since = (datetime.fromisoformat(told[name]) for name in ("until", "since"))
            kpis_at = None if told["kpis_at"] is None else datetime.fromisoformat(told["kpis_at"])
            numbers = [int(told[name]) for name in ("generation", "champion", "agreed")]
            judges = Judge.of(told["whole"]), Judge.of(told["step"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"this is no count of a canary: {error}") from error
        if any(at is not None and at.utcoffset() is None for at in (until, since, kpis_at)):
            raise ValueError("this is no count of a canary: a time has no offset")
        return cls(numbers[0], numbers[1], until, *judges, since, numbers[2], kpis_at)

    def _added(self, counts: Mapping[str, Counts], until: datetime) -> Counted:
        if not any(each.canary or each.stable for each in counts.values()):
            return replace(self, until=until)
        return replace(self, until=until, whole=self.whole.add(counts), step=self.step.add(counts))
