"""A process for each model behind one address: what one model does to memory or interpreter harms no other.

The front checks keys, limits and sizes and hands the request on over a Unix socket in a folder that only
this user enters. A process that ends is started again, at once the first time and then more and more
slowly; meanwhile its model is answered with 503 and the others as ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from workbench.ledger import Ledger
from workbench.serving.access_log import AccessLog
from workbench.serving.admission import Admission
from workbench.serving.alerting import Alerting, Heard
from workbench.serving.answering import CLIENT, Limits
from workbench.serving.children import Children
from workbench.serving.exposition import CONTENT_TYPE, family, together
from workbench.serving.gateway import FORMS, MODELS, PUBLIC, again, ambiguous, doored, held_path, not_allowed, told_more
from workbench.serving.http import (
    App,
    GoneError,
    Headers,
    Receive,
    Reply,
    Scope,
    Send,
    TooLargeError,
    header,
    read_body,
)
from workbench.serving.keys import ALL, Key, Keys
from workbench.serving.labelling import Labelling, LabelStore
from workbench.serving.meter import UNKNOWN, Meter
from workbench.serving.openapi import docs_page, document, documents_together
from workbench.serving.replies import ROWS
from workbench.serving.schema import Refused

KEY = b"x-workbench-key"  # header by which the front tells whose request it is
SENT = (b"content-type", b"x-request-id", b"x-workbench-unit")
FRONT = "(front)"  # in place of a model, of what is counted before a process is asked


def create_front(
    ledger: Ledger,
    program: Sequence[str],
    log: LabelStore,
    *,
    now: Callable[[], datetime],
    token: str | None = None,
    keys: Keys | None = None,
    limits: Limits | None = None,
    access: AccessLog | None = None,
    environ: Mapping[str, str] | None = None,
    first: Callable[[], None] | None = None,
    rotate: Callable[[], object] | None = None,
    more_metrics: Callable[[], str] | None = None,
    alerts: Heard | None = None,
) -> App:
    """The gateway in front of a process for each model, as an ASGI app.

    Args:
        ledger: Its heads are the models.
        program: What answers for one model, without `--only MODEL --socket PATH`.
        log: Where labels are kept.
        now: Reads the clock, UTC.
        token: What opens everything.
        keys: What opens the models of its scope.
        limits: What one request may ask, and how many at once.
        access: Where a line a request goes.
        environ: All that the processes see; None: what this one sees.
        first: What a process does before its program, e.g. so that it ends when this one does.
        rotate: Moves old predictions away; called in a thread every minute.
        more_metrics: More Prometheus text for /metrics; called in a thread.
        alerts: Keeps what Alertmanager tells; called in a thread.
    """
    front = Front(
        ledger,
        program,
        log,
        now=now,
        limits=limits or Limits(),
        access=access,
        environ=environ,
        first=first,
        rotate=rotate,
        more_metrics=more_metrics,
        alerting=None if alerts is None else Alerting(alerts, guarded=token is not None or keys is not None),
    )
    return front if token is None and keys is None else doored(front, token, keys, access)


def behind(app: App) -> App:
    """An app that hears from the front alone, and takes its word for whose request it is."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        name = header(scope, KEY).decode("latin-1") if scope["type"] == "http" else ""
        if name:
            scope[CLIENT] = Key(name, name, (ALL,), "")
        await app(scope, receive, send)

    return told


class Front:
    """The app and its processes; belongs to one event loop."""

    def __init__(
        self,
        ledger: Ledger,
        program: Sequence[str],
        log: LabelStore,
        *,
        now: Callable[[], datetime],
        limits: Limits,
        access: AccessLog | None,
        environ: Mapping[str, str] | None,
        first: Callable[[], None] | None,
        rotate: Callable[[], object] | None,
        more_metrics: Callable[[], str] | None,
        alerting: Alerting | None,
    ) -> None:
        self._limits = limits
        self._access = access
        self._rotate = rotate
        self._more_metrics = more_metrics
        self._meter = Meter()  # of what no process was asked
        self._alerting = alerting
        self._admission = Admission(limits.open, now=now)
        self._labelling = Labelling(log, now=now, limits=limits)
        self._children = Children(ledger, program, environ=environ, first=first)
        self._pages: Mapping[str, Callable[[], Awaitable[Reply]]] = {
            "/": self._models,
            "/v1/models": self._models,
            "/openapi.json": self._openapi,
            "/docs": self._docs,
            "/healthz": self._alive,
            "/ping": self._alive,
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

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
            watching = asyncio.create_task(self._children.watch(Path(folder)))
            tasks = [watching] + ([asyncio.create_task(self._access.run())] if self._access else [])
            tasks += [asyncio.create_task(again(self._rotate))] if self._rotate else []
            await send({"type": "lifespan.startup.complete"})
            await receive()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._children.stop()
            if self._access is not None:
                with contextlib.suppress(OSError):
                    await self._access.flush()
        await send({"type": "lifespan.shutdown.complete"})

    # requests

    async def _reply(self, scope: Scope, receive: Receive) -> Reply | None:
        path, method = scope["path"], scope["method"]
        if path.startswith(MODELS):
            name, _, form = path[len(MODELS) :].rstrip("/").rpartition("/")
            if form in FORMS and name and "/" not in name:
                return await self._hand_on(name, form, scope, receive) if method == "POST" else not_allowed(method)
            if (asked := held_path(path)) is not None:
                if method != "GET":
                    return not_allowed(method, "GET")
                return await self._hand_on(asked[0], f"held/{quote(asked[1], safe='')}", scope, receive)
        if path == "/v1/labels":
            return await self._labelling.answer(scope, receive) if method == "POST" else not_allowed(method)
        if path == "/v1/alerts" and self._alerting is not None:
            return await self._alerting.answer(scope, receive) if method == "POST" else not_allowed(method)
        if path == "/invocations":
            return await self._only(scope, receive) if method == "POST" else not_allowed(method)
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

    async def _only(self, scope: Scope, receive: Receive) -> Reply | None:
        """MLflow's own address, which names no model: there must be one alone."""
        if len(self._children) != 1:
            return ambiguous(len(self._children))
        return await self._hand_on(self._children.names[0], "invocations", scope, receive)

    async def _hand_on(self, model: str, form: str, scope: Scope, receive: Receive) -> Reply | None:
        began = time.perf_counter()
        key: Key | None = scope.get(CLIENT)
        known = model if model in self._children else UNKNOWN
        try:
            self._admission.enter(key, model)
        except Refused as error:
            return self._refusal(known, error, began)
        reply: Reply | None = None
        try:
            reply = await self._asked(model, form, scope, receive, key)
        except Refused as error:
            reply = self._refusal(known, error, began)
        except GoneError:
            return None
        finally:
            rows = int(dict(reply.headers).get(ROWS, b"0")) if reply is not None else 0
            self._admission.leave(key, rows)
            if self._access is not None and reply is not None:
                client = "" if key is None else key.id
                seconds = time.perf_counter() - began
                self._access.add(
                    form.partition("/")[0], scope["method"], reply.status, seconds, model=known, client=client
                )
        return reply

    def _refusal(self, model: str, error: Refused, began: float) -> Reply:
        """Count a request that no process answers, and say why."""
        self._meter.refused(model, error.status, time.perf_counter() - began)
        headers: Headers = ((b"connection", b"close"),) if error.status in {408, 413} else ()
        if error.retry_after is not None:
            headers += ((b"retry-after", str(error.retry_after).encode()),)
        return Reply.problem(error.status, error.message, hint=error.hint, headers=headers)

    async def _asked(self, model: str, form: str, scope: Scope, receive: Receive, key: Key | None) -> Reply:
        child = self._children.of(model)
        if child is None:
            known = ", ".join(self._children.names) or "none yet"
            raise Refused(f"there is no model {model[:100]!r}", hint=f"models that answer: {known}", status=404)
        try:
            async with asyncio.timeout(self._limits.upload):
                body = await read_body(scope, receive, most=self._limits.body)
        except TooLargeError:
            most = f"{self._limits.body:,} bytes"
            raise Refused(f"the body has more than {most}", hint="send several requests", status=413) from None
        except TimeoutError:
            raise Refused("the body did not arrive in time", hint="send it faster, or in parts", status=408) from None
        headers = [(name, value) for name in SENT if (value := header(scope, name))]
        if key is not None:
            headers.append((KEY, key.id.encode()))
        try:
            async with asyncio.timeout(self._limits.answer):
                return await child.relay.ask(scope["method"], f"{MODELS}{quote(model, safe='')}/{form}", headers, body)
        except (OSError, EOFError, TimeoutError, ValueError):
            raise Refused(
                f"the process of {model} does not answer; it is started again",
                hint="come again",
                status=503,
                retry_after=1,
            ) from None

    async def _models(self) -> Reply:
        """What the processes say of themselves, put together."""
        said = await self._children.said("/v1/models")
        problems = dict.fromkeys(set(self._children.names) - said.keys(), "its process does not answer")
        problems.update({"": self._children.problem} if self._children.problem else {})
        for each in said.values():
            problems.update(each["problems"])
        return Reply.json(
            200, {"models": [one for each in said.values() for one in each["models"]], "problems": problems}
        )

    async def _openapi(self) -> Reply:
        said = await self._children.said("/openapi.json")
        return Reply.json(200, documents_together(said) if said else document({}))

    async def _docs(self) -> Reply:
        """What the processes say of themselves, as one page."""
        return docs_page(one for each in (await self._children.said("/v1/models")).values() for one in each["models"])

    async def _alive(self) -> Reply:
        return Reply.json(200, {"alive": True})

    async def _ready(self) -> Reply:
        failing = {child.model: "not answered" for child in self._children if not child.answers}
        ready = not failing and not self._children.problem
        return Reply.json(200 if ready else 503, {"ready": ready, "failing": failing})

    async def _metrics(self) -> Reply:
        """What the processes count, what was never handed on, and how the processes are."""
        said = await self._children.texts("/metrics")
        children = self._children
        up = [({"model": child.model}, int(child.answers and child.running)) for child in children]
        restarts = [({"model": child.model}, child.restarts) for child in children]
        own = (
            family("workbench_process_up", "gauge", "1: the model's process answers.", up),
            family("workbench_process_restarts_total", "counter", "Times that it was started again.", restarts),
            self._meter.asked(),
        )
        front = {"model": FRONT}
        ours = family("workbench_requests_open", "gauge", "Requests being answered.", [(front, self._admission.open)])
        ours += family(
            "workbench_requests_shed_total", "counter", "Requests sent away: too many open.",
            [(front, self._admission.shed)],
        )  # fmt: skip
        texts = [({"model": model}, text.decode()) for model, text in said.items()]
        text = together([*texts, *(({}, each) for each in (*own, ours))])
        return Reply(200, (text + await told_more(self._more_metrics)).encode(), CONTENT_TYPE)
