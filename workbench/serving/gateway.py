"""The gateway: one ASGI app that answers with the champions of all models, and logs what it answered.

    POST /v1/models/{name}/predict     rows in, scores and answers out
    GET  /v1/models                    who answers, and the fields each takes
    GET  /healthz  /readyz             alive; every champion loaded and the log written
    GET  /metrics                      Prometheus text

Every answer names model, version and generation of the head it came from. What is wrong with a request
is said with the row, the field and the way out; a wrong row is never shown to a model.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from workbench.errors import EngineError, WorkbenchError
from workbench.ledger import Ledger
from workbench.serving.answering import Answering, Limits
from workbench.serving.exposition import CONTENT_TYPE
from workbench.serving.guard import guard
from workbench.serving.http import App, Receive, Reply, Scope, Send
from workbench.serving.log_writer import Log, LogWriter
from workbench.serving.meter import Meter
from workbench.serving.routes import Loader, Routes

PREDICT = re.compile(r"/v1/models/([^/]+)/predict/?")
WATCH = 0.25  # seconds between looks at the heads when nobody asks


def create_app(
    ledger: Ledger,
    loader: Loader,
    log: Log,
    *,
    now: Callable[[], datetime],
    token: str | None = None,
    durable: bool = False,
    limits: Limits | None = None,
    more_metrics: Callable[[], str] | None = None,
) -> App:
    """The gateway as an ASGI app.

    Args:
        ledger: Its heads are the routes.
        loader: Loads versions.
        log: Where predictions are kept.
        now: Reads the clock, UTC.
        token: What a client must send; None: anybody who reaches it is answered.
        durable: An answer is given once its rows are in the log, not a moment before.
        limits: What one request may ask.
        more_metrics: More Prometheus text for /metrics; called in a thread.
    """
    gateway = Gateway(ledger, loader, log, now=now, durable=durable, limits=limits, more_metrics=more_metrics)
    return gateway if token is None else guard(gateway, token, name="gateway", public=("/healthz", "/readyz"))


class Gateway:
    """The app and its state; belongs to one event loop."""

    def __init__(
        self,
        ledger: Ledger,
        loader: Loader,
        log: Log,
        *,
        now: Callable[[], datetime],
        durable: bool = False,
        limits: Limits | None = None,
        more_metrics: Callable[[], str] | None = None,
    ) -> None:
        self._routes = Routes(ledger, loader)
        self._writer = LogWriter(log)
        self._meter = Meter()
        self._answering = Answering(
            self._routes, self._writer, self._meter, now=now, durable=durable, limits=limits or Limits()
        )
        self._more_metrics = more_metrics
        self._pages: Mapping[str, Callable[[], Awaitable[Reply]]] = {
            "/": self._models,
            "/v1/models": self._models,
            "/healthz": self._alive,
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
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._routes.close()
        with contextlib.suppress(EngineError):
            await self._writer.flush()
        await send({"type": "lifespan.shutdown.complete"})

    async def _reply(self, scope: Scope, receive: Receive) -> Reply | None:
        path, method = scope["path"], scope["method"]
        found = PREDICT.fullmatch(path)
        if found is not None:
            if method != "POST":
                return _not_allowed(method, "POST")
            return await self._answering.answer(found[1], scope, receive)
        page = self._pages.get(path)
        if page is None:
            return Reply.problem(404, f"there is nothing at {path[:200]}", hint="POST /v1/models/{name}/predict")
        if method not in {"GET", "HEAD"}:
            return _not_allowed(method, "GET")
        return await page()

    async def _alive(self) -> Reply:
        return Reply.json(200, {"alive": True})

    async def _models(self) -> Reply:
        self._routes.look()
        models = [
            {
                "model": model,
                "version": route.head.version,
                "generation": route.head.generation,
                "threshold": route.predictor.version.threshold,
                "fields": {name: kind.words for name, kind in route.schema.kinds.items()},
                "predict": f"/v1/models/{model}/predict",
            }
            for model, route in sorted(self._routes.all.items())
        ]
        return Reply.json(200, {"models": models, "problems": dict(self._routes.problems)})

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
        )
        if self._more_metrics is not None:
            try:
                text += await asyncio.to_thread(self._more_metrics)
            except WorkbenchError as error:
                text += f"# the rest is not to be had: {' '.join(error.message.split())}\n"
        return Reply(200, text.encode(), CONTENT_TYPE)


def _not_allowed(method: str, wanted: str) -> Reply:
    return Reply.problem(
        405, f"{method[:20]} is not for this address", hint=f"use {wanted}", headers=((b"allow", wanted.encode()),)
    )
