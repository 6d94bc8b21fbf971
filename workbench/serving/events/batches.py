"""What comes of the records of one batch: an output or a dead letter each; and its row of the prediction log.

No clock and no file: the same records, version and time give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from workbench.errors import EngineError
from workbench.ledger import digest
from workbench.serving.events.champion import Failed, Scorer
from workbench.serving.events.cloud_event import LARGEST, Event, Malformed, read_event
from workbench.serving.events.port import Claim, DeadLetter, Output, Record
from workbench.serving.prediction import Prediction

KEPT = 1 << 16  # bytes that are kept of an event that is too large
WHOLE = 16  # rows of a batch that must all fail in the model before it is the model that is at fault
TYPE = "workbench.prediction"


class Of(msgspec.Struct, frozen=True, gc=False):
    """The event that an output came of."""

    source: str
    id: str


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The data of an output."""

    model: str
    version: int
    generation: int
    score: float
    answer: bool | None  # None: the version has no threshold
    event: Of
    latency_us: int  # microseconds from read to scored, of its batch


class Made(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An output as the CloudEvent that it is, with its data typed."""

    specversion: str
    id: str
    source: str
    type: str
    time: datetime
    datacontenttype: str
    data: Answer
    subject: str | None = None


class Kept(NamedTuple):
    """An output with the row that it came of, for the prediction log."""

    made: Made
    key: bytes  # of the event
    row: Mapping[str, Any]

    @property
    def output(self) -> Output:
        """What the desk takes."""
        return Output(self.key, _encode(self.made))


class Judged(NamedTuple):
    """What came of a batch."""

    kept: list[Kept]
    dead: list[DeadLetter]


def judge(
    claim: Claim, scorer: Scorer, records: Sequence[Record], *, at: datetime, took: Callable[[], int] = lambda: 0
) -> Judged:
    """An output or a dead letter for each record.

    Args:
        claim: Whose outputs they are.
        scorer: The version in use.
        records: What was read.
        at: When, UTC; the time of the outputs.
        took: Gives the microseconds since they were read; asked once all are scored.

    Raises:
        EngineError: The model fails on every one of many rows: it is at fault, and not they.
    """
    dead: list[DeadLetter] = []
    events: list[tuple[Record, Event]] = []
    for record in records:
        try:
            events.append((record, read_event(record.body)))
        except Malformed as error:
            large = len(record.body) > LARGEST
            dead.append(letter(record, "too large" if large else "malformed", error.message))
    answers = scorer.score([event.data for _, event in events])
    head = scorer.head
    if len(answers) >= WHOLE and all(type(one) is Failed and one.kind == "model" for one in answers):
        raise EngineError(str(getattr(answers[0], "reason", "")), hint=f"workbench rollback {head.model} --why …")
    latency_us = took()
    source = f"/workbench/{claim.subscription.name}"
    kept = []
    for (record, event), one in zip(events, answers, strict=True):
        if isinstance(one, Failed):
            dead.append(letter(record, one.kind, one.reason))
            continue
        of = Of(event.source, event.id)
        answer = Answer(head.model, head.version, head.generation, one.score, one.answer, of, latency_us)
        id_ = output_id(claim.token, record)
        made = Made("1.0", id_, source, TYPE, at, "application/json", answer, event.subject)
        kept.append(Kept(made, event.key, one.row))
    return Judged(kept, dead)


def output_id(token: str, record: Record) -> str:
    """The id of the output of a record, and of its row in the prediction log.

    >>> output_id("0badcafe", Record(1, 255, b""))
    'e0badcafe00010000000000ff'
    """
    return f"e{token}{record.partition:04x}{record.offset:012x}"


def letter(record: Record, kind: str, reason: str) -> DeadLetter:
    """A dead letter."""
    return DeadLetter(record.partition, record.offset, kind, reason, record.body[:KEPT], len(record.body))


def prediction(made: Made, row: Mapping[str, Any]) -> Prediction:
    """An output's row in the prediction log."""
    answer = made.data
    return Prediction(
        id=made.id,
        at=made.time,
        model=answer.model,
        version=answer.version,
        generation=answer.generation,
        request=made.id,
        input_digest=digest(row),
        features=row,
        score=answer.score,
        answer=answer.answer,
        latency_us=answer.latency_us,
        status=200,
    )


def again(token: str, records: Iterable[Record], outputs: Mapping[bytes, bytes]) -> Iterator[Prediction]:
    """The log's rows of records that were committed earlier, from their outputs.

    Args:
        token: Of the subscription.
        records: What was read once more.
        outputs: Bodies of the outputs of the same events, by key; one that is a duplicate's is left out.
    """
    for record in records:
        try:
            event = read_event(record.body)
        except Malformed:
            continue
        body = outputs.get(event.key)
        if body is not None and (made := _decode(body)).id == output_id(token, record):
            yield prediction(made, msgspec.json.decode(event.data))


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Made).decode
