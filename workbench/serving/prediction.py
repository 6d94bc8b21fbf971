"""What the prediction log holds: a prediction, what came of a row, counts; and the block that a request leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from workbench.ledger import Head
from workbench.serving.typed import Record

SHADOW = "shadow"  # variant of what a version in shadow would have answered: no traffic, and nobody got it


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer to one row, or one request that was refused."""

    id: str
    at: datetime  # when it was answered, UTC
    model: str
    version: int | None  # None: there was no champion
    generation: int | None  # the head's generation that was in use
    request: str  # the request it came in: the caller's id where one was given
    input_digest: str | None  # over the row's features, hex (see `log_rows`); None: refused
    features: Mapping[str, Any] | None  # the row, or hashes of its values; None: refused, or not kept by policy
    score: float | None
    answer: bool | None  # score at or above the version's threshold; None: no threshold, or refused
    latency_us: int  # microseconds that the whole request took
    status: int  # of HTTP; 200 is an answer
    error: str | None = None  # why it was refused
    variant: str | None = None  # slot that answered: "champion", or the arm that the unit was given
    propensity: float | None = None  # probability in (0, 1] with which that slot was chosen
    client: str | None = None  # id of the key that asked; None: no key was asked for
    unit: str | None = None  # what the slot was chosen by, or its keyed hash; None: by the request

    @property
    def of_event(self) -> bool:
        """Whether an event was scored, and no request answered: its id follows from where the event stands."""
        return self.id.startswith("e")


class Block(msgspec.Struct, gc=False):
    """What one request leaves for the log: its rows, in order, or none where it was refused; refers to no other."""

    ids: Sequence[str]  # one a row; one where it was refused
    at: datetime
    model: str
    version: int | None
    generation: int | None
    request: str
    records: Sequence[Record]  # empty: refused
    scores: Sequence[float | None]  # None: the model failed on this row
    threshold: float | None
    latency_us: int
    status: int = 200
    errors: Sequence[str | None] = ()  # one a row where a row failed; one where the request was refused
    variant: str | None = None
    propensity: float | None = None
    client: str | None = None
    unit: str | None = None

    @classmethod
    def refused(
        cls, id_: str, at: datetime, model: str, request: str, status: int, why: str, *,
        head: Head | None = None, variant: str | None = None, propensity: float | None = None,
        client: str | None = None, unit: str | None = None, seconds: float = 0.0,
    ) -> Block:  # fmt: skip
        """A request that was not answered.

        Args:
            id_: Of its one row.
            at: When, UTC.
            model: That was asked.
            request: Its id.
            status: Of HTTP.
            why: In words.
            head: Who was to answer; None: nobody was chosen yet.
            variant: The slot that was chosen.
            propensity: Probability in (0, 1] of that slot.
            client: Id of the key that asked.
            unit: What the slot was chosen by.
            seconds: That it took.
        """
        return cls(
            ids=[id_],
            at=at,
            model=model,
            version=head.version if head else None,
            generation=head.generation if head else None,
            request=request,
            records=(),
            scores=(),
            threshold=None,
            latency_us=int(seconds * 1e6),
            status=status,
            errors=(why,),
            variant=variant,
            propensity=propensity,
            client=client,
            unit=unit,
        )

    @property
    def size(self) -> int:
        """Rows that it makes in the log."""
        return len(self.ids)


class Counts(NamedTuple):
    """How much there is in the log."""

    requests: int
    rows: int  # predictions
    refused: int  # requests answered with an error


class Label(NamedTuple):
    """The truth about one prediction, known later."""

    id: str  # of the prediction
    value: float  # 0 or 1 for a yes or no; else the quantity itself
    at: datetime  # when it became known, UTC
    source: str  # who says so


class Labelled(NamedTuple):
    """One prediction with the truth about it."""

    id: str
    at: datetime  # when it was answered
    version: int
    variant: str | None
    score: float
    answer: bool | None
    label: float
    labelled_at: datetime
    features: Mapping[str, Any] | None
