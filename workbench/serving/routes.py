"""Which version answers for which model: the ledger's heads, loaded; nothing else decides it.

A look at the heads costs some twenty microseconds, so that every request may look. A new head is loaded
beside the old one, which answers until the new one is ready: no request waits and none is lost. A
version that does not load changes nothing: the old one goes on, the problem is told and tried again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from workbench.errors import EngineError, WorkbenchError
from workbench.ledger import Head, Ledger, ModelVersion
from workbench.serving.predictor import Predictor
from workbench.serving.schema import Schema

LOOK = 0.05  # seconds between two looks at the heads, at least
AGAIN = 5.0  # seconds before a version that did not load is tried again


class Loader(Protocol):
    """Where versions' files are; fulfilled by an engine."""

    def load(self, version: ModelVersion, /) -> Predictor:
        """A version ready to answer, loaded from files whose digest is the registered one."""
        ...


@dataclass(frozen=True)
class Route:
    """One model's champion, loaded."""

    head: Head
    predictor: Predictor
    schema: Schema


class Routes:
    """The champions of all models; belongs to one event loop."""

    def __init__(self, ledger: Ledger, loader: Loader) -> None:
        self._ledger = ledger
        self._loader = loader
        self._routes: dict[str, Route] = {}
        self._former: dict[str, Route] = {}  # by model; the way back needs no loading
        self._heads: list[Head] = []
        self._problems: dict[str, str] = {}
        self._failed: dict[Head, float] = {}  # when it did not load
        self._looked = 0.0
        self._loading: asyncio.Task[None] | None = None
        self.swaps = 0  # times that a route was set

    @property
    def all(self) -> Mapping[str, Route]:
        """The routes by model."""
        return self._routes

    @property
    def problems(self) -> Mapping[str, str]:
        """What does not load, by model; "" is the ledger itself."""
        return self._problems

    def find(self, model: str) -> Route | None:
        """The route of a model now, after a look at the ledger if the last one is not fresh."""
        self.look()
        return self._routes.get(model)

    def look(self, *, fresh: bool = False) -> None:
        """See whether the heads moved, if the last look is not fresh, and begin to load what is new."""
        now = time.monotonic()
        if now - self._looked < LOOK and not fresh:
            return
        self._looked = now
        try:
            self._heads = self._ledger.heads()
            self._problems.pop("", None)
        except EngineError as error:
            self._problems[""] = error.message
            return
        if self._loading is None and self._stale(now):
            self._loading = asyncio.create_task(self._load_all(now))

    async def settled(self, model: str | None = None) -> Route | None:
        """Wait until what is being loaded is loaded; then the route of a model."""
        self.look(fresh=True)
        if self._loading is not None:
            await asyncio.shield(self._loading)
        return self._routes.get(model) if model is not None else None

    async def watch(self, every: float) -> None:
        """Look again and again, so that a move shows without a request; ends when it is cancelled."""
        while True:
            await asyncio.sleep(every)
            self.look()

    def standing(self, model: str) -> str:
        """Why a model has no route: "unknown", "no champion" or "does not load"."""
        if any((head.model, head.slot) == (model, "champion") for head in self._heads):
            return "does not load"
        return "no champion" if self._ledger.versions(model) else "unknown"

    def _stale(self, now: float) -> list[Head]:
        return [
            head
            for head in self._heads
            if head.slot == "champion"
            and ((route := self._routes.get(head.model)) is None or route.head != head)
            and now - self._failed.get(head, -AGAIN) >= AGAIN
        ]

    async def close(self) -> None:
        """Stop loading."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)

    async def _load_all(self, now: float) -> None:
        try:
            for head in self._stale(now):
                former = self._former.get(head.model)
                try:
                    if former is not None and former.head.version == head.version:
                        route = Route(head, former.predictor, former.schema)
                    else:
                        route = await asyncio.to_thread(self._load, head)
                except WorkbenchError as error:
                    self._failed[head] = time.monotonic()
                    self._problems[head.model] = error.message
                    continue
                if head.model in self._routes:
                    self._former[head.model] = self._routes[head.model]
                self._routes[head.model] = route
                self.swaps += 1
                self._failed.pop(head, None)
                self._problems.pop(head.model, None)
        finally:
            self._loading = None

    def _load(self, head: Head) -> Route:
        try:
            predictor = self._loader.load(self._ledger.version(head.model, head.holder))
        except WorkbenchError:
            raise
        except Exception as error:
            raise EngineError(f"{head.model} {head.version} does not load: {type(error).__name__}: {error}") from error
        return Route(head, predictor, Schema.of(f"{head.model} {head.version}", predictor.columns))
