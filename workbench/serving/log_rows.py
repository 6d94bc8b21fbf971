"""What of a request is written down: the log's columns, and by policy its features kept, hashed or dropped.

A digest is SHA-256 over the row as JSON, its fields in the signature's order. Where features are hashed
or dropped, digest and hashes are keyed (BLAKE2b), so that nobody finds a row by trying values who has
the log and not the key. A unit is kept where features are, and else by its keyed hash: an experiment
needs to know it again, and `LogPolicy.unit` gives whoever holds the key the same name for it.

>>> policy = LogPolicy(features=per_model("kept, churn=dropped"), key=b"k")
>>> policy.of("lending"), policy.of("churn")
('kept', 'dropped')
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from workbench.errors import Misuse
from workbench.serving.prediction import Block, Prediction

COLUMNS = (
    "id", "at", "model", "version", "generation", "request", "input_digest", "features", "score", "answer",
    "latency_us", "status", "error", "variant", "propensity", "client", "unit",
)  # fmt: skip
WAYS = ("kept", "hashed", "dropped")
DEFAULT = ""  # the model that stands for all that are not named
Row = tuple[Any, ...]


@dataclass(frozen=True)
class LogPolicy:
    """What is kept of which model's predictions."""

    features: Mapping[str, str] = field(default_factory=lambda: {DEFAULT: "kept"})  # by model: one of `WAYS`
    share: Mapping[str, str] = field(default_factory=lambda: {DEFAULT: "1"})  # by model: of its requests, in [0, 1]
    key: bytes = b""  # of hashes; at most 64 bytes

    def __post_init__(self) -> None:
        """Check the words.

        Raises:
            Misuse: A way is unknown, or a share is no number in [0, 1].
        """
        for model, way in self.features.items():
            if way not in WAYS:
                where = f" for {model}" if model else ""
                raise Misuse(f"features are to be {way!r}{where}; they are {', '.join(WAYS)}", hint="edit log_features")
        for text in self.share.values():
            _share(text)

    def of(self, model: str) -> str:
        """What becomes of a model's features."""
        return self.features.get(model, self.features.get(DEFAULT, "kept"))

    def share_of(self, model: str) -> float:
        """The share of a model's requests that is logged, in [0, 1]."""
        return _share(self.share.get(model, self.share.get(DEFAULT, "1")))

    def unit(self, model: str, unit: str | None) -> str | None:
        """What is written down of a unit's name.

        >>> LogPolicy().unit("lending", "customer-7"), len(LogPolicy({"": "dropped"}).unit("lending", "customer-7"))
        ('customer-7', 64)
        """
        if unit is None or self.of(model) == "kept":
            return _readable(unit)
        return _keyed(self.key)(unit.encode("utf-8", "replace"))

    def takes(self, model: str, request: str) -> bool:
        """Whether a request is in the sample, answered or not; the same request always is or is not."""
        share = self.share_of(model)
        return share >= 1 or zlib.crc32(request.encode()) < share * 2**32


def per_model(text: str) -> dict[str, str]:
    """Values by model of a setting such as "kept, churn=dropped"; "" is the default's name.

    >>> per_model("1, lending=0.1")
    {'': '1', 'lending': '0.1'}
    """
    found = {}
    for part in text.split(","):
        model, equals, value = part.strip().rpartition("=")
        found[model.strip() if equals else DEFAULT] = value.strip()
    return found


def rows_of(block: Block, policy: LogPolicy) -> list[Row]:
    """A block's rows, in the order of `COLUMNS`."""
    at = stamp(block.at)
    head = (at, block.model, block.version, block.generation, block.request)
    tail = (block.variant, block.propensity, block.client, policy.unit(block.model, block.unit))
    if not block.records:
        error = _readable(block.errors[0]) if block.errors else None
        refused = (None, None, None, None, block.latency_us, block.status, error)
        return [(block.ids[0], *head, *refused, *tail)]
    way = policy.of(block.model)
    encode = msgspec.json.encode
    made = []
    for number, (id_, record, score) in enumerate(zip(block.ids, block.records, block.scores, strict=True)):
        text = encode(record)
        digest, features = _told(text, way, policy.key)
        failed = _readable(block.errors[number]) if block.errors else None
        status = 500 if failed and block.status == 200 else block.status
        answer = None if score is None or block.threshold is None else score >= block.threshold
        made.append((id_, *head, digest, features, score, answer, block.latency_us, status, failed, *tail))
    return made


def row_of(prediction: Prediction) -> Row:
    """A prediction as a row."""
    p = prediction
    features = None if p.features is None else json.dumps(dict(p.features), ensure_ascii=False, separators=(",", ":"))
    return (
        p.id, stamp(p.at), p.model, p.version, p.generation, p.request, p.input_digest, features, p.score, p.answer,
        p.latency_us, p.status, p.error, p.variant, p.propensity, p.client, p.unit,
    )  # fmt: skip


def prediction_of(row: Sequence[Any]) -> Prediction:
    """A row as a prediction."""
    named = dict(zip(COLUMNS, row, strict=True))
    named["at"] = datetime.fromisoformat(named["at"])
    named["features"] = None if named["features"] is None else json.loads(named["features"])
    named["answer"] = None if named["answer"] is None else bool(named["answer"])
    return Prediction(**named)


def stamp(at: datetime) -> str:
    """ISO 8601 in UTC and of one width, so that texts sort as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _told(text: bytes, way: str, key: bytes) -> tuple[str, str | None]:
    """Digest and features of one row."""
    if way == "kept":
        return hashlib.sha256(text).hexdigest(), text.decode()
    digest = _keyed(key)(text)
    if way == "dropped":
        return digest, None
    hashed = {name: _keyed(key)(msgspec.json.encode([name, value])) for name, value in json.loads(text).items()}
    return digest, json.dumps(hashed, ensure_ascii=False, separators=(",", ":"))


def _readable(text: str | None) -> str | None:
    """A text that can be stored: half of a surrogate pair has no bytes."""
    return None if text is None else text[:500].encode("utf-8", "replace").decode()


def _keyed(key: bytes) -> Callable[[bytes], str]:
    return lambda data: hashlib.blake2b(data, key=key, digest_size=32).hexdigest()


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise Misuse(f"the share that is logged is {text!r}; it must lie in [0, 1]", hint="edit log_share")
    return share
