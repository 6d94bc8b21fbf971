"""Who is let in: scope, rate and quota of a client, and how many requests are answered at once.

Rates are token buckets on a clock that only goes forward, so that a step of the wall clock opens or
closes nothing. What is refused says when to come again. Past the bound on open requests the gateway
sheds at once, since a queue that grows helps nobody.

>>> bucket = Bucket(rate=2, burst=1, at=0.0)
>>> bucket.take(0.0), bucket.take(0.1), bucket.take(0.5)
(0.0, 0.4, 0.0)
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from workbench.serving.keys import Key
from workbench.serving.schema import Refused


class Bucket:
    """A token bucket: `rate` a second on average, `burst` at once."""

    def __init__(self, rate: float, burst: float, at: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = at

    def take(self, now: float) -> float:
        """Take one, if there is one: 0.0; else the seconds until there will be."""
        self._left = min(self._burst, self._left + max(0.0, now - self._at) * self._rate)
        self._at = max(now, self._at)
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self._rate


@dataclass
class Usage:
    """Rows that a client was given on one day."""

    day: date
    rows: int


class Admission:
    """The door's state; belongs to one event loop."""

    def __init__(self, most: int, *, now: Callable[[], datetime], clock: Callable[[], float] = time.monotonic) -> None:
        """An empty house.

        Args:
            most: Requests that may be open at once.
            now: Reads the wall clock, UTC; for the day of a quota alone.
            clock: Reads a clock that only goes forward, seconds.
        """
        self._most = most
        self._now = now
        self._clock = clock
        self._buckets: dict[str, Bucket] = {}
        self._usage: dict[str, Usage] = {}
        self.open = 0  # requests that are being answered
        self.shed = 0  # requests that were sent away because too many were open

    def enter(self, key: Key | None, model: str) -> None:
        """Let a request in; whoever does says `leave` once it is answered.

        Raises:
            Refused: 403 for a model that is out of scope, 429 past rate or quota, 503 where too many are open.
        """
        if key is not None:
            self._check(key, model)
        if self.open >= self._most:
            self.shed += 1
            raise Refused(
                f"{self.open} requests are being answered already", hint="come again, or start more gateways",
                status=503, retry_after=1,
            )  # fmt: skip
        self.open += 1

    def leave(self, key: Key | None, rows: int = 0) -> None:
        """A request is answered, and this many rows of it count beside those that were claimed."""
        self.open -= 1
        if rows and key is not None and key.quota is not None:
            self._used(key).rows += rows

    def claim(self, key: Key | None, rows: int) -> None:
        """Take rows out of a client's quota before they are scored, so that many requests at once get no more.

        Raises:
            Refused: 429, there are not so many left.
        """
        if key is None or key.quota is None:
            return
        used = self._used(key)
        if used.rows + rows > key.quota:
            raise self._exhausted(key, f"{key.client} has {max(0, key.quota - used.rows):,} rows left of today")
        used.rows += rows

    def _check(self, key: Key, model: str) -> None:
        if not key.may(model):
            raise Refused(
                f"this key may not ask {model[:100]!r}", hint=f"it may ask {', '.join(key.scopes)}", status=403
            )
        if key.rate is not None:
            at = self._clock()
            bucket = self._buckets.get(key.id)
            if bucket is None:
                bucket = self._buckets[key.id] = Bucket(key.rate, max(1.0, key.burst or key.rate), at)
            if wait := bucket.take(at):
                raise Refused(
                    f"{key.client} asks more than {key.rate:g} times a second", hint="ask many rows at once",
                    status=429, retry_after=math.ceil(wait),
                )  # fmt: skip
        if key.quota is not None and self._used(key).rows >= key.quota:
            raise self._exhausted(key, f"{key.client} has had its {key.quota:,} rows of today")

    def _exhausted(self, key: Key, what: str) -> Refused:
        now = self._now()
        left = 86400 - (now.hour * 3600 + now.minute * 60 + now.second)
        hint = f"come again tomorrow (UTC), or ask for more than {key.quota:,} rows a day"
        return Refused(what, hint=hint, status=429, retry_after=left)

    def _used(self, key: Key) -> Usage:
        today = self._now().date()
        found = self._usage.get(key.id)
        if found is None or found.day < today:  # a clock that steps back gives no second quota
            found = self._usage[key.id] = Usage(today, 0)
        return found
