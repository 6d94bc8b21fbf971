"""The champion of a model as it scores events: the one place where events meet ledger, loader and schema.

The head is looked at between two batches; a new version is loaded then, and one that does not load leaves
the old one in place and is told. Rows are read by a decoder made from the signature; one that it does
not take is shown to the schema, which says what is wrong or lets it pass. A row on which the model fails
harms no other: the batch is scored again in halves.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import msgspec

from workbench.errors import EngineError, Misuse, WorkbenchError
from workbench.ledger import Head, Ledger
from workbench.serving.predictor import Predictor
from workbench.serving.routes import AGAIN, Loader
from workbench.serving.schema import Refused, Row, Schema

INT32, INT64, FLOAT32 = 1 << 31, 1 << 63, 3.4028234663852886e38
FAST: Mapping[str, Any] = {  # types that the decoder checks as the schema does
    "double": float,
    "float": Annotated[float, msgspec.Meta(ge=-FLOAT32, le=FLOAT32)],
    "long": Annotated[int, msgspec.Meta(ge=-INT64, le=INT64 - 1)],
    "integer": Annotated[int, msgspec.Meta(ge=-INT32, le=INT32 - 1)],
    "boolean": bool,
    "string": str,
}


Body = bytes | msgspec.Raw  # a row in JSON


class Scored(NamedTuple):
    """What a version made of one row."""

    row: Row  # checked
    score: float
    answer: bool | None  # score at or above the threshold; None: the version has none


class Failed(NamedTuple):
    """Why nothing came of one row."""

    kind: str  # "invalid": the row's fault; "model": the version's
    reason: str


class Scorer(NamedTuple):
    """A version in use for one batch."""

    head: Head
    score: Callable[[Sequence[Body]], list[Scored | Failed]]  # one a row of JSON, in order


@dataclass(frozen=True)
class _Loaded:
    head: Head
    predictor: Predictor
    schema: Schema
    decode: Callable[[Body], tuple[Any, ...]] | None
    names: tuple[str, ...]


class Champion:
    """A model's champion, followed through the ledger's head."""

    def __init__(self, ledger: Ledger, loader: Loader, model: str) -> None:
        self.model = model
        self._ledger = ledger
        self._loader = loader
        self._loaded: _Loaded | None = None
        self._failed: tuple[Head, float] | None = None
        self.problem = ""  # why the head's version is not the one in use; empty: it is

    def now(self) -> Scorer:
        """The version in use now, after a look at the head.

        Raises:
            Misuse: The model is unknown or has no champion.
            EngineError: The ledger cannot be read, or no version was loaded yet and this one does not.
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
        loaded = self._loaded
        return Scorer(loaded.head, lambda rows: _scored(loaded, rows))

    def _follow(self, head: Head) -> None:
        failed = self._failed
        if self._loaded and failed and failed[0] == head and time.monotonic() - failed[1] < AGAIN:
            return
        try:
            self._loaded = _load(self._ledger, self._loader, head)
            self._failed, self.problem = None, ""
        except WorkbenchError as error:
            self._failed, self.problem = (head, time.monotonic()), error.message
            if self._loaded is None:
                raise


def _load(ledger: Ledger, loader: Loader, head: Head) -> _Loaded:
    subject = f"{head.model} {head.version}"
    try:
        predictor = loader.load(ledger.version(head.model, head.version))
    except WorkbenchError:
        raise
    except Exception as error:
        raise EngineError(f"{subject} does not load: {type(error).__name__}: {error}") from error
    schema = Schema.of(subject, predictor.columns)
    return _Loaded(head, predictor, schema, _decoder(predictor.columns), tuple(predictor.columns))


def _decoder(columns: Mapping[str, str]) -> Callable[[Body], tuple[Any, ...]] | None:
    """Reads a row's values in the signature's order; None where a type is the schema's alone to check."""
    if not set(columns.values()) <= set(FAST) or not columns:
        return None
    fields = {f"f{number}": name for number, name in enumerate(columns)}
    struct = msgspec.defstruct(
        "Row",
        [(field, FAST[columns[name]]) for field, name in fields.items()],
        rename=fields,
        forbid_unknown_fields=True,
    )
    decode = msgspec.json.Decoder(struct).decode
    return lambda body: msgspec.structs.astuple(decode(body))


def _scored(loaded: _Loaded, bodies: Sequence[Body]) -> list[Scored | Failed]:
    found: list[Row | Failed] = [_row(loaded, body) for body in bodies]
    good = [row for row in found if not isinstance(row, Failed)]
    scores = iter(_scores(loaded, good))
    threshold = loaded.predictor.version.threshold
    answers: list[Scored | Failed] = []
    for row in found:
        if isinstance(row, Failed):
            answers.append(row)
            continue
        score = next(scores)
        if isinstance(score, Failed):
            answers.append(score)
        else:
            answers.append(Scored(row, score, None if threshold is None else score >= threshold))
    return answers


def _row(loaded: _Loaded, body: Body) -> Row | Failed:
    if loaded.decode is not None:
        try:
            return dict(zip(loaded.names, loaded.decode(body), strict=True))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # the schema says why, or takes it after all
    try:
        return loaded.schema.checked([msgspec.json.decode(body)])[0]
    except Refused as error:
        return Failed("invalid", "; ".join(f"{p.field!r} {p.got}; {p.needs}" for p in error.problems) or error.message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Failed("invalid", f"the data is no JSON: {error}")


def _scores(loaded: _Loaded, rows: Sequence[Row]) -> list[float | Failed]:
    """One finite score a row, or why there is none; a batch that fails is scored again in halves.

    Raises:
        MemoryError: Which is no row's fault.
    """
    if not rows:
        return []
    try:
        scores: list[float] = loaded.predictor.score(loaded.schema.frame(rows)).tolist()
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
