"""The consumer: a batch is read, scored, and committed with its position; then it goes to the prediction log.

Only what was committed counts. A consumer that is killed anywhere leaves the desk as of its last commit, and
the next one reads the same events again. The log is a projection: its rows have ids that follow from
where an event stands, so that writing them twice is writing them once; how far it is stands at the desk, and
what is missing is made up for. At most one batch is in memory: where the output side is slow, nothing more
is read.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from workbench.errors import EngineError
from workbench.serving.events.batches import Kept, Made, again, blocks, judge
from workbench.serving.events.champion import Scorer
from workbench.serving.events.cloud_event import Event, Malformed, read_event
from workbench.serving.events.lease import BEAT, SILENCE, Waiting, try_take
from workbench.serving.events.port import (
    Batch,
    Claim,
    Desk,
    FencedError,
    Log,
    LostError,
    Position,
    Record,
    Stream,
    Subscription,
)

FIRST_PAUSE, LAST_PAUSE = 0.1, 5.0  # seconds between two tries after a failure
QUIET = 5.0  # seconds without an event after which, once, no more is expected
LOG_WAIT = 2.0  # seconds to wait for events that were read before


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
        """
        self._stream, self._desk, self._model, self._log = stream, desk, model, log
        self._subscription, self._sample = subscription, sample
        self._now, self._most, self._wait, self._silence, self._told = now, batch, wait, silence, told
        self._claim: Claim | None = None
        self._waiting = Waiting()
        self._position: dict[int, int] | None = None  # None: to be read from the desk
        self._logged: dict[int, int] = {}
        self._ends: Position = {}
        self._looked = self._beaten = 0.0  # when ends were looked at, and when the desk last heard of us
        self._log_problem = ""
        self.tally = Tally()

    def run(self, stop: Stop, *, once: bool = False) -> Tally:
        """Consume until it is to stop; or, once, until all that is there is scored.

        Raises:
            FencedError: Another consumer took over.
            EngineError: Once only: what failed. Else failures are told, counted, and tried again.
            Misuse: The model has no champion.
        """
        try:
            self._wait_for_turn(stop, once=once)
            pause, quiet = FIRST_PAUSE, 0.0
            while not stop.is_set():
                try:
                    quiet = 0.0 if self.step(wait=self._wait) else quiet + max(self._wait, 0.01)
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
        began = time.perf_counter()
        if not records:
            self._idle(claim)
            return 0
        judged = judge(claim, scorer, records, at=self._now(), took=lambda: int((time.perf_counter() - began) * 1e6))
        after = _after(records)
        batch = Batch(
            before={part: position.get(part, 0) for part in after},
            after=after,
            outputs=[kept.output for kept in judged.kept],
            dead=judged.dead,
            ends=self._look(),
            logged=self._logged,
            version=scorer.head.version,
            busy=time.perf_counter() - began,
            problem=self._model.problem,
        )
        self._position = None  # until it is known whether the commit happened
        added = self._desk.commit(claim, batch, now=self._now())
        self._position = {**position, **after}
        self._beaten = time.monotonic()
        self._project(claim, judged.kept if added == len(batch.outputs) else None, batch.before)
        self._count(len(records), added, batch, time.perf_counter() - began)
        return len(records)

    # the subscription

    def _wait_for_turn(self, stop: Stop, *, once: bool) -> None:
        """Wait until the subscription is ours.

        Raises:
            FencedError: Once only: another process consumes it, and lives.
        """
        first = None
        while not stop.is_set() and not self.take():
            standing = self._desk.standing(self._subscription.name)
            if standing is not None and first is None:
                first = (standing.fence, standing.beats)
                self._told(f"{self._subscription.name} is consumed by {standing.holder}; waiting")
            elif standing is not None and once and first != (standing.fence, standing.beats):
                raise self._held()
            stop.wait(self._silence / 20)

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
            self._logged = {part: offset for part, offset in standing.logged.items() if offset}
            if self._log is None:
                self._logged = dict(self._position)
            self._make_up(claim)
        return claim, self._position

    def _idle(self, claim: Claim) -> None:
        """Nothing is there: let the desk know now and then that we live, and how far we are."""
        if time.monotonic() - self._beaten < BEAT and self._ends == self._position:
            return
        self._ends = self._stream.ends(self._subscription.topic)
        self._desk.beat(claim, ends=self._ends, logged=self._logged, problem=self._model.problem)
        self._beaten = time.monotonic()
        self._make_up(claim)

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
        if told:
            self._told(error.told())
        if self._claim is not None:
            with contextlib.suppress(EngineError):  # the desk itself may be what fails
                self._desk.beat(self._claim, ends={}, logged=self._logged, problem=error.message, failed=1)

    def _leave(self) -> None:
        claim, self._claim = self._claim, None
        if claim is not None:
            with contextlib.suppress(EngineError):  # a holder that is gone is seen to be so
                self._desk.beat(claim, ends=self._ends, logged=self._logged)
                self._desk.release(claim)

    def _count(self, read: int, added: int, batch: Batch, seconds: float) -> None:
        tally = self.tally
        tally.read += read
        tally.scored += added
        tally.duplicates += len(batch.outputs) - added
        tally.dead += len(batch.dead)
        tally.seconds += seconds
        tally.version = batch.version

    # the prediction log

    def _project(self, claim: Claim, kept: Sequence[Kept] | None, before: Position) -> None:
        """Write what was just committed to the log; None: some were duplicates, so look which."""
        assert self._position is not None  # noqa: S101 (for the types)
        if self._log is None:
            self._logged = dict(self._position)
        elif kept is not None and all(self._logged.get(part, 0) == offset for part, offset in before.items()):
            with self._logging():
                self._log.append(blocks((one.made, one.record) for one in kept if self._takes(one.made)))
                self._logged = dict(self._position)
        else:
            self._make_up(claim)

    def _make_up(self, claim: Claim) -> None:
        """Write to the log what was committed and is not there yet, read from the stream once more."""
        topic, position = self._subscription.topic, self._position or {}
        with self._logging():
            while self._log is not None and self._logged != position:
                try:
                    records = self._stream.read(topic, self._logged, most=self._most, wait=LOG_WAIT, until=position)
                except LostError as error:
                    self._told(f"these events stay out of the prediction log: {error.message}")
                    self._logged = dict(position)
                    break
                if not records:
                    break
                keys = [event.key for record in records for event in _event(record)]
                outputs = self._desk.outputs(self._subscription.target, keys)
                pairs = again(claim.token, records, outputs, self._model.now().record)
                self._log.append(blocks(pair for pair in pairs if self._takes(pair[0])))
                self._logged.update(_after(records))

    def _takes(self, made: Made) -> bool:
        return self._sample(made.data.model, made.id)

    @contextlib.contextmanager
    def _logging(self) -> Iterator[None]:
        """A log that cannot be written stops no scoring: it is told, and made up for later."""
        try:
            yield
        except EngineError as error:
            if error.message != self._log_problem:
                self._log_problem = error.message
                self._told(f"the prediction log is behind: {error.message}")
        else:
            self._log_problem = ""


def _after(records: Sequence[Record]) -> dict[int, int]:
    return {record.partition: record.offset + 1 for record in records}


def _event(record: Record) -> Iterator[Event]:
    with contextlib.suppress(Malformed):
        yield read_event(record.body)
