"""Which version answers for a model: the ledger's head, loaded once for each generation.

A new head is loaded beside the one in use and takes its place when it is ready; one that cannot be
loaded leaves the old one answering, and says so.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol

from workbench.errors import EngineError, WorkbenchError
from workbench.ledger import Head, Ledger, ModelVersion
from workbench.serving.predictor import Predictor

SLOT = "champion"


class Loader(Protocol):
    """Loads a version's files after checking them against the ledger's digest."""

    def load(self, version: ModelVersion) -> Predictor:
        """A version ready to answer."""
        ...


@dataclass(frozen=True)
class Route:
    """A model with the version that answers for it now."""

    head: Head
    predictor: Predictor


class UnknownModelError(WorkbenchError):
    """A model that nobody promoted a version of."""


class Routes:
    """The models that are served; asks the ledger at every request."""

    def __init__(self, ledger: Ledger, loader: Loader) -> None:
        self._ledger = ledger
        self._loader = loader
        self._routes: dict[str, Route] = {}
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def problems(self) -> dict[str, str]:
        """Models whose newest champion could not be loaded, and why."""
        return dict(self._problems)

    def heads(self) -> list[Head]:
        """The champions, by model."""
        return [head for head in self._ledger.heads() if head.slot == SLOT]

    def warm(self) -> None:
        """Load all champions; what cannot be loaded is among the problems."""
        for head in self.heads():
            if not self.is_current(head):
                self._load(head)

    def is_current(self, head: Head) -> bool:
        """Whether this head is the one that answers, or has failed to load already."""
        route = self._routes.get(head.model)
        known = f"generation {head.generation}:"
        return (route is not None and route.head == head) or self._problems.get(head.model, "").startswith(known)

    def get(self, model: str) -> Route:
        """The route of a model, with its newest champion that could be loaded.

        Raises:
            UnknownModelError: It has no champion.
            EngineError: Its champion cannot be loaded, and there was none before.
        """
        head = self._ledger.head(model, SLOT)
        if head is None:
            known = ", ".join(found.model for found in self.heads()) or "none yet"
            raise UnknownModelError(f"there is no model {model!r}", hint=f"models that are served: {known}")
        if not self.is_current(head):
            self._load(head)
        route = self._routes.get(model)
        if route is None:
            raise EngineError(f"{model} cannot be served: {self._problems[model]}", hint="workbench doctor")
        return route

    def _load(self, head: Head) -> None:
        with self._lock:
            if self.is_current(head):
                return
            try:
                predictor = self._loader.load(self._ledger.version(head.model, head.version))
            except WorkbenchError as error:
                self._problems[head.model] = f"generation {head.generation}: {error.message}"
                return
            self._routes[head.model] = Route(head, predictor)
            self._problems.pop(head.model, None)
