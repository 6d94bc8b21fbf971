"""Which version answers for which model: the ledger's heads, loaded; nothing else decides it.

`Routes.choose` is the one place where a request is given to a version. A canary gets the units whose
place, by the experiments' own hash, lies before its weight: a unit that it has at 5 % it has at 10 %, and
a canary is the experiment `experiment_of`. A version in shadow is given nothing; `Routes.shadow` says who it is.

A look at the heads costs some twenty microseconds, so that every request may look. A new head is loaded
beside the old one, which answers until the new one is ready: no request waits and none is lost. A head is followed if
the entry that it names put it there, under the ledger's seal. A version that does not load changes nothing: the old
one, or the champion in a canary's place, goes on, the problem is told and it is tried again. A load is noted
(`loads`), so that one which ends its process is not tried for ever. A weight counts from the look that sees it, and so
does a cleared slot.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from workbench.errors import EngineError, WorkbenchError
from workbench.ledger import Head, Ledger, ModelVersion
from workbench.serving.batching import Batches
from workbench.serving.holders import this_process
from workbench.serving.loads import DeadlyError, Loads
from workbench.serving.predictor import Predictor
from workbench.serving.schema import Schema
from workbench.stats.assignment import Draw, draw_of, upto

LOOK = 0.05  # seconds between two looks at the heads, at least
AGAIN = 5.0  # seconds before a version that did not load is tried again
CHAMPION, CANARY, SHADOWED = "champion", "canary", "shadow"
SLOTS = (CHAMPION, CANARY, SHADOWED)  # in the order in which they are loaded
Place = tuple[str, str]  # model and slot


class Loader(Protocol):
    """Where versions' files are; fulfilled by an engine."""

    def load(self, version: ModelVersion, /) -> Predictor:
        """A version ready to answer, loaded from files whose digest is the registered one."""
        ...


class Compiler(Protocol):
    """Makes compiled forms; fulfilled by an engine."""

    def compile(self, version: ModelVersion, /) -> bool:
        """Compile a version that nobody tried to compile; whether it should be loaded again. May take a minute."""
        ...


@dataclass(frozen=True)
class Route:
    """One version that holds a slot, loaded."""

    head: Head
    predictor: Predictor
    schema: Schema
    batches: Batches


class Choice(NamedTuple):
    """Who answers a request."""

    route: Route
    variant: str  # the slot
    propensity: float  # probability with which this slot was chosen for this unit, in (0, 1]


class Trial(NamedTuple):
    """A canary with its share of the units."""

    canary: Route
    draw: Draw
    end: int  # of its places: a unit that falls before it is the canary's
    weight: float


def experiment_of(model: str, version: int) -> str:
    """The name that salts the assignment of units to a canary, whatever its weight.

    >>> experiment_of("lending", 3)
    'canary/lending/3'
    """
    return f"canary/{model}/{version}"


class Pick(NamedTuple):
    """Who is to answer a request, by the heads alone."""

    head: Head
    variant: str  # the slot
    propensity: float  # as in `Choice`


def pick(heads: Iterable[Head], model: str, unit: str) -> Pick | None:
    """Who would be chosen where all that holds a slot is loaded; None: there is no champion.

    Args:
        heads: All of them.
        model: The model that is asked.
        unit: What a share is given by.
    """
    slots = {head.slot: head for head in heads if head.model == model and head.version is not None}
    champion, canary = slots.get(CHAMPION), slots.get(CANARY)
    if champion is None:
        return None
    if canary is None or canary.weight is None:
        return Pick(champion, CHAMPION, 1.0)
    if draw_of(experiment_of(model, canary.holder)).place(unit) < upto(canary.weight):
        return Pick(canary, CANARY, canary.weight)
    return Pick(champion, CHAMPION, 1.0 - canary.weight)


def trial(route: Route) -> Trial | None:
    """A canary's share; None where its head gives it none."""
    head = route.head
    if head.weight is None:
        return None
    return Trial(route, draw_of(experiment_of(head.model, head.holder)), upto(head.weight), head.weight)


class Routes:
    """The versions that hold slots, of all models; belongs to one event loop."""

    def __init__(
        self, ledger: Ledger, loader: Loader, *, compiler: Compiler | None = None, only: str | None = None,
        loads: Loads | None = None,
    ) -> None:  # fmt: skip
        """No route yet.

        Args:
            ledger: Its heads are the routes.
            loader: Loads versions.
            compiler: Compiles a version after it was loaded, behind the answers.
            only: The one model that is answered; None: all.
            loads: Where loads are noted; None: nowhere.
        """
        self._ledger = ledger
        self._loads = loads
        self._loader = loader
        self._compiler = compiler
        self._only = only
        self._compiling: asyncio.Task[None] | None = None
        self._champions: dict[str, Route] = {}
        self._others: dict[Place, Route] = {}  # who holds another slot
        self._trials: dict[str, Trial] = {}  # by model, of the canaries among them
        self._former: dict[str, Route] = {}  # by model; the way back needs no loading
        self._left: dict[str, Route] = {}  # who just left another slot, by model: a canary on its way to champion
        self._heads: list[Head] = []
        self._problems: dict[Place, WorkbenchError] = {}
        self._failed: dict[Head, float] = {}  # when it did not load
        self._looked = 0.0
        self._loading: asyncio.Task[None] | None = None
        self.swaps = 0  # times that a route was set

    @property
    def all(self) -> Mapping[str, Route]:
        """The champions by model."""
        return self._champions

    @property
    def others(self) -> Mapping[Place, Route]:
        """Who holds another slot than champion, by model and slot."""
        return self._others

    @property
    def problems(self) -> Mapping[str, str]:
        """What of the champions does not load, by model; "" is the ledger itself."""
        return {model: error.message for (model, slot), error in self._problems.items() if slot == CHAMPION}

    @property
    def other_problems(self) -> Mapping[Place, str]:
        """What does not load of whoever holds another slot; the champion answers in a canary's place."""
        return {place: error.message for place, error in self._problems.items() if place[1] != CHAMPION}

    @property
    def given_up(self) -> Mapping[Place, DeadlyError]:
        """What is loaded no more, for loading it ends the process."""
        return {place: error for place, error in self._problems.items() if isinstance(error, DeadlyError)}

    def choose(self, model: str, unit: str) -> Choice | None:
        """Who answers for a model now, after a look at the ledger if the last one is not fresh.

        Args:
            model: The model that is asked.
            unit: What a share is given by, so that one unit always meets the same slot.
        """
        self.look()
        route = self._champions.get(model)
        if route is None:
            return None
        shared = self._trials.get(model)
        if shared is None:
            return Choice(route, CHAMPION, 1.0)
        if shared.draw.place(unit) < shared.end:
            return Choice(shared.canary, CANARY, shared.weight)
        return Choice(route, CHAMPION, 1.0 - shared.weight)

    def shadow(self, model: str) -> Route | None:
        """Who is in shadow of a model."""
        return self._others.get((model, SHADOWED))

    def look(self, *, fresh: bool = False) -> None:
        """See whether the heads moved, if the last look is not fresh, and begin to load what is new."""
        now = time.monotonic()
        if now - self._looked < LOOK and not fresh:
            return
        self._looked = now
        try:
            heads = self._ledger.heads()
        except EngineError as error:
            self._problems["", CHAMPION] = error
            return
        self._problems.pop(("", CHAMPION), None)
        heads = heads if self._only is None else [head for head in heads if head.model == self._only]
        if heads != self._heads:
            self._heads = heads
            self._follow()
        if self._loading is None:
            if self._stale(now):
                self._loading = asyncio.create_task(self._load_all(now))
            else:
                self._left.clear()

    async def settled(self, model: str | None = None) -> Route | None:
        """Wait until what is being loaded is loaded; then the champion of a model."""
        self.look(fresh=True)
        if self._loading is not None:
            await asyncio.shield(self._loading)
        return self._champions.get(model) if model is not None else None

    async def watch(self, every: float) -> None:
        """Look again and again, so that a move shows without a request; ends when it is cancelled."""
        while True:
            await asyncio.sleep(every)
            self.look()

    def standing(self, model: str) -> str:
        """Why a model has no route: "unknown", "no champion" or "does not load"."""
        if self._only not in {None, model}:
            return "unknown"
        if any((head.model, head.slot) == (model, CHAMPION) for head in self._heads):
            return "does not load"
        return "no champion" if self._ledger.versions(model) else "unknown"

    async def close(self) -> None:
        """Stop loading and compiling; what is cut off by this has ended no process."""
        for task in (self._loading, self._compiling):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if self._loads is not None:
            self._loads.leave(this_process())

    # inside

    def _follow(self) -> None:
        """Take in at once what needs no loading: slots that were cleared or given away, and weights that moved."""
        held = {(head.model, head.slot): head for head in self._heads if head.version is not None}
        for place, route in list(self._others.items()):
            head = held.get(place)
            if head is None or head.version != route.head.version:
                self._left[place[0]] = self._others.pop(place)
            elif head != route.head and not self._doubt(head):
                self._others[place] = replace(route, head=head)
        for place in [place for place in self._problems if place[1] != CHAMPION and place not in held]:
            del self._problems[place]
        self._share()

    def _share(self) -> None:
        shared = {model: trial(route) for (model, slot), route in self._others.items() if slot == CANARY}
        self._trials = {model: one for model, one in shared.items() if one is not None}

    def _stale(self, now: float) -> list[Head]:
        """What holds a slot and is not loaded, champions first."""
        stale = [
            head
            for head in self._heads
            if head.slot in SLOTS
            and (head.version is not None or head.slot == CHAMPION)
            and ((route := self._at(head)) is None or route.head != head)
            and now - self._failed.get(head, -AGAIN) >= AGAIN
        ]
        return sorted(stale, key=lambda head: SLOTS.index(head.slot))

    def _at(self, head: Head) -> Route | None:
        return self._champions.get(head.model) if head.slot == CHAMPION else self._others.get((head.model, head.slot))

    def _loaded(self, head: Head) -> Route | None:
        """The same version, where it is loaded already: for another slot, or as the champion before."""
        near = [where.get(head.model) for where in (self._champions, self._former, self._left)]
        near += [self._others.get((head.model, slot)) for slot in SLOTS]
        return next((route for route in near if route is not None and route.head.version == head.version), None)

    async def _load_all(self, now: float) -> None:
        try:
            for head in self._stale(now):
                known = self._loaded(head)
                try:
                    if why := await asyncio.to_thread(self._doubt, head):
                        raise EngineError(f"the ledger is not followed: {why}", hint="workbench ledger verify")
                    route = replace(known, head=head) if known else await asyncio.to_thread(self._load, head)
                except WorkbenchError as error:
                    self._failed[head] = time.monotonic()
                    self._problems[head.model, head.slot] = error
                    continue
                self._set(head, route)
                self._failed.pop(head, None)
                self._problems.pop((head.model, head.slot), None)
        finally:
            self._loading = None
        if self._compiler is not None and self._compiling is None:
            self._compiling = asyncio.create_task(self._compile(self._compiler))

    def _set(self, head: Head, route: Route) -> None:
        if head.slot == CHAMPION:
            if head.model in self._champions:
                self._former[head.model] = self._champions[head.model]
            self._champions[head.model] = route
        elif head in self._heads:  # it may have been cleared while it was loaded
            self._others[head.model, head.slot] = route
            self._share()
        self.swaps += 1

    async def _compile(self, compiler: Compiler) -> None:
        """Have versions compiled that nobody tried to compile, one after the other, and load them again."""
        try:
            while (route := self._untried()) is not None:
                head = route.head
                try:
                    done = await asyncio.to_thread(compiler.compile, route.predictor.version)
                    again = await asyncio.to_thread(self._load, head) if done else route
                except WorkbenchError as error:
                    done, again = True, route
                    told = error.message
                else:
                    told = again.predictor.why or "it was not compiled"
                if again.predictor.untried:  # not to be tried for ever
                    settled = replace(again.predictor, untried=False, why=told)
                    again = Route(head, settled, settled.schema, Batches(settled.scores))
                self._put_back(route, again)
        finally:
            self._compiling = None

    def _untried(self) -> Route | None:
        return next((r for r in (*self._champions.values(), *self._others.values()) if r.predictor.untried), None)

    def _put_back(self, before: Route, again: Route) -> None:
        """A version that was compiled, wherever it is still in use; its head may have moved meanwhile."""
        for model, route in list(self._champions.items()):
            if route.predictor is before.predictor:
                self._champions[model] = replace(again, head=route.head)
        for place, route in list(self._others.items()):
            if route.predictor is before.predictor:
                self._others[place] = replace(again, head=route.head)
        self._share()

    def _doubt(self, head: Head) -> str:
        """Why a head is not followed; empty where nothing speaks against it."""
        try:
            return self._ledger.doubt(head)
        except EngineError as error:
            return error.message

    def _load(self, head: Head) -> Route:
        try:
            with nullcontext() if self._loads is None else self._loads.noted(head):
                predictor = self._loader.load(self._ledger.version(head.model, head.holder))
        except WorkbenchError:
            raise
        except Exception as error:
            raise EngineError(f"{head.model} {head.version} does not load: {type(error).__name__}: {error}") from error
        return Route(head, predictor, predictor.schema, Batches(predictor.scores))
