"""Held answers at the gateway: what a caller is told at once, where it polls, and who is told at the end.

A request of which an answer is held gets 202: rows that may be given are, a row that is held says where
to ask for it. `GET /v1/models/{name}/held/{id}` is 202 until it is decided, then 200 with the answer or
without. A client sees what it asked for itself, by this key or an earlier one. Once a second the time-outs are
settled and the webhook is told.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec

from workbench.errors import WorkbenchError
from workbench.serving.held import Decided, Held
from workbench.serving.held_store import HeldStore
from workbench.serving.http import Reply
from workbench.serving.keys import Key
from workbench.serving.prediction import Block
from workbench.serving.review import Review
from workbench.serving.sifting import Sieve, Sifted
from workbench.serving.webhook import Webhook

EVERY = 1.0  # seconds between two looks at what was decided
SOON = "2"  # seconds after which a caller may poll again
LOST = timedelta(minutes=5)  # after which what nobody was asked about is dropped: its gateway died in between
DENIED, HELD = 403, 202


@dataclass(frozen=True)
class Holding:
    """All that a gateway needs to hold answers."""

    sieve: Sieve
    review: Review
    store: HeldStore
    webhook: Webhook | None = None
    keep: timedelta = timedelta(days=90)  # how long a decided answer can be polled
    is_held: Callable[[str], bool] = lambda _: False  # whether the answers of a model are under a legal hold

    async def poll(self, model: str, prediction: str, key: Key | None, *, now: Callable[[], datetime]) -> Reply:
        """What a held answer came to."""
        try:
            known = await asyncio.to_thread(self.store.find, prediction)
            if (
                known is not None
                and key is not None
                and not await asyncio.to_thread(self.review.asked_by, known.held, key.id)
            ):
                known = None
            if known is None or known.held.model != model:
                return Reply.problem(404, f"no answer {prediction[:100]!r} of {model[:100]!r} is held for you")
            decided = known.decided or await asyncio.to_thread(self.review.settle, known.held, now=now())
        except WorkbenchError as error:
            return Reply.problem(503, error.message, hint=error.hint, headers=((b"retry-after", b"5"),))
        if decided is None:
            return Reply.json(HELD, told(known.held, None), ((b"retry-after", SOON.encode()),))
        return Reply.json(200, told(known.held, decided))

    async def run(self, only: str | None, *, now: Callable[[], datetime]) -> None:
        """Settle what is over and tell the webhook, again and again; ends when it is cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            with contextlib.suppress(WorkbenchError):  # tried again
                await asyncio.to_thread(self.sweep, only, now=now())

    def sweep(self, only: str | None, *, now: datetime) -> int:
        """One look; how many the webhook took."""
        for held in self.store.waiting(only):
            if self.review.settle(held, now=now) is None and held.at < now - LOST and not self.review.asked(held):
                self.store.drop(held.id)
        for model in self.store.models() if only is None else (only,):
            if not self.is_held(model):
                self.store.forget(now - self.keep, model=model)
        taken = 0
        for known in self.store.untold(only) if self.webhook is not None else ():
            body = msgspec.json.encode({"event": "answer.decided", **told(known.held, known.decided)})
            good = self.webhook is not None and self.webhook.send(body, at=int(now.timestamp()))
            self.store.told(known.held.id, good=good)
            taken += good
        return taken


def told(held: Held, decided: Decided | None) -> dict[str, Any]:
    """A held answer as its caller is told of it: never who decided, nor why."""
    state = "held" if decided is None else "answered" if decided.given else "refused"
    known = {
        "id": held.id,
        "request": held.request,
        "model": held.model,
        "version": held.version,
        "generation": held.generation,
        "state": state,
        "score": None if decided is None else decided.score,
        "answer": None if decided is None else decided.answer,
    }
    if decided is not None:
        return {**known, "decided": decided.told, "by": decided.by, "entry": decided.entry}
    return {**known, "ends": None if held.ends is None else held.ends.isoformat()}


def where(held: Held, asked: str) -> str:
    """Where a caller polls, seen from the address that it asked, so that a proxy's prefix stays before both.

    Args:
        held: What is held.
        asked: The path that was asked, as the gateway got it.

    >>> where(Held.sample(), "/v1/models/lending/predict"), where(Held.sample(), "/v1/models/lending/predict/")
    ('held/p1', '../held/p1')
    >>> where(Held.sample(), "/invocations")
    'v1/models/lending/held/p1'
    """
    below = "../" * (len(asked) - len(asked.rstrip("/")))
    model = "" if asked.startswith("/v1/models/") else f"v1/models/{quote(held.model, safe='')}/"
    return f"{below}{model}held/{held.id}"


def parts(block: Block, sifted: Sifted) -> list[Block]:
    """A request's rows as the log has them: those that were given, those that are held, those that were refused."""
    places = range(len(block.ids))
    given = [place for place in places if place not in sifted.held and place not in sifted.refused]
    refused = sorted(sifted.refused)
    found = [(given, 200, _some(block.errors, given)), (sorted(sifted.held), HELD, ())]
    found.append((refused, DENIED, [sifted.refused[place] for place in refused]))
    return [_part(block, chosen, status, errors) for chosen, status, errors in found if chosen]


def _part(block: Block, places: Sequence[int], status: int, errors: Sequence[str | None]) -> Block:
    return msgspec.structs.replace(
        block,
        ids=[block.ids[place] for place in places],
        records=[block.records[place] for place in places],
        scores=[block.scores[place] for place in places],
        status=status,
        errors=errors,
    )


def _some(errors: Sequence[str | None], places: Collection[int]) -> list[str | None]:
    return [errors[place] for place in places] if errors else []
