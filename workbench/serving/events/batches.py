"""What comes of the records of one batch: an output or a dead letter each; and its row of the prediction log.

No clock and no file: the same records, version and time give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from workbench.errors import EngineError
from workbench.serving.events.champion import Failed, Scorer
from workbench.serving.events.cloud_event import LARGEST, Event, Malformed, read_event
from workbench.serving.events.port import Claim, DeadLetter, Output, Record
from workbench.serving.prediction import Block
from workbench.serving.routes import CHAMPION
from workbench.serving.typed import Record as Row

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
    threshold: float | None  # None: the version has none
    answer: bool | None  # score at or above the threshold
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


class Judged(NamedTuple):
    """What came of a batch."""

    outputs: list[Output]  # what the desk takes
    kept: list[tuple[Made, Row]]  # the same, each with the row that it came of: what the prediction log takes
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
    head, threshold = scorer.head, scorer.threshold
    if len(answers) >= WHOLE and all(type(one) is Failed and one.kind == "model" for one in answers):
        raise EngineError(str(getattr(answers[0], "reason", "")), hint=f"workbench rollback {head.model} --why …")
    latency_us = took()
    source = f"/workbench/{claim.subscription.name}"
    outputs, kept = [], []
    for (record, event), one in zip(events, answers, strict=True):
        if type(one) is Failed:
            dead.append(letter(record, one.kind, one.reason))
            continue
        of = Of(event.source, event.id)
        yes = None if threshold is None else one.score >= threshold
        answer = Answer(head.model, head.holder, head.generation, one.score, threshold, yes, of, latency_us)
        id_ = output_id(claim.token, record)
        made = Made("1.0", id_, source, TYPE, at, "application/json", answer, event.subject)
        outputs.append(Output(event.key, _encode(made)))
        kept.append((made, one.record))
    return Judged(outputs, kept, dead)


def output_id(token: str, record: Record) -> str:
    """The id of the output of a record, and of its row in the prediction log.

    >>> output_id("0badcafe", Record(1, 255, b""))
    'e0badcafe00010000000000ff'
    """
    return f"e{token}{(record.partition << 48) + record.offset:016x}"


def letter(record: Record, kind: str, reason: str) -> DeadLetter:
    """A dead letter."""
    return DeadLetter(record.partition, record.offset, kind, reason, record.body[:KEPT], len(record.body))


def blocks(kept: Iterable[tuple[Made, Row]]) -> list[Block]:
    """Outputs and their rows as the prediction log takes them: a block for each batch that they were scored in."""
    found = []
    for _, group in groupby(kept, key=lambda pair: _batch(pair[0])):
        pairs = list(group)
        first = pairs[0][0]
        of = first.data
        found.append(
            Block(
                ids=[made.id for made, _ in pairs],
                at=first.time,
                model=of.model,
                version=of.version,
                generation=of.generation,
                request=first.id,
                records=[record for _, record in pairs],
                scores=[made.data.score for made, _ in pairs],
                threshold=of.threshold,
                latency_us=of.latency_us,
                variant=CHAMPION,
                propensity=1.0,
            )
        )
    return found


def again(
    token: str, records: Iterable[Record], outputs: Mapping[bytes, bytes], row: Callable[[bytes], Row]
) -> Iterator[tuple[Made, Row]]:
    """Records that were committed earlier, with their outputs.

    Args:
        token: Of the subscription.
        records: What was read once more.
        outputs: Bodies of the outputs of the same events, by key; one that is a duplicate's is left out.
        row: Reads an event's data.
    """
    for record in records:
        try:
            event = read_event(record.body)
        except Malformed:
            continue
        body = outputs.get(event.key)
        if body is not None and (made := _decode(body)).id == output_id(token, record):
            yield made, row(bytes(event.data))


def _batch(made: Made) -> tuple[Any, ...]:
    of = made.data
    return made.time, of.model, of.version, of.generation, of.threshold, of.latency_us


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Made).decode
