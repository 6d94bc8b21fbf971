"""What comes of the records of one batch: an output or a dead letter each; and its row of the prediction log.

No clock and no file: the same records, version and time give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from workbench.errors import EngineError
from workbench.ledger import Head, digest
from workbench.serving.events.champion import Failed, Scored, Scorer
from workbench.serving.events.cloud_event import LARGEST, Event, Malformed, read_event
from workbench.serving.events.port import Claim, DeadLetter, Output, Record
from workbench.serving.prediction import Prediction

KEPT = 1 << 16  # bytes that are kept of an event that is too large
WHOLE = 16  # rows of a batch that must all fail in the model before it is the model that is at fault
TYPE = "workbench.prediction"


class Of(msgspec.Struct, frozen=True):
    """The event that an output came of."""

    source: str
    id: str


class Answer(msgspec.Struct, frozen=True):
    """The data of an output."""

    model: str
    version: int
    generation: int
    score: float
    answer: bool | None  # None: the version has no threshold
    event: Of
    latency_us: int = 0  # microseconds from read to scored, of its batch


class Kept(NamedTuple):
    """An output with the row that it came of, for the prediction log."""

    output: Output
    row: Mapping[str, Any]


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
    answers = scorer.score([bytes(event.data) for _, event in events])
    if len(answers) >= WHOLE and all(type(one) is Failed and one.kind == "model" for one in answers):
        raise EngineError(
            str(getattr(answers[0], "reason", "")), hint=f"workbench rollback {scorer.head.model} --why …"
        )
    latency_us = took()
    kept = []
    for (record, event), answer in zip(events, answers, strict=True):
        if isinstance(answer, Failed):
            dead.append(letter(record, answer.kind, answer.reason))
        else:
            kept.append(
                Kept(output_of(claim, scorer.head, record, event, answer, at=at, latency_us=latency_us), answer.row)
            )
    return Judged(kept, dead)


def output_of(
    claim: Claim, head: Head, record: Record, event: Event, scored: Scored, *, at: datetime, latency_us: int
) -> Output:
    """The output of one event; its id follows from where the event stands."""
    answer = Answer(
        head.model, head.version, head.generation, scored.score, scored.answer, Of(event.source, event.id), latency_us
    )
    made = Event(
        specversion="1.0",
        id=output_id(claim.token, record),
        source=f"/workbench/{claim.subscription.name}",
        type=TYPE,
        subject=event.subject,
        time=at,
        datacontenttype="application/json",
        data=msgspec.Raw(_encode(answer)),
    )
    return Output(event.key, made)


def output_id(token: str, record: Record) -> str:
    """The id of the output of a record, and of its row in the prediction log.

    >>> output_id("0badcafe", Record(1, 255, b""))
    'e0badcafe00010000000000ff'
    """
    return f"e{token}{record.partition:04x}{record.offset:012x}"


def letter(record: Record, kind: str, reason: str) -> DeadLetter:
    """A dead letter."""
    return DeadLetter(record.partition, record.offset, kind, reason, record.body[:KEPT], len(record.body))


def prediction(output: Event, row: Mapping[str, Any]) -> Prediction:
    """An output's row in the prediction log.

    Raises:
        ValueError: It is no output of a subscription.
    """
    answer = _decode(output.data)
    if output.time is None:
        raise ValueError(f"output {output.id} has no time")
    return Prediction(
        id=output.id,
        at=output.time,
        model=answer.model,
        version=answer.version,
        generation=answer.generation,
        request=output.id,
        input_digest=digest(row),
        features=row,
        score=answer.score,
        answer=answer.answer,
        latency_us=answer.latency_us,
        status=200,
    )


def again(token: str, records: Iterable[Record], outputs: Mapping[bytes, Event]) -> Iterator[Prediction]:
    """The log's rows of records that were committed earlier, from their outputs.

    Args:
        token: Of the subscription.
        records: What was read once more.
        outputs: Of the same events, by key; one that is a duplicate's is left out.
    """
    for record in records:
        try:
            event = read_event(record.body)
        except Malformed:
            continue
        output = outputs.get(event.key)
        if output is not None and output.id == output_id(token, record):
            yield prediction(output, msgspec.json.decode(event.data))


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answer).decode
