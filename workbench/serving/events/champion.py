"""The champion of a model as it scores events: the one place where events meet ledger, loader and schema.

The head is looked at between two batches; a new version is loaded then, and one that does not load leaves
the old one in place and is told; a load is noted (`loads`), so that one which ends its process is not tried for ever.
A row is read as the gateway reads it. One on which the model fails harms
no other: the batch is scored again in halves.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import msgspec

from workbench.errors import EngineError, Misuse, WorkbenchError
from workbench.ledger import Head, Ledger
from workbench.serving.inputs import decoded
from workbench.serving.loads import Loads
from workbench.serving.predictor import Predictor
from workbench.serving.routes import AGAIN, Loader
from workbench.serving.schema import Refused, Schema
from workbench.serving.typed import UNREADABLE, Record


@final
class Scored(msgspec.Struct, frozen=True, gc=False):
    """What a version made of one row."""

    record: Record  # the row, checked
    score: float


@final
class Failed(msgspec.Struct, frozen=True, gc=False):
    """Why nothing came of one row."""

    kind: str  # "invalid": the row's fault; "model": the version's; "crash": it ended the process
    reason: str


class Scorer(NamedTuple):
    """A version in use for one batch."""

    head: Head
    threshold: float | None  # of an answer of yes; None: the version has none
    score: Callable[[Sequence[bytes]], list[Scored | Failed]]  # one a row of JSON, in order
    record: Callable[[bytes], Record]  # a row of JSON that was taken once, maybe by another version


@dataclass(frozen=True)
class _Loaded:
    head: Head
    predictor: Predictor

    @property
    def scorer(self) -> Scorer:
        schema = self.predictor.schema
        return Scorer(
            self.head,
            self.predictor.version.threshold,
            lambda bodies: _scored(self, bodies),
            lambda body: _again(schema, body),
        )


class Champion:
    """A model's champion, followed through the ledger's head."""

    def __init__(self, ledger: Ledger, loader: Loader, model: str, *, loads: Loads | None = None) -> None:
        """A model's champion.

        Args:
            ledger: Whose head is followed.
            loader: Loads versions.
            model: Its name.
            loads: Where loads are noted; None: nowhere.
        """
        self.model = model
        self._loads = loads
        self._ledger = ledger
        self._loader = loader
        self._loaded: _Loaded | None = None
        self._failed: tuple[Head, float] | None = None
        self.problem = ""  # why the head's version is not the one in use; empty: it is

    def now(self) -> Scorer:
        """The version in use now, after a look at the head.

        Raises:
            Misuse: The model is unknown or has no champion.
            EngineError: The ledger cannot be read, or no version was loaded yet and this one does not, or loading
                it has ended its process too often.
        """
        head = self._ledger.head(self.model)
        if head is None:
            if self._ledger.versions(self.model):
                raise Misuse(f"{self.model} has no champion", hint=f"workbench promote {self.model} VERSION --why …")
            known = ", ".join(sorted({found.model for found in self._ledger.heads()})) or "none yet"
            raise Misuse(f"there is no model {self.model[:100]!r}", hint=f"models with a champion: {known}")
        if self._loaded is None or self._loaded.head != head:
            self._follow(head)
        assert self._loaded is not None  # noqa: S101 (for the types: _follow raises)
        return self._loaded.scorer

    def _follow(self, head: Head) -> None:
        failed = self._failed
        if self._loaded and failed and failed[0] == head and time.monotonic() - failed[1] < AGAIN:
            return
        try:
            self._loaded = self._load(head)
            self._failed, self.problem = None, ""
        except WorkbenchError as error:
            self._failed, self.problem = (head, time.monotonic()), error.message
            if self._loaded is None:
                raise

    def _load(self, head: Head) -> _Loaded:
        if why := self._ledger.doubt(head):
            raise EngineError(f"the ledger is not followed: {why}", hint="workbench ledger verify")
        try:
            with nullcontext() if self._loads is None else self._loads.noted(head, alone=True):
                predictor = self._loader.load(self._ledger.version(head.model, head.holder))
        except WorkbenchError:
            raise
        except Exception as error:
            raise EngineError(f"{head.model} {head.version} does not load: {type(error).__name__}: {error}") from error
        predictor.schema  # noqa: B018 (made now, so that a signature that cannot be read is told before it is used)
        return _Loaded(head, predictor)


def _scored(loaded: _Loaded, bodies: Sequence[bytes]) -> list[Scored | Failed]:
    schema = loaded.predictor.schema
    values = schema.records.values
    found = _records(schema, bodies)
    scores = iter(_scores(loaded, [values(record) for record in found if type(record) is not Failed]))
    answers: list[Scored | Failed] = []
    for record in found:
        score = record if type(record) is Failed else next(scores)
        answers.append(score if type(score) is Failed else Scored(record, score))
    return answers


def _records(schema: Schema, bodies: Sequence[bytes]) -> list[Record | Failed]:
    """The rows, or what is wrong with each; where all are as they should be, in one go."""
    if schema.reader is not None:
        with contextlib.suppress(*UNREADABLE):
            return list(map(schema.reader.row, bodies))
    return [_record(schema, body) for body in bodies]


def _record(schema: Schema, body: bytes) -> Record | Failed:
    try:
        records = schema.read(body, lambda given: decoded(given, most=1))
    except Refused as error:
        return Failed("invalid", "; ".join(f"{p.field!r} {p.got}; {p.needs}" for p in error.problems) or error.message)
    return records[0] if len(records) == 1 else Failed("invalid", f"it has {len(records)} rows; an event has one")


def _again(schema: Schema, body: bytes) -> Record:
    """A row as a record of this signature, or as it came where it was another version's."""
    record = _record(schema, body)
    return msgspec.json.decode(body) if isinstance(record, Failed) else record


def _scores(loaded: _Loaded, rows: Sequence[tuple[Any, ...]]) -> list[float | Failed]:
    """One finite score a row, or why there is none; a batch that fails is scored again in halves.

    Raises:
        MemoryError: Which is no row's fault.
    """
    if not rows:
        return []
    try:
        scores = [float(score) for score in loaded.predictor.scores(rows)]
        if len(scores) == len(rows) and all(map(math.isfinite, scores)):
            return list(scores)
        reason = "it did not give one finite score a row"
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a model raises is told in its dead letter)
        reason = f"{type(error).__name__}: {error}"
    if len(rows) == 1:
        return [Failed("model", f"{loaded.head.model} {loaded.head.version} failed on this row: {reason}")]
    half = len(rows) // 2
    return [*_scores(loaded, rows[:half]), *_scores(loaded, rows[half:])]
