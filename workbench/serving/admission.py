"""Who is let in: scope, rate and quota of a client, and how many requests are answered at once.

What a client has left is one account for all gateways of a workspace (`allowances`). What is refused says when to
come again. Past the bound on open requests the gateway sheds at once, since a queue that grows helps nobody.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from workbench.errors import EngineError
from workbench.serving.allowances import Allowances
from workbench.serving.keys import Key
from workbench.serving.schema import Refused

SETTLE = 0.25  # seconds after which what a client left is given back


class Pass:
    """A request that was let in."""

    __slots__ = ("claimed", "key")

    def __init__(self, key: Key | None) -> None:
        self.key = key  # whose limits count; None: nobody's
        self.claimed = False  # whether the row that it was let in with was used


class Admission:
    """The door's state; belongs to one event loop."""

    def __init__(
        self,
        most: int,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
        allowances: Allowances | None = None,
    ) -> None:
        """An empty house.

        Args:
            most: Requests that may be open at once.
            now: Reads the wall clock, UTC; for the day of a quota alone.
            clock: Reads a clock that only goes forward, seconds; the same for all who share the allowances.
            allowances: What the clients have left; None: counted here alone.
        """
        self._most = most
        self._now = now
        self._clock = clock
        self._allowances = allowances or Allowances()
        self.open = 0  # requests that are being answered
        self.shed = 0  # requests that were sent away because too many were open

    def enter(self, key: Key | None, model: str) -> Pass:
        """Let a request in, with one row of its client's quota; whoever does says `leave` once it is answered.

        Raises:
            Refused: 403 for a model that is out of scope, 429 past rate or quota, 503 where too many are open.
        """
        if key is not None and not key.may(model):
            raise Refused(
                f"this key may not ask {model[:100]!r}", hint=f"it may ask {', '.join(key.scopes)}", status=403
            )
        if self.open >= self._most:
            self.shed += 1
            raise Refused(
                f"{self.open} requests are being answered already", hint="come again, or start more gateways",
                status=503, retry_after=1,
            )  # fmt: skip
        if key is None or (key.rate is None and key.quota is None):
            self.open += 1
            return Pass(None)
        if wait := self._admitted(key):
            if wait == math.inf:
                raise self._exhausted(key, f"{key.client} has had its {key.quota:,} rows of today")
            raise Refused(
                f"{key.client} asks more than {key.rate:g} times a second", hint="ask many rows at once",
                status=429, retry_after=math.ceil(wait),
            )  # fmt: skip
        self.open += 1
        return Pass(key)

    def claim(self, one: Pass, rows: int) -> None:
        """Take rows out of a client's quota before they are scored, so that many requests at once get no more.

        Raises:
            Refused: 429, there are not so many left; 503, nobody can tell.
        """
        key = one.key
        if key is None or key.quota is None:
            return
        if rows != 1 and not self._claimed(key, rows - 1, key.quota):
            left = max(0, key.quota - self._allowances.used(key.id, day=self._day()) + 1)
            raise self._exhausted(key, f"{key.client} has {left:,} rows left of today")
        one.claimed = True

    def count(self, one: Pass, rows: int) -> None:
        """Rows that were given count against a client's quota, however many were left.

        Raises:
            Refused: 503, nobody can tell.
        """
        if one.key is not None and one.key.quota is not None and rows:
            one.claimed = self._claimed(one.key, rows - 1, None)

    def leave(self, one: Pass) -> None:
        """A request is answered; a row that it did not claim is given back."""
        self.open -= 1
        if one.key is not None and one.key.quota is not None and not one.claimed:
            with suppress(Refused):
                self._claimed(one.key, -1, None)

    async def run(self) -> None:
        """Give back what was taken for clients that went away, again and again; ends when it is cancelled."""
        while True:
            await asyncio.sleep(SETTLE)
            with suppress(EngineError):  # tried again
                self._allowances.settle(self._clock())

    def _admitted(self, key: Key) -> float:
        burst = max(1.0, key.burst or key.rate or 1.0)
        try:
            return self._allowances.admit(
                key.id, self._clock(), rate=key.rate, burst=burst, quota=key.quota, day=self._day()
            )
        except EngineError as error:
            raise _unknown(error) from error

    def _claimed(self, key: Key, rows: int, quota: int | None) -> bool:
        try:
            return self._allowances.claim(key.id, rows, quota=quota, day=self._day())
        except EngineError as error:
            raise _unknown(error) from error

    def _exhausted(self, key: Key, what: str) -> Refused:
        now = self._now()
        left = 86400 - (now.hour * 3600 + now.minute * 60 + now.second)
        hint = f"come again tomorrow (UTC), or ask for more than {key.quota:,} rows a day"
        return Refused(what, hint=hint, status=429, retry_after=left)

    def _day(self) -> int:
        return self._now().toordinal()


def _unknown(error: EngineError) -> Refused:
    return Refused(error.message, hint=error.hint, status=503, retry_after=5)
