"""The gateway: one ASGI app that answers with the champions of all models, and logs what it answered.

    POST /v1/models/{name}/predict     rows in, scores and answers out
    POST /v1/models/{name}/invocations the same in MLflow's form, so that its clients work
    POST /v1/alerts                    what Alertmanager tells
    GET  /v1/models/{name}/held/{id}   what became of an answer that people look at first
    POST /v1/labels                    what turned out to be true of earlier answers
    GET  /v1/models                    who answers, by which lane, and the fields each takes
    GET  /openapi.json  /docs          all of this for programs, and for people
    GET  /healthz  /readyz             alive; every champion loaded and the log written
    GET  /metrics                      Prometheus text

Every answer names model, version and generation of the head it came from. What is wrong with a request
is said with the row, the field and the way out; a wrong row is never shown to a model.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from workbench.errors import EngineError, WorkbenchError
from workbench.ledger import Ledger
from workbench.serving.access_log import AccessLog
from workbench.serving.admission import Admission
from workbench.serving.alerting import Alerting, Heard
from workbench.serving.answering import CLIENT, Answering, Limits
from workbench.serving.exposition import CONTENT_TYPE
from workbench.serving.guard import guard
from workbench.serving.holding import Holding
from workbench.serving.http import App, Receive, Reply, Scope, Send, header
from workbench.serving.keys import Keys
from workbench.serving.labelling import Labelling, LabelStore
from workbench.serving.log_rows import LogPolicy
from workbench.serving.log_writer import Log, LogWriter
from workbench.serving.meter import Meter
from workbench.serving.openapi import docs_page, document, example
from workbench.serving.routes import CANARY, SHADOWED, Compiler, Loader, Route, Routes
from workbench.serving.shadowing import Shadows
from workbench.serving.trial_metrics import trials_told

MODELS = "/v1/models/"
FORMS = {"predict": False, "invocations": True}  # whether the answer is in MLflow's form
PUBLIC = ("/healthz", "/readyz", "/ping")
ROTATE = 60.0  # seconds between two looks at the size of the log
WATCH = 0.25  # seconds between looks at the heads when nobody asks


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
    """
    gateway = Gateway(
        Routes(ledger, loader, compiler=compiler, only=only),
        log,
        now=now,
        durable=durable,
        limits=limits or Limits(),
        policy=policy or LogPolicy(),
        access=access,
        rotate=rotate,
        more_metrics=more_metrics,
        alerting=None if alerts is None else Alerting(alerts, guarded=token is not None or keys is not None),
        holding=holding,
        only=only,
    )
    return gateway if token is None and keys is None else doored(gateway, token, keys, access)


def doored(app: App, token: str | None, keys: Keys | None, access: AccessLog | None = None) -> App:
    """An app that the token opens, and every key; whose key it was is told in the scope.

    Args:
        app: What is behind the door.
        token: What opens everything; None: there is no such token.
        keys: What opens the models of its scope; None: there are none.
        access: Where a line goes for each request that is turned away.
    """

    def admits(scope: Scope) -> bool:
        found = None if keys is None else keys.of(header(scope, b"authorization"))
        scope[CLIENT] = found
        return found is not None

    def refused(scope: Scope) -> None:
        if access is not None:
            access.add("door", scope["method"], 401, 0.0)

    return guard(app, token, name="gateway", public=PUBLIC, admits=admits, refused=refused)


class Gateway:
    """The app and its state; belongs to one event loop."""

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
        alerting: Alerting | None,
        holding: Holding | None,
        only: str | None,
    ) -> None:
        self._routes = routes
        self._writer = LogWriter(log)
        self._meter = Meter()
        self._access = access
        self._now = now
        self._holding = holding
        self._only_model = only
        self._admission = Admission(limits.open, now=now)
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
        self._labelling = Labelling(log, now=now, limits=limits)
        self._alerting = alerting
        self._rotate = rotate
        self._more_metrics = more_metrics
        self._pages: Mapping[str, Callable[[], Awaitable[Reply]]] = {
            "/": self._models,
            "/v1/models": self._models,
            "/openapi.json": self._openapi,
            "/docs": self._docs,
            "/healthz": self._alive,
            "/ping": self._alive,  # where MLflow's clients look
            "/readyz": self._ready,
            "/metrics": self._metrics,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One event of ASGI."""
        if scope["type"] == "http":
            reply = await self._reply(scope, receive)
            if reply is not None:
                await reply.send(send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1003})

    async def _live(self, receive: Receive, send: Send) -> None:
        """Load the champions, then watch heads and log until the server stops."""
        await receive()
        await self._routes.settled()
        tasks = [asyncio.create_task(self._routes.watch(WATCH)), asyncio.create_task(self._writer.run())]
        tasks.append(asyncio.create_task(self._shadows.run()))
        if self._holding is not None:
            tasks.append(asyncio.create_task(self._holding.run(self._only_model, now=self._now)))
        if self._access is not None:
            tasks.append(asyncio.create_task(self._access.run()))
        if self._rotate is not None:
            tasks.append(asyncio.create_task(again(self._rotate)))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._routes.close()
        with contextlib.suppress(EngineError):
            await self._writer.flush()
        if self._access is not None:
            with contextlib.suppress(OSError):
                await self._access.flush()
        await send({"type": "lifespan.shutdown.complete"})

    async def _reply(self, scope: Scope, receive: Receive) -> Reply | None:
        path, method = scope["path"], scope["method"]
        if path.startswith(MODELS):
            model, _, form = path[len(MODELS) :].rstrip("/").rpartition("/")
            if form in FORMS and model and "/" not in model:
                if method != "POST":
                    return not_allowed(method, "POST")
                return await self._answering.answer(model, scope, receive, plain=FORMS[form])
            if (asked := held_path(path)) is not None:
                return await self._held(*asked, scope)
        if path == "/v1/labels":
            return await self._labelling.answer(scope, receive) if method == "POST" else not_allowed(method, "POST")
        if path == "/v1/alerts" and self._alerting is not None:
            return await self._alerting.answer(scope, receive) if method == "POST" else not_allowed(method, "POST")
        if path == "/invocations":
            return await self._only(scope, receive) if method == "POST" else not_allowed(method, "POST")
        page = self._pages.get(path)
        if page is None:
            return Reply.problem(404, f"there is nothing at {path[:200]}", hint="POST /v1/models/{name}/predict")
        if method not in {"GET", "HEAD"}:
            return not_allowed(method, "GET")
        began = time.perf_counter()
        reply = await page()
        if self._access is not None and path not in PUBLIC:  # probes would drown the rest
            self._access.add(path, method, reply.status, time.perf_counter() - began)
        return reply

    async def _held(self, model: str, prediction: str, scope: Scope) -> Reply:
        """What became of a held answer."""
        key = scope.get(CLIENT)
        if scope["method"] not in {"GET", "HEAD"}:
            return not_allowed(scope["method"], "GET")
        if self._holding is None or (key is not None and not key.may(model)):
            return Reply.problem(404, "nothing is held for you here", hint="POST /v1/models/{name}/predict")
        return await self._holding.poll(model, prediction, key, now=self._now)

    async def _only(self, scope: Scope, receive: Receive) -> Reply | None:
        """MLflow's own address, which names no model: there must be one alone."""
        await self._routes.settled()
        models = list(self._routes.all)
        if len(models) != 1:
            return ambiguous(len(models))
        return await self._answering.answer(models[0], scope, receive, plain=True)

    async def _alive(self) -> Reply:
        return Reply.json(200, {"alive": True})

    async def _models(self) -> Reply:
        self._routes.look()
        models = [self._told(model, route) for model, route in sorted(self._routes.all.items())]
        problems = {f"{model}/{slot}": told for (model, slot), told in self._routes.other_problems.items()}
        return Reply.json(200, {"models": models, "problems": {**self._routes.problems, **problems}})

    def _others(self, model: str) -> dict[str, Any]:
        """Who else is asked: the canary with its weight, and the version in shadow."""
        found = {slot: self._routes.others.get((model, slot)) for slot in (CANARY, SHADOWED)}
        return {
            slot: {"version": r.head.version, "generation": r.head.generation, "lane": r.predictor.lane}
            | ({"weight": r.head.weight} if slot == CANARY else {})
            for slot, r in found.items()
            if r is not None
        }

    def _told(self, model: str, route: Route) -> dict[str, Any]:
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
            "predict": f"{MODELS}{quote(model, safe='')}/predict",
            **self._others(model),
        }

    async def _openapi(self) -> Reply:
        self._routes.look()
        return Reply.json(200, document({model: route.schema for model, route in self._routes.all.items()}))

    async def _docs(self) -> Reply:
        self._routes.look()
        return docs_page(self._told(model, route) for model, route in sorted(self._routes.all.items()))

    async def _ready(self) -> Reply:
        """Whether all is well; says which model is not, and leaves the reason to /v1/models, which is guarded."""
        self._routes.look()
        failing = {
            model or "(ledger)": "an earlier version answers" if model in self._routes.all else "not answered"
            for model in self._routes.problems
        }
        log = "not written" if self._writer.problem else "written"
        ready = not failing and not self._writer.problem
        return Reply.json(200 if ready else 503, {"ready": ready, "failing": failing, "log": log})

    async def _metrics(self) -> Reply:
        self._routes.look()
        text = self._meter.told(
            [route.head for _, route in sorted(self._routes.all.items())],
            sorted(self._routes.problems),
            swaps=self._routes.swaps,
            waiting=self._writer.waiting,
            dropped=self._writer.dropped,
            opened=self._admission.open,
            shed=self._admission.shed,
        )
        text += trials_told(self._routes, self._shadows)
        return Reply(200, (text + await told_more(self._more_metrics)).encode(), CONTENT_TYPE)


async def told_more(more: Callable[[], str] | None) -> str:
    """What else is to be told to a scrape; what is not to be had is a comment."""
    if more is None:
        return ""
    try:
        return await asyncio.to_thread(more)
    except WorkbenchError as error:
        return f"# the rest is not to be had: {' '.join(error.message.split())}\n"


def ambiguous(models: int) -> Reply:
    """The answer to a request that names no model where there is not one alone."""
    return Reply.problem(409, f"{models} models answer here", hint="POST /v1/models/{name}/invocations names one")


def held_path(path: str) -> tuple[str, str] | None:
    """The model and the prediction of a path that polls; None where it is another path.

    >>> held_path("/v1/models/lending/held/p1"), held_path("/v1/models/lending/predict")
    (('lending', 'p1'), None)
    """
    name, _, rest = path[len(MODELS) :].rpartition("/held/") if path.startswith(MODELS) else ("", "", "")
    return (name, rest) if name and rest and "/" not in name + rest else None


async def again(rotate: Callable[[], object]) -> None:
    """Rotate every minute; what fails is tried again. Ends when it is cancelled."""
    while True:
        await asyncio.sleep(ROTATE)
        with contextlib.suppress(WorkbenchError):
            await asyncio.to_thread(rotate)


def not_allowed(method: str, wanted: str = "POST") -> Reply:
    """The answer to a method that an address does not know."""
    return Reply.problem(
        405, f"{method[:20]} is not for this address", hint=f"use {wanted}", headers=((b"allow", wanted.encode()),)
    )
