"""What the prediction log holds: a prediction, what came of a row, and counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple


@dataclass(frozen=True, slots=True)
class Prediction:
    """One answer to one row, or one request that was refused."""

    id: str
    at: datetime  # when it was answered, UTC
    model: str
    version: int | None  # None: there was no champion
    generation: int | None  # the head's generation that was in use
    request: str  # the request it came in: the caller's id where one was given
    input_digest: str | None  # SHA-256 over the row's features in canonical JSON, hex; None: refused
    features: Mapping[str, Any] | None  # the row; None: refused
    score: float | None
    answer: bool | None  # score at or above the version's threshold; None: no threshold, or refused
    latency_us: int  # microseconds that the whole request took
    status: int  # of HTTP; 200 is an answer
    error: str | None = None  # why it was refused


class Counts(NamedTuple):
    """How much there is in the log."""

    requests: int
    rows: int  # predictions
    refused: int  # requests answered with an error


class Outcome(NamedTuple):
    """What came of one row, or of one refused request."""

    at: datetime
    request: str
    answer: bool | None
    latency_us: int
    status: int
