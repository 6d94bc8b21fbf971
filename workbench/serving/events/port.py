"""What a stream of events and a desk of subscriptions must do, whatever stands behind them.

A *stream* holds topics: events in order, each at an offset of a partition. A *desk* is our database: it
holds how far each subscription has come, what came of the events, and those that nothing could come of.
Both may be the same tables, or the stream is a broker. The rules that every engine keeps:

- offsets of a partition only grow; what was read at an offset is read there again;
- outputs, dead letters and position change in one commit, or none does;
- a commit succeeds only for who holds the subscription, and only from the position it was read at;
- an event whose (source, id) has an output already gets no second one.

From these alone follows the exactly-once effect, without transactions of the broker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from workbench.errors import EngineError, Misuse
from workbench.serving.events.cloud_event import Event
from workbench.serving.prediction import Block

Position = Mapping[int, int]  # the next offset to be read, by partition; a partition that is missing: its first
BYTES = 1 << 24  # of bodies, after which a read is enough, however many events are left
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,200}")


class FencedError(EngineError):
    """Another consumer has taken the subscription over; what was about to be committed was not."""


class LostError(EngineError):
    """Events that were not read yet are gone from the stream; whoever goes on must say so."""


class Record(msgspec.Struct, frozen=True, order=True, gc=False):
    """One event of a topic, not read yet."""

    partition: int
    offset: int
    body: bytes


class Output(msgspec.Struct, frozen=True, gc=False):
    """What came of an event."""

    key: bytes  # of the event it came of
    body: bytes  # a CloudEvent in JSON


@dataclass(frozen=True)
class DeadLetter:
    """An event of which nothing could come."""

    partition: int
    offset: int
    kind: str  # "malformed", "too large", "invalid", "model", "crash"
    reason: str
    body: bytes  # as it came; its beginning where it is too large
    size: int  # bytes it has
    at: str = ""  # when, ISO 8601
    tries: int = 1
    redriven: str | None = None  # when something came of it after all


@dataclass(frozen=True)
class Subscription:
    """Who wants what: a model's eyes on a topic."""

    name: str
    topic: str
    model: str
    target: str  # topic of the desk that the outputs are added to
    stream: str = ""  # where the topic is, for people; without secrets


@dataclass(frozen=True)
class Claim:
    """The right to commit for a subscription, until somebody else takes it."""

    subscription: Subscription
    token: str  # given to the subscription when it was first made; in the ids of its outputs
    fence: int  # goes up each time that it is taken
    orphaned: bool = False  # the holder before never gave it back: it may have died of what it had in hand


@dataclass(frozen=True)
class Standing:
    """How a subscription stands; what monitoring reads."""

    subscription: Subscription
    position: Position
    ends: Position  # the offsets that the topic's next events get, as last seen
    logged: Position  # how far the outputs are in the prediction log
    token: str  # in the ids of its outputs
    holder: str  # the process that consumes; empty: none
    fence: int
    beats: int  # goes up as long as the holder lives
    version: int | None  # of the model, that scored last
    scored: int  # outputs
    duplicates: int  # events that had an output already
    dead: int  # dead letters that nothing came of
    failures: int  # times that stream, model or desk failed
    problem: str  # why it does not go on; empty: it does
    busy: float  # seconds spent on batches
    at: str | None  # when the last commit was, ISO 8601

    @property
    def lag(self) -> int:
        """Events that wait."""
        return sum(max(0, end - self.position.get(part, 0)) for part, end in self.ends.items())


@dataclass(frozen=True)
class Batch:
    """What one commit changes."""

    before: Position  # of the partitions that move
    after: Position
    outputs: Sequence[Output] = ()
    dead: Sequence[DeadLetter] = ()
    ends: Position = field(default_factory=dict)
    logged: Position = field(default_factory=dict)
    version: int | None = None
    busy: float = 0.0  # seconds
    problem: str = ""  # why the newest version is not the one in use


class Stream(Protocol):
    """Topics of events."""

    def append(self, topic: str, events: Sequence[Event], /) -> int:
        """Add events at the end, durably; how many are new. A table leaves out those that it has."""
        ...

    def read(
        self, topic: str, position: Position, /, *, most: int, wait: float, until: Position | None = None
    ) -> list[Record]:
        """Events from a position on, in order within each partition.

        Args:
            topic: Its name.
            position: Where to begin.
            most: At most so many; and fewer where they come to more than BYTES.
            wait: Seconds to wait where there is none.
            until: Only events before this position, of the partitions that it names.

        Raises:
            LostError: What stood at the position is gone.
            EngineError: It cannot be reached.
        """
        ...

    def ends(self, topic: str, /) -> Position:
        """The offset that the next event of each partition gets."""
        ...

    def close(self) -> None:
        """Leave it."""
        ...


class Log(Protocol):
    """The prediction log."""

    def append(self, blocks: Sequence[Block], /) -> None:
        """Add rows in one commit; an id that is there already is left as it is."""
        ...


class Desk(Protocol):
    """Subscriptions, outputs and dead letters, in our database."""

    def standings(self) -> list[Standing]:
        """How each subscription stands, by name."""
        ...

    def standing(self, name: str, /) -> Standing | None:
        """How one stands; None where there is none of that name."""
        ...

    def take(self, subscription: Subscription, holder: str, /, *, seen: Standing | None) -> Claim | None:
        """Take a subscription, made where it is not there; None where it moved since it was seen."""
        ...

    def release(self, claim: Claim, /) -> None:
        """Give it back, so that the next consumer need not wait."""
        ...

    def beat(self, claim: Claim, /, *, ends: Position, logged: Position, problem: str = "", failed: int = 0) -> None:
        """Say that the holder lives, what it sees, and what keeps it from going on.

        Raises:
            FencedError: It is the holder no longer.
        """
        ...

    def commit(self, claim: Claim, batch: Batch, /, *, now: datetime) -> int:
        """All that came of a batch, in one commit; how many outputs are new.

        Raises:
            FencedError: The claim is not the last one, or the position is not the one that was read at.
            EngineError: The database refused; nothing was changed, or the connection broke and all was.
        """
        ...

    def outputs(self, target: str, keys: Sequence[bytes], /) -> dict[bytes, bytes]:
        """Bodies of the outputs that events with these keys have, by key."""
        ...

    def dead_letters(self, name: str, /, *, limit: int | None = None) -> list[DeadLetter]:
        """A subscription's dead letters, oldest first."""
        ...

    def redrive(
        self, subscription: Subscription, /, *, outputs: Sequence[Output], still: Sequence[DeadLetter],
        gone: Sequence[DeadLetter], now: datetime,
    ) -> int:  # fmt: skip
        """Add what came of dead letters after all (`gone`), note the others' new reasons; how many are new."""
        ...

    def close(self) -> None:
        """Leave it."""
        ...


def check_topic(name: str) -> str:
    """A topic's name, as every engine takes it.

    Raises:
        Misuse: It is none.

    >>> check_topic("loans.applied")
    'loans.applied'
    """
    if not TOPIC.fullmatch(name) or name in {".", ".."}:
        raise Misuse(
            f"{name[:80]!r} is no topic; it must be 1 to 200 letters, digits, points, dashes or underscores",
            hint="e.g. loans.applied",
        )
    return name
