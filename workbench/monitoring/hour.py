"""One hour of one model: a few kilobytes that add, and hold no row of what was asked.

Requests by status, a latency histogram, answers, the profile of the inputs, the score cube by group and
the moments of each KPI. Any window against any reference is a sum: a day, the same hours of last week,
the canary's variant. Labels that come late make the hour anew (`monitoring.summarising`).

>>> one = Hour(requests={200: 98, 500: 2}, latency={latency_bin(900): 98, latency_bin(20_000): 2}, rows=98)
>>> both = one + one
>>> both.asked, both.failed, both.slower(0.01), round(both.quantile(0.5), 6)
(200, 4, 4, 0.000899)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from workbench.data import Profile, ScoreCube
    from workbench.monitoring.sums import Inputs

BINS_PER_OCTAVE = 8  # of the latency: a bin is 9 % wide


class Kpi(NamedTuple):
    """Moments of one KPI over units or rows."""

    n: float
    mean: float
    m2: float  # sum of squares about the mean

    def plus(self, other: Kpi) -> Kpi:
        """Both together."""
        n = self.n + other.n
        if not n:
            return self
        gap = other.mean - self.mean
        mean = self.mean + gap * other.n / n
        return Kpi(n, mean, self.m2 + other.m2 + gap * gap * self.n * other.n / n)


@dataclass(frozen=True)
class Hour:
    """What came of the requests of an hour, or of any sum of hours."""

    requests: Mapping[int, int] = field(default_factory=dict)  # by status of HTTP
    latency: Mapping[int, int] = field(default_factory=dict)  # answered requests by `latency_bin`
    rows: int = 0  # answered
    yes: int = 0
    decided: int = 0  # answers that were yes or no
    inputs: Inputs | None = None  # the rows' features, on the scales of the training data
    scores: ScoreCube | None = None  # by the declared groups, labelled or waiting
    kpis: Mapping[str, Kpi] = field(default_factory=dict)
    labels: int = 0  # of the rows, known when the hour was made
    labelled_at: str = ""  # the latest of them, ISO 8601; "": none

    @property
    def profile(self) -> Profile | None:
        """The inputs' profile; None where none were kept."""
        return None if self.inputs is None else self.inputs.profile

    @property
    def asked(self) -> int:
        """Requests of any outcome."""
        return sum(self.requests.values())

    @property
    def failed(self) -> int:
        """Requests that failed on our side."""
        return sum(n for status, n in self.requests.items() if status >= 500)

    @property
    def refused(self) -> int:
        """Requests that did not fit: the client's."""
        return sum(n for status, n in self.requests.items() if 400 <= status < 500)

    @property
    def timed(self) -> int:
        """Requests of which the latency is known."""
        return sum(self.latency.values())

    def slower(self, seconds: float) -> int:
        """Requests that took longer than this, as far as the bins tell: those in its own bin do not count."""
        limit = latency_bin(round(seconds * 1e6))
        return sum(n for place, n in self.latency.items() if place > limit)

    def quantile(self, share: float) -> float | None:
        """The time in which this share of the requests was answered, in seconds, to 5 %; None of nothing."""
        left = math.ceil(share * self.timed)
        for place in sorted(self.latency):
            left -= self.latency[place]
            if left <= 0:
                return 2 ** ((place + 0.5) / BINS_PER_OCTAVE) / 1e6
        return None

    def __add__(self, other: Hour) -> Hour:
        return added([self, other])


def latency_bin(microseconds: int) -> int:
    """The bin of a latency: eighths of a power of two.

    >>> latency_bin(1024), latency_bin(2048)
    (80, 88)
    """
    return math.floor(math.log2(max(microseconds, 1)) * BINS_PER_OCTAVE + 1e-9)


def added(hours: Iterable[Hour]) -> Hour:
    """The sum of hours; inputs and cubes of another form than the newest's are left out of it."""
    from workbench.monitoring.sums import cubes_added, inputs_added

    all_of = list(hours)
    kpis: dict[str, Kpi] = {}
    for hour in all_of:
        for name, kpi in hour.kpis.items():
            kpis[name] = kpis[name].plus(kpi) if name in kpis else kpi
    return Hour(
        requests=_summed(hour.requests for hour in all_of),
        latency=_summed(hour.latency for hour in all_of),
        rows=sum(hour.rows for hour in all_of),
        yes=sum(hour.yes for hour in all_of),
        decided=sum(hour.decided for hour in all_of),
        inputs=inputs_added([hour.inputs for hour in all_of if hour.inputs is not None]),
        scores=cubes_added([hour.scores for hour in all_of if hour.scores is not None]),
        kpis=kpis,
        labels=sum(hour.labels for hour in all_of),
        labelled_at=reduce(max, (hour.labelled_at for hour in all_of), ""),
    )


def requests_of(hours: Iterable[Hour]) -> Hour:
    """The sum of hours, of their requests and latencies alone."""
    all_of = list(hours)
    return Hour(_summed(hour.requests for hour in all_of), _summed(hour.latency for hour in all_of))


def _summed(counts: Iterable[Mapping[int, int]]) -> dict[int, int]:
    total: dict[int, int] = {}
    for each in counts:
        for key, n in each.items():
            total[key] = total.get(key, 0) + n
    return dict(sorted(total.items()))
