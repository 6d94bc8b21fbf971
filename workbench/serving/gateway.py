"""The gateway: one ASGI app that answers with the champions of all models and logs it; `addresses` says where.

Every answer names model, version and generation of the head it came from. What is wrong with a request
is said with the row, the field and the way out; a wrong row is never shown to a model.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol
from urllib.parse import quote

from workbench.ledger import Ledger
from workbench.serving.access_log import AccessLog
from workbench.serving.addresses import FORMS, MODELS, again, alive, beside, opened, told_more
from workbench.serving.admission import Admission
from workbench.serving.alerting import Heard
from workbench.serving.allowances import Allowances
from workbench.serving.answering import CLIENT, Answering, Limits
from workbench.serving.exposition import CONTENT_TYPE
from workbench.serving.holding import Holding
from workbench.serving.http import App, Receive, Reply, Scope
from workbench.serving.keys import Keys
from workbench.serving.labelling import LabelStore
from workbench.serving.loads import Loads
from workbench.serving.log_rows import LogPolicy
from workbench.serving.log_writer import Log, LogWriter
from workbench.serving.meter import Meter
from workbench.serving.openapi import docs_page, document, example
from workbench.serving.routes import CANARY, CHAMPION, SHADOWED, Compiler, Loader, Route, Routes
from workbench.serving.shadowing import Shadows
from workbench.serving.trial_metrics import trials_told
from workbench.serving.workers import Others

WATCH = 0.25  # seconds between looks at the heads when nobody asks
WRITTEN, NOT_WRITTEN = "written", "not written"  # what /readyz says of the log
BELOW_ROOT = MODELS.lstrip("/")  # the models' addresses, seen from the gateway's root


class PredictionStore(Log, LabelStore, Protocol):
    """A log that takes labels too; `PredictionLog` is one."""


def create_app(
    ledger: Ledger,
    loader: Loader,
    log: PredictionStore,
    *,
    now: Callable[[], datetime],
    token: str | None = None,
    keys: Keys | None = None,
    durable: bool = False,
    limits: Limits | None = None,
    policy: LogPolicy | None = None,
    access: AccessLog | None = None,
    compiler: Compiler | None = None,
    only: str | None = None,
    rotate: Callable[[], object] | None = None,
    more_metrics: Callable[[], str] | None = None,
    alerts: Heard | None = None,
    holding: Holding | None = None,
    loads: Loads | None = None,
    allowances: Allowances | None = None,
    others: Others | None = None,
) -> App:
    """The gateway as an ASGI app.

    Args:
        ledger: Its heads are the routes.
        loader: Loads versions.
        log: Where predictions are kept.
        now: Reads the clock, UTC.
        token: What opens everything; None: there is no such token.
        keys: What opens the models of its scope. Without token and keys, anybody who reaches it is answered.
        durable: An answer is given once its rows are in the log, not a moment before.
        limits: What one request may ask, and how many at once.
        policy: What is logged of which model.
        access: Where a line a request goes; None: nowhere.
        compiler: Makes the compiled forms that are missing, behind the answers.
        only: The one model that is answered; None: all.
        rotate: Moves old predictions away; called in a thread every minute.
        more_metrics: More Prometheus text for /metrics; called in a thread.
        alerts: Keeps what Alertmanager tells; called in a thread.
        holding: Holds answers that people are to look at first; None: none is held.
        loads: Where loads are noted, so that none ends its process again and again.
        allowances: What clients have left; None: counted here alone.
        others: The workers beside this one; None: it answers on its address alone.
    """
    limits = limits or Limits()
    gateway = Gateway(
        Routes(ledger, loader, compiler=compiler, only=only, loads=loads),
        log,
        now=now,
        durable=durable,
        limits=limits,
        policy=policy or LogPolicy(),
        access=access,
        rotate=rotate,
        more_metrics=more_metrics,
        holding=holding,
        only=only,
        allowances=allowances,
        others=others,
    )
    return opened(gateway, log, now=now, limits=limits, token=token, keys=keys, access=access, alerts=alerts)


class Gateway:
    """The models and their state; belongs to one event loop."""

    def __init__(
        self,
        routes: Routes,
        log: PredictionStore,
        *,
        now: Callable[[], datetime],
        durable: bool,
        limits: Limits,
        policy: LogPolicy,
        access: AccessLog | None,
        rotate: Callable[[], object] | None,
        more_metrics: Callable[[], str] | None,
        holding: Holding | None,
        only: str | None,
        allowances: Allowances | None,
        others: Others | None,
    ) -> None:
        self._routes = routes
        self._writer = LogWriter(log)
        self._meter = Meter()
        self._access = access
        self._now = now
        self._holding = holding
        self._only_model = only
        self._longest = limits.answer
        self._admission = Admission(limits.open, now=now, allowances=allowances)
        self._shadows = Shadows(self._writer, now=now)
        self._answering = Answering(
            self._routes,
            self._writer,
            self._meter,
            self._admission,
            now=now,
            durable=durable,
            limits=limits,
            policy=policy,
            access=access,
            shadows=self._shadows,
            holding=holding,
        )
        self._rotate = rotate
        self._more_metrics = more_metrics
        self._others = others
        if others is not None:
            others.tell(self._counted, partial(told_more, more_metrics))
        self.pages: Mapping[str, Callable[[], Awaitable[Reply]]] = {
            "/": partial(self._models, BELOW_ROOT),
            "/v1/models": partial(self._models, "models/"),
            "/openapi.json": self._openapi,
            "/docs": self._docs,
            "/healthz": self._alive,
            "/ping": alive,  # where MLflow's clients look
            "/readyz": self._ready,
            "/metrics": self._metrics,
        }

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Load the champions, then watch heads and log until the server stops."""
        await self._routes.settled()
        work = [self._routes.watch(WATCH), self._writer.run(), self._shadows.run(), self._admission.run()]
        first = self._others is None or self._others.first
        if self._holding is not None and first:
            work.append(self._holding.run(self._only_model, now=self._now))
        if self._rotate is not None and first:
            work.append(again(self._rotate))
        async with beside(*work):
            yield
        await self._routes.close()
        await self._writer.close()

    def predict(self, model: str, form: str, scope: Scope, receive: Receive) -> Awaitable[Reply | None]:
        """The answer to a request for predictions, by a form of `FORMS`; None where the client left."""
        return self._answering.answer(model, scope, receive, plain=FORMS[form])

    async def held(self, model: str, prediction: str, scope: Scope, _: Receive) -> Reply:
        """What became of a held answer."""
        key = scope.get(CLIENT)
        if self._holding is None or (key is not None and not key.may(model)):
            return Reply.problem(404, "nothing is held for you here", hint="POST /v1/models/{name}/predict")
        return await self._holding.poll(model, prediction, key, now=self._now)

    async def models(self) -> Sequence[str]:
        """The models that answer."""
        await self._routes.settled()
        return list(self._routes.all)

    async def _alive(self) -> Reply:
        """That the process answers; one that has a single model says no where that is stuck, to be started again."""
        routes = (*self._routes.all.values(), *self._routes.others.values())
        longest = max((route.batches.running for route in routes), default=0.0)
        if self._only_model is not None and longest > self._longest:
            return Reply.problem(503, f"the model has been scoring for {longest:.0f} s", hint="start the process again")
        return await alive()

    async def _models(self, below: str) -> Reply:
        self._routes.look()
        models = [self._told(model, route, below) for model, route in sorted(self._routes.all.items())]
        problems = {f"{model}/{slot}": told for (model, slot), told in self._routes.other_problems.items()}
        return Reply.json(200, {"models": models, "problems": {**self._routes.problems, **problems}})

    def _on_trial(self, model: str) -> dict[str, Any]:
        """Who else is asked: the canary with its weight, and the version in shadow."""
        found = {slot: self._routes.others.get((model, slot)) for slot in (CANARY, SHADOWED)}
        return {
            slot: {"version": r.head.version, "generation": r.head.generation, "lane": r.predictor.lane}
            | ({"weight": r.head.weight} if slot == CANARY else {})
            for slot, r in found.items()
            if r is not None
        }

    def _told(self, model: str, route: Route, below: str) -> dict[str, Any]:
        """What there is to say of a model, with its address as seen from the page that says it."""
        return {
            "model": model,
            "version": route.head.version,
            "generation": route.head.generation,
            "threshold": route.predictor.version.threshold,
            "lane": route.predictor.lane,
            **({"why": route.predictor.why} if route.predictor.why else {}),
            "fields": {name: kind.words for name, kind in route.schema.kinds.items()},
            "optional": sorted(route.schema.optional),
            "ranges": {name: list(ends) for name, ends in route.schema.ranges.items()},
            "example": example(route.schema),
            "predict": f"{below}{quote(model, safe='')}/predict",
            **self._on_trial(model),
        }

    async def _openapi(self) -> Reply:
        self._routes.look()
        return Reply.json(200, document({model: route.schema for model, route in self._routes.all.items()}))

    async def _docs(self) -> Reply:
        self._routes.look()
        return docs_page(self._told(model, route, BELOW_ROOT) for model, route in sorted(self._routes.all.items()))

    async def _ready(self) -> Reply:
        """Whether all is well; says which model is not, and leaves the reason to /v1/models, which is guarded."""
        self._routes.look()
        given_up = self._routes.given_up
        failing = {}
        for model in self._routes.problems:
            told = "an earlier version answers" if model in self._routes.all else "not answered"
            why = "; loading it ends its process, and it is loaded no more" if (model, CHAMPION) in given_up else ""
            failing[model or "(ledger)"] = told + why
        log = NOT_WRITTEN if self._writer.problem else WRITTEN
        ready = not failing and not self._writer.problem
        return Reply.json(200 if ready else 503, {"ready": ready, "failing": failing, "log": log})

    async def _metrics(self) -> Reply:
        if self._others is not None:
            return Reply(200, (await self._others.told()).encode(), CONTENT_TYPE)
        return Reply(200, (await self._counted() + await told_more(self._more_metrics)).encode(), CONTENT_TYPE)

    async def _counted(self) -> str:
        """What this process has counted."""
        self._routes.look()
        text = self._meter.told(
            [route.head for _, route in sorted(self._routes.all.items())],
            sorted(self._routes.problems),
            given_up=sorted(self._routes.given_up),
            swaps=self._routes.swaps,
            waiting=self._writer.waiting,
            dropped=self._writer.dropped,
            opened=self._admission.open,
            shed=self._admission.shed,
            access=self._access,
        )
        return text + trials_told(self._routes, self._shadows)
