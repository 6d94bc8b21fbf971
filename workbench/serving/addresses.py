"""The addresses of a gateway, the same for one process with all models and for the front before a process each.

POST /v1/models/{name}/predict     rows in, scores and answers out
POST /v1/models/{name}/invocations the same in MLflow's form, so that its clients work
POST /v1/alerts                    what Alertmanager tells
GET  /v1/models/{name}/held/{id}   what became of an answer that people look at first
POST /v1/labels                    what turned out to be true of earlier answers
GET  /v1/models                    who answers, by which lane, and the fields each takes
GET  /openapi.json  /docs          all of this for programs, and for people
GET  /healthz  /readyz             alive; every champion loaded and the log written
GET  /metrics                      Prometheus text
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from workbench.errors import WorkbenchError
from workbench.serving.access_log import AccessLog
from workbench.serving.alerting import SCOPE, Alerting, Heard
from workbench.serving.answering import CLIENT, Limits
from workbench.serving.guard import guard
from workbench.serving.http import App, Receive, Reply, Scope, Send, header
from workbench.serving.keys import Keys
from workbench.serving.labelling import Labelling, LabelStore

MODELS = "/v1/models/"
ALERTS = "/v1/alerts"
FORMS = {"predict": False, "invocations": True}  # whether the answer is in MLflow's form
PUBLIC = ("/healthz", "/readyz", "/ping")
ROTATE = 60.0  # seconds between two looks at the size of the log


class Behind(Protocol):
    """What stands behind the addresses."""

    @property
    def pages(self) -> Mapping[str, Callable[[], Awaitable[Reply]]]:
        """What is read, by path."""
        ...

    def predict(self, model: str, form: str, scope: Scope, receive: Receive) -> Awaitable[Reply | None]:
        """The answer to a request for predictions, by a form of `FORMS`; None where the client left."""
        ...

    def held(self, model: str, prediction: str, scope: Scope, receive: Receive) -> Awaitable[Reply | None]:
        """What became of a held answer."""
        ...

    def models(self) -> Awaitable[Sequence[str]]:
        """The models that answer."""
        ...

    def living(self) -> AbstractAsyncContextManager[None]:
        """From the start of the server to its stop."""
        ...


class Addresses:
    """The app; belongs to one event loop."""

    def __init__(
        self, behind: Behind, *, labelling: Labelling, alerting: Alerting | None, access: AccessLog | None
    ) -> None:
        self._behind = behind
        self._labelling = labelling
        self._alerting = alerting
        self._access = access

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
        await receive()
        lines = [] if self._access is None else [self._access.run()]
        async with self._behind.living(), beside(*lines):
            await send({"type": "lifespan.startup.complete"})
            await receive()
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
                return await self._behind.predict(model, form, scope, receive)
            if (asked := held_path(path)) is not None:
                if method not in {"GET", "HEAD"}:
                    return not_allowed(method, "GET")
                return await self._behind.held(*asked, scope, receive)
        taken = {"/v1/labels": self._labelling.answer, "/invocations": self._only}
        if self._alerting is not None:
            taken[ALERTS] = self._alerting.answer
        if path in taken:
            return await taken[path](scope, receive) if method == "POST" else not_allowed(method, "POST")
        page = self._behind.pages.get(path)
        if page is None:
            return Reply.problem(404, f"there is nothing at {path[:200]}", hint="POST /v1/models/{name}/predict")
        if method not in {"GET", "HEAD"}:
            return not_allowed(method, "GET")
        began = time.perf_counter()
        reply = await page()
        if self._access is not None and path not in PUBLIC:  # probes would drown the rest
            self._access.add(path, method, reply.status, time.perf_counter() - began)
        return reply

    async def _only(self, scope: Scope, receive: Receive) -> Reply | None:
        """MLflow's own address, which names no model: there must be one alone."""
        models = await self._behind.models()
        if len(models) != 1:
            hint = "POST /v1/models/{name}/invocations names one"
            return Reply.problem(409, f"{len(models)} models answer here", hint=hint)
        return await self._behind.predict(models[0], "invocations", scope, receive)


def opened(
    behind: Behind, log: LabelStore, *, now: Callable[[], datetime], limits: Limits, token: str | None,
    keys: Keys | None, access: AccessLog | None, alerts: Heard | None,
) -> App:  # fmt: skip
    """The app: what stands behind the addresses, labels and alerts, and the door before all of it.

    Args:
        behind: What answers.
        log: Where labels are kept.
        now: Reads the clock, UTC.
        limits: What one request may ask.
        token: What opens everything.
        keys: What opens the models of its scope.
        access: Where a line a request goes.
        alerts: Keeps what Alertmanager tells; None: no alert is taken.
    """
    guarded = token is not None or keys is not None
    labelling = Labelling(log, now=now, limits=limits)
    alerting = None if alerts is None else Alerting(alerts, guarded=guarded)
    return doored(Addresses(behind, labelling=labelling, alerting=alerting, access=access), token, keys, access)


def doored(app: App, token: str | None, keys: Keys | None, access: AccessLog | None = None) -> App:
    """An app that the token opens, and every key; whose key it was is told in the scope.

    A key that is for alerts alone opens the address of alerts alone.

    Args:
        app: What is behind the door; without token and keys it is open.
        token: What opens everything; None: there is no such token.
        keys: What opens the models of its scope; None: there are none.
        access: Where a line goes for each request that is turned away.
    """
    if token is None and keys is None:
        return app

    def admits(scope: Scope) -> bool:
        found = None if keys is None else keys.of(header(scope, b"authorization"))
        scope[CLIENT] = found
        return found is not None and (found.scopes != (SCOPE,) or scope["path"] == ALERTS)

    def refused(scope: Scope) -> None:
        if access is not None:
            access.add("door", scope["method"], 401, 0.0)

    return guard(app, token, name="gateway", public=PUBLIC, admits=admits, refused=refused)


async def alive() -> Reply:
    """That the process answers."""
    return Reply.json(200, {"alive": True})


async def told_more(more: Callable[[], str] | None) -> str:
    """What else is to be told to a scrape; what is not to be had is a comment."""
    if more is None:
        return ""
    try:
        return await asyncio.to_thread(more)
    except WorkbenchError as error:
        return f"# the rest is not to be had: {' '.join(error.message.split())}\n"


def held_path(path: str) -> tuple[str, str] | None:
    """The model and the prediction of a path that polls; None where it is another path.

    >>> held_path("/v1/models/lending/held/p1"), held_path("/v1/models/lending/predict")
    (('lending', 'p1'), None)
    """
    name, _, rest = path[len(MODELS) :].rpartition("/held/") if path.startswith(MODELS) else ("", "", "")
    return (name, rest) if name and rest and "/" not in name + rest else None


@contextlib.asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """What goes on beside the answers; cancelled at the end, and waited for."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def again(rotate: Callable[[], object]) -> None:
    """Rotate every minute; what fails is tried again. Ends when it is cancelled."""
    while True:
        await asyncio.sleep(ROTATE)
        with contextlib.suppress(WorkbenchError):
            await asyncio.to_thread(rotate)


def not_allowed(method: str, wanted: str) -> Reply:
    """The answer to a method that an address does not know."""
    return Reply.problem(
        405, f"{method[:20]} is not for this address", hint=f"use {wanted}", headers=((b"allow", wanted.encode()),)
    )
