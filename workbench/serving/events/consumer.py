"""The consumer: a batch is read, scored, and committed with its position; then it goes to the prediction log.

Only what was committed counts. A consumer that is killed anywhere leaves the desk as of its last commit, and
the next one reads the same events again. At most one batch is in memory: where the output side is slow, nothing
more is read.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workbench.errors import EngineError
from workbench.serving.events.batches import judge
from workbench.serving.events.champion import Scorer
from workbench.serving.events.lease import BEAT, SILENCE, Waiting, try_take
from workbench.serving.events.port import (
    Batch,
    Claim,
    Desk,
    FencedError,
    Log,
    Position,
    Stream,
    Subscription,
)
from workbench.serving.events.projection import Projection, reached
from workbench.serving.events.trial import tried

FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0  # seconds between two tries after a failure
QUIET = 5.0  # seconds without an event after which, once, no more is expected


class Model(Protocol):
    """What scores; `Champion` is one."""

    problem: str  # why the newest version is not the one in use

    def now(self) -> Scorer:
        """The version in use for the next batch."""
        ...


class Stop(Protocol):
    """Whether to stop; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether to stop now."""
        ...

    def wait(self, timeout: float | None = None, /) -> bool:
        """Wait so many seconds, or less when it is to stop."""
        ...


@dataclass
class Tally:
    """What a consumer has done since it was started."""

    read: int = 0
    scored: int = 0
    duplicates: int = 0  # events whose (source, id) had an output already
    dead: int = 0
    failures: int = 0
    seconds: float = 0.0  # spent on batches
    lag: int = 0  # events that waited when the topic's end was last looked at
    version: int | None = None  # that scored last


class Consumer:
    """Consumes one subscription; belongs to one thread."""

    def __init__(
        self,
        stream: Stream,
        desk: Desk,
        model: Model,
        subscription: Subscription,
        *,
        now: Callable[[], datetime],
        log: Log | None = None,
        sample: Callable[[str, str], bool] = lambda *_: True,
        batch: int = 1000,
        wait: float = 0.5,
        silence: float = SILENCE,
        told: Callable[[str], None] = lambda _: None,
        progress: Callable[[Tally], None] = lambda _: None,
    ) -> None:
        """A consumer.

        Args:
            stream: Where the events are.
            desk: Where outputs and position go, in one commit.
            model: Scores.
            subscription: Which topic, for which model, under which name.
            now: Reads the clock, UTC; decides nothing.
            log: The prediction log; None: it is left out.
            sample: Whether an output, by its model and id, is logged; says the same each time.
            batch: Events in one commit, at most.
            wait: Seconds to wait for events where there are none.
            silence: Seconds without a beat after which another holder counts as gone.
            told: Takes a sentence for people.
            progress: Takes the tally after each batch.
        """
        self._stream, self._desk, self._model, self._subscription = stream, desk, model, subscription
        self._now, self._most, self._wait, self._silence, self._told = now, batch, wait, silence, told
        self._progress = progress
        self._claim: Claim | None = None
        self._waiting = Waiting()
        self._doubtful = 0  # events to come that the holder before may have died of
        self._position: dict[int, int] | None = None  # None: to be read from the desk
        self._log = Projection(stream, desk, subscription, log, sample=sample, most=batch, told=told)
        self._ends: Position = {}
        self._problem, self._failing = "", 0.0  # what failed last, and since when; empty: nothing does
        self._looked = self._beaten = 0.0  # when ends were looked at, and when the desk last heard of us
        self.tally = Tally()

    def run(self, stop: Stop, *, once: bool = False) -> Tally:
        """Consume until it is to stop; or, once, until all that is there is scored.

        Raises:
            FencedError: Another consumer took over.
            EngineError: Once only: what failed. Else failures are told, counted, and tried again.
            Misuse: The model has no champion.
        """
        pause, quiet = FIRST_PAUSE, 0.0
        try:
            while not stop.is_set():
                try:
                    if not self._wait_for_turn(stop, once=once):
                        break
                    quiet = 0.0 if self.step(wait=self._wait) else quiet + max(self._wait, 0.01)
                    self._recover()
                    pause = FIRST_PAUSE
                    if once and quiet and (self._at_end() or quiet >= QUIET):
                        break
                except FencedError:
                    raise
                except EngineError as error:
                    self._fail(error, told=not once)
                    if once:
                        raise
                    stop.wait(pause)
                    pause = min(2 * pause, LAST_PAUSE)
        finally:
            self._leave()
        return self.tally

    def take(self) -> bool:
        """Take the subscription; whether it is ours now."""
        if self._claim is None:
            self._claim = try_take(self._desk, self._subscription, self._waiting, silence=self._silence)
            self._doubtful = self._most if self._claim and self._claim.orphaned else 0
        return self._claim is not None

    def step(self, *, wait: float = 0.0) -> int:
        """One batch, read, scored and committed; how many events it had.

        Raises:
            FencedError: Another consumer took over; nothing was committed.
            EngineError: Something outside failed; nothing was committed, or all was.
            Misuse: The model has no champion.
        """
        claim, position = self._ready()
        scorer = self._model.now()
        records = self._stream.read(self._subscription.topic, position, most=self._most, wait=wait)
        if self._doubtful:
            scorer = tried(scorer, alive=lambda: self._beat(claim))
        began = time.perf_counter()
        if not records:
            self._idle(claim)
            return 0
        judged = judge(claim, scorer, records, at=self._now(), took=lambda: int((time.perf_counter() - began) * 1e6))
        after = reached(records)
        batch = Batch(
            before={part: position.get(part, 0) for part in after},
            after=after,
            outputs=judged.outputs,
            dead=judged.dead,
            ends=self._look(),
            logged=self._log.logged,
            version=scorer.head.version,
            busy=time.perf_counter() - began,
            problem=self._model.problem,
        )
        self._position = None  # until it is known whether the commit happened
        added = self._desk.commit(claim, batch, now=self._now())
        self._position = {**position, **after}
        self._doubtful = max(0, self._doubtful - len(records))
        self._beaten = time.monotonic()
        if added < len(batch.outputs) or not self._log.follow(judged.kept, position, self._position):
            self._log.make_up(claim.token, self._model.now, self._position)  # some are duplicates, or the log is behind
        self._count(len(records), added, batch, time.perf_counter() - began)
        self._progress(self.tally)
        return len(records)

    # the subscription

    def _wait_for_turn(self, stop: Stop, *, once: bool) -> bool:
        """Wait until the subscription is ours; false: it is to stop before.

        Raises:
            FencedError: Once only: another process consumes it, and lives.
        """
        first = None
        while not self.take():
            standing = self._desk.standing(self._subscription.name)
            if standing is not None and first is None:
                first = (standing.fence, standing.beats)
                self._told(f"{self._subscription.name} is consumed by {standing.holder}; waiting")
            elif standing is not None and once and first != (standing.fence, standing.beats):
                raise self._held()
            if stop.wait(self._silence / 20):
                return False
        return True

    def _held(self) -> FencedError:
        return FencedError(
            f"{self._subscription.name!r} is consumed by another process",
            hint="stop it, or give this one a name of its own: --as NAME",
        )

    def _ready(self) -> tuple[Claim, dict[int, int]]:
        """The claim, and the position of the last commit.

        Raises:
            FencedError: The subscription is another's.
        """
        if not self.take():
            raise self._held()
        claim = self._claim
        assert claim is not None  # noqa: S101 (for the types)
        if self._position is None:
            standing = self._desk.standing(self._subscription.name)
            if standing is None or standing.fence != claim.fence:
                raise FencedError(f"another consumer has taken {self._subscription.name!r} over", hint="start again")
            self._position = {part: offset for part, offset in standing.position.items() if offset}
            self._log.begin(standing.logged, self._position)
            self._log.make_up(claim.token, self._model.now, self._position)
        return claim, self._position

    def _idle(self, claim: Claim) -> None:
        """Nothing is there: let the desk know now and then that we live, and how far we are."""
        if time.monotonic() - self._beaten < BEAT and self._ends == self._position:
            return
        self._ends = self._stream.ends(self._subscription.topic)
        self._beat(claim)
        self._log.make_up(claim.token, self._model.now, self._position or {})

    def _beat(self, claim: Claim) -> None:
        self._desk.beat(claim, ends=self._ends, logged=self._log.logged, problem=self._model.problem)
        self._beaten = time.monotonic()

    def _at_end(self) -> bool:
        position = self._position or {}
        return all(position.get(part, 0) >= end for part, end in self._ends.items())

    def _look(self) -> Position:
        """The topic's ends, looked at twice a second."""
        if time.monotonic() - self._looked > 0.5:
            self._ends = self._stream.ends(self._subscription.topic)
            self._looked = time.monotonic()
        return self._ends

    def _fail(self, error: EngineError, *, told: bool) -> None:
        self.tally.failures += 1
        if told and error.message != self._problem:
            self._told(f"{error.told()}\ntrying again until it works, at least every {LAST_PAUSE:.0f} s")
        self._failing = self._failing or time.monotonic()
        self._problem = error.message
        if self._claim is not None:
            with contextlib.suppress(EngineError):  # the desk itself may be what fails
                self._desk.beat(self._claim, ends={}, logged=self._log.logged, problem=error.message, failed=1)

    def _recover(self) -> None:
        if self._problem:
            self._told(f"{self._subscription.name} goes on, after {time.monotonic() - self._failing:.1f} s")
            self._problem, self._failing = "", 0.0

    def _leave(self) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            with contextlib.suppress(EngineError):  # a holder that is gone is seen to be so
                self._desk.beat(claim, ends=self._ends, logged=self._log.logged)
                self._desk.release(claim)

    def _count(self, read: int, added: int, batch: Batch, seconds: float) -> None:
        tally = self.tally
        tally.read += read
        tally.scored += added
        tally.duplicates += len(batch.outputs) - added
        tally.dead += len(batch.dead)
        tally.seconds += seconds
        position = self._position or {}
        tally.lag = sum(max(0, end - position.get(part, 0)) for part, end in self._ends.items())
        tally.version = batch.version
