"""The prediction log as a projection of a subscription's outputs: behind them at times, never beside them.

Its rows have ids that follow from where an event stands, so that writing them twice is writing them once. How
far it is stands at the desk; what is missing is read from the stream once more. A log that cannot be
written stops no scoring.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from workbench.errors import EngineError
from workbench.serving.events.batches import Made, again, blocks
from workbench.serving.events.champion import Scorer
from workbench.serving.events.cloud_event import Event, Malformed, read_event
from workbench.serving.events.port import Desk, Log, LostError, Position, Record, Stream, Subscription
from workbench.serving.typed import Record as Row

WAIT = 2.0  # seconds to wait for events that were read before


class Projection:
    """What of one subscription is in the log; belongs to its consumer."""

    def __init__(
        self,
        stream: Stream,
        desk: Desk,
        subscription: Subscription,
        log: Log | None,
        *,
        sample: Callable[[str, str], bool],
        most: int,
        told: Callable[[str], None],
    ) -> None:
        """A projection.

        Args:
            stream: Where the events are.
            desk: Where their outputs are.
            subscription: Whose.
            log: The prediction log; None: nothing is written.
            sample: Whether an output, by its model and id, is logged.
            most: Events that are read at once.
            told: Takes a sentence for people.
        """
        self._stream, self._desk, self._subscription, self._log = stream, desk, subscription, log
        self._sample, self._most, self._told = sample, most, told
        self._problem = ""
        self.logged: dict[int, int] = {}  # how far the log is, by partition

    def begin(self, logged: Position, position: Position) -> None:
        """Take up where the desk says that the log is."""
        self.logged = {part: offset for part, offset in logged.items() if offset}
        if self._log is None:
            self.logged = dict(position)

    def follow(self, kept: Sequence[tuple[Made, Row]], before: Position, after: Position) -> bool:
        """Write what a commit brought, if the log is up to what was before it; whether it was written."""
        if self._log is None:
            self.logged = dict(after)
        if self._log is None or self.logged != before:
            return self._log is None
        with self._telling():
            self._log.append(blocks(pair for pair in kept if self._takes(pair[0])))
            self.logged = dict(after)
        return self.logged == after

    def make_up(self, token: str, scorer: Callable[[], Scorer], position: Position) -> None:
        """Write what was committed up to a position and is not there yet.

        Args:
            token: Of the subscription.
            scorer: Gives the version in use, which reads the rows.
            position: The position of the last commit.
        """
        with self._telling():
            while self._log is not None and self.logged != position:
                try:
                    topic = self._subscription.topic
                    records = self._stream.read(topic, self.logged, most=self._most, wait=WAIT, until=position)
                except LostError as error:
                    self._told(f"these events stay out of the prediction log: {error.message}")
                    self.logged = dict(position)
                    break
                if not records:
                    break
                keys = [event.key for record in records for event in _event(record)]
                outputs = self._desk.outputs(self._subscription.target, keys)
                pairs = again(token, records, outputs, scorer().record)
                self._log.append(blocks(pair for pair in pairs if self._takes(pair[0])))
                self.logged.update(reached(records))

    def _takes(self, made: Made) -> bool:
        return self._sample(made.data.model, made.id)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell, once, that the log is behind; it is made up for later."""
        try:
            yield
        except EngineError as error:
            if error.message != self._problem:
                self._problem = error.message
                self._told(f"the prediction log is behind: {error.message}")
        else:
            self._problem = ""


def reached(records: Sequence[Record]) -> dict[int, int]:
    """The position after records that were read in order."""
    return {record.partition: record.offset + 1 for record in records}


def _event(record: Record) -> Iterator[Event]:
    with contextlib.suppress(Malformed):
        yield read_event(record.body)
