"""What a version in shadow would have answered: scored after the answer was sent, for the log alone.

A copy waits in a bounded queue and is scored in a thread, one after the other, so that no caller waits
for it; past the bound copies are dropped and counted. Each row's id is that of the answer with a mark
behind it (`shadow_id`), so that a label that comes for the answer is found for the shadow too.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter

import msgspec

from workbench.errors import WorkbenchError
from workbench.ledger import Head
from workbench.serving.batching import RowError, scored
from workbench.serving.inputs import decoded
from workbench.serving.log_writer import LogWriter
from workbench.serving.prediction import SHADOW, Block
from workbench.serving.routes import Route
from workbench.serving.schema import Refused, Schema
from workbench.serving.typed import Record

MOST = 1024  # copies that wait
MOST_ROWS = 20_000  # rows of all of them
MARK = ".shadow"


def shadow_id(prediction: str) -> str:
    """The id of a shadow's row, from that of the answer that a caller got.

    >>> shadow_id("p01")
    'p01.shadow'
    """
    return prediction + MARK


@dataclass(frozen=True)
class Copy:
    """One answered request, to be answered once more for nobody."""

    shadow: Route
    answered: Block  # what the caller got
    schema: Schema  # of the version that answered


class Shadows:
    """The copies that wait; belongs to one event loop."""

    def __init__(self, writer: LogWriter, *, now: Callable[[], datetime], most: int = MOST) -> None:
        self._writer = writer
        self._now = now
        self._most = most
        self._waiting: deque[Copy] = deque()
        self._rows = 0
        self._some = asyncio.Event()
        self.rows: Counter[tuple[str, int]] = Counter()  # scored, by model and version
        self.dropped: Counter[str] = Counter()  # rows that were not, by model

    def take(self, copy: Copy) -> None:
        """Take a copy, or drop it where too much waits."""
        size = copy.answered.size
        if len(self._waiting) >= self._most or self._rows + size > MOST_ROWS:
            self.dropped[copy.answered.model] += size
            return
        self._waiting.append(copy)
        self._rows += size
        self._some.set()

    async def run(self) -> None:
        """Score what comes, again and again; ends when it is cancelled, and what waits is dropped."""
        try:
            while True:
                await self._some.wait()
                while self._waiting:
                    copy = self._waiting.popleft()
                    self._rows -= copy.answered.size
                    block = await asyncio.to_thread(_block, copy, self._now())
                    self._writer.add([block])
                    self.rows[_place(copy.shadow.head)] += block.size
                self._some.clear()
        finally:
            for copy in self._waiting:
                self.dropped[copy.answered.model] += copy.answered.size
            self._waiting.clear()


def _place(head: Head) -> tuple[str, int]:
    return head.model, head.holder


def _block(copy: Copy, now: datetime) -> Block:
    """The rows of a copy, as the shadow answers them; runs in a thread."""
    head, answered = copy.shadow.head, copy.answered
    began = perf_counter()
    records, problem = _records(copy)
    rows = [] if problem else list(map(copy.shadow.schema.records.values, records))
    scores: Sequence[float | RowError] = scored(copy.shadow.predictor.scores, rows) if rows else []
    if problem:
        scores = [RowError(problem)] * len(records)
    failed = any(type(score) is RowError for score in scores)
    return Block(
        ids=[shadow_id(id_) for id_ in answered.ids],
        at=now,
        model=head.model,
        version=head.version,
        generation=head.generation,
        request=answered.request,
        records=records,
        scores=[None if isinstance(score, RowError) else score for score in scores],
        threshold=copy.shadow.predictor.version.threshold,
        latency_us=int((perf_counter() - began) * 1e6),
        errors=[str(score) if isinstance(score, RowError) else None for score in scores] if failed else (),
        variant=SHADOW,
        propensity=1.0,  # every answered request is copied
        client=answered.client,
        unit=answered.unit,
    )


def _records(copy: Copy) -> tuple[Sequence[Record], str]:
    """The rows as the shadow takes them, and why it takes none of them where its fields are others."""
    given = copy.answered.records
    if list(copy.shadow.schema.kinds.items()) == list(copy.schema.kinds.items()):
        return given, ""
    try:
        body = msgspec.json.encode({"rows": list(given)})
        return copy.shadow.schema.read(body, lambda text: decoded(text, most=len(given))), ""
    except (Refused, WorkbenchError) as error:
        return given, f"the version in shadow takes other fields: {error.message}"
