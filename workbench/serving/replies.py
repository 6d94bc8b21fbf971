"""The body of an answer: in our form, an id, a score and an answer a row; in MLflow's, a value a row.

An answer that shares its model with a canary says what the slot was chosen by: the unit that was given,
or the request alone, which then has a slot of its own each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from workbench.serving.holding import DENIED, HELD, where
from workbench.serving.http import Headers, Reply
from workbench.serving.prediction import Block
from workbench.serving.schema import SHOWN, Refused
from workbench.serving.sifting import Sifted

LEFT = {408, 413}  # statuses of a body that was not read to its end: nothing can follow it
ROWS = b"x-workbench-rows"  # header: rows that were answered
ENCODE = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, gc=False):
    """What is said of one row; what is not set is left out."""

    id: str
    score: float | None
    answer: bool | None
    error: str | UnsetType = UNSET
    held: bool | UnsetType = UNSET
    poll: str | UnsetType = UNSET  # where what becomes of it is told, relative to the address that was asked


class Answers(msgspec.Struct, gc=False):
    """What is said of a request."""

    model: str
    version: int | None
    generation: int | None
    variant: str | None
    request: str
    predictions: list[Answer]
    chosen_by: str | UnsetType = UNSET
    warnings: list[dict[str, Any]] | UnsetType = UNSET


def refusal(error: Refused, **more: Any) -> Reply:
    """What is wrong with a request, and when to come again."""
    headers: Headers = ((b"connection", b"close"),) if error.status in LEFT else ()
    if error.retry_after is not None:
        headers += ((b"retry-after", str(error.retry_after).encode()),)
    return Reply.problem(error.status, error.message, hint=error.hint, headers=headers, **more)


def own_form(block: Block, unusual: Sequence[Any], asked: str, sifted: Sifted | None = None) -> Reply:
    """Our answer: an id, a score and an answer a row, in the order of the rows.

    Args:
        block: What was scored.
        unusual: Values that training never saw.
        asked: The path that was asked.
        sifted: What may not be given of it.
    """
    limit = block.threshold
    predictions = [
        Answer(id_, score, None if score is None or limit is None else score >= limit)
        for id_, score in zip(block.ids, block.scores, strict=True)
    ]
    for prediction, error in zip(predictions, block.errors, strict=False):
        if error is not None:
            prediction.error = error
    told = Answers(block.model, block.version, block.generation, block.variant, block.request, predictions)
    if block.propensity != 1.0:
        told.chosen_by = "request" if block.unit is None else "unit"
    if unusual:
        told.warnings = [vars(problem) for problem in unusual[:SHOWN]]
    if sifted is not None:
        _sift(predictions, sifted, asked)
    return Reply(HELD if sifted is not None and sifted.held else 200, ENCODE(told), headers=_counted(block))


def _sift(predictions: Sequence[Answer], sifted: Sifted, asked: str) -> None:
    """Take out of the answers what may not be given."""
    for place, held in sifted.held.items():
        one = predictions[place]
        one.score, one.answer, one.held, one.poll = None, None, True, where(held, asked)
    for place, why in sifted.refused.items():
        one = predictions[place]
        one.score, one.answer, one.error = None, None, f"the policy refuses this answer: {why}"


def plain_form(block: Block, asked: str, sifted: Sifted | None = None) -> Reply:
    """MLflow's answer: a value a row; the ids are in a header, and what is held is null and told beside it.

    Args:
        block: What was scored.
        asked: The path that was asked.
        sifted: What may not be given of it.
    """
    limit = block.threshold
    values = [score if limit is None or score is None else int(score >= limit) for score in block.scores]
    headers = (
        *_counted(block),
        (b"x-workbench-version", f"{block.version}".encode()),
        (b"x-request-id", block.request.encode()),
    )
    if sifted is None:
        return Reply.json(200, {"predictions": values}, headers)
    if sifted.refused:
        why = next(iter(sifted.refused.values()))
        return Reply.problem(DENIED, f"the policy refuses some of these answers: {why}", hint="use /predict")
    shown = [None if place in sifted.held else value for place, value in enumerate(values)]
    return Reply.json(
        HELD, {"predictions": shown, "held": [where(one, asked) for one in sifted.held.values()]}, headers
    )


def _counted(block: Block) -> Headers:
    """How many rows a client was given, for whoever keeps its quota."""
    return () if block.client is None else ((ROWS, str(block.size).encode()),)
