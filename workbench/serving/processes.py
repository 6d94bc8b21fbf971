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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from workbench.errors import EngineError
from workbench.ledger import Ledger
from workbench.serving.access_log import AccessLog
from workbench.serving.admission import Admission
from workbench.serving.answering import CLIENT, Limits
from workbench.serving.exposition import CONTENT_TYPE, family
from workbench.serving.gateway import FORMS, MODELS, again, doored, held_path
from workbench.serving.http import App, GoneError, Receive, Reply, Scope, Send, TooLargeError, header, read_body
from workbench.serving.keys import ALL, Key, Keys
from workbench.serving.labelling import Labelling, LabelStore
from workbench.serving.relay import Relay
from workbench.serving.replies import ROWS
from workbench.serving.routes import CHAMPION
from workbench.serving.schema import Refused

KEY = b"x-workbench-key"  # header by which the front tells whose request it is
SENT = (b"content-type", b"x-request-id", b"x-workbench-unit")
WATCH = 0.25  # seconds between two looks at heads and processes
FIRST, SLOWEST = 0.1, 30.0  # seconds before a process that ended is started again: doubled each time, up to
STEADY = 60.0  # seconds after which a process is held to run well
STOP = 8.0  # seconds a process may take to stop


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


@dataclass
class Child:
    """One model's process."""

    model: str
    socket: Path
    relay: Relay
    process: asyncio.subprocess.Process | None = None
    began: float = 0.0
    failures: int = 0
    again: float = 0.0  # not started before, on the clock that only goes forward
    restarts: int = 0
    answers: bool = field(default=False)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.returncode is None


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
    ) -> None:
        self._ledger = ledger
        self._program = program
        self._limits = limits
        self._access = access
        self._environ = None if environ is None else dict(environ)
        self._first = first
        self._rotate = rotate
        self._admission = Admission(limits.open, now=now)
        self._labelling = Labelling(log, now=now, limits=limits)
        self._children: dict[str, Child] = {}
        self._problem = ""

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
            watching = asyncio.create_task(self._watch(Path(folder)))
            tasks = [watching] + ([asyncio.create_task(self._access.run())] if self._access else [])
            tasks += [asyncio.create_task(again(self._rotate))] if self._rotate else []
            await send({"type": "lifespan.startup.complete"})
            await receive()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(_stop(child) for child in self._children.values()))
            if self._access is not None:
                with contextlib.suppress(OSError):
                    await self._access.flush()
        await send({"type": "lifespan.shutdown.complete"})

    # processes

    async def _watch(self, folder: Path) -> None:
        """Keep a process for each champion, again and again; ends when it is cancelled."""
        while True:
            try:
                wanted = {head.model for head in self._ledger.heads() if head.slot == CHAMPION}
                self._problem = ""
            except EngineError as error:
                wanted, self._problem = set(self._children), error.message
            for model in sorted(wanted - self._children.keys()):
                socket = folder / f"{len(self._children)}.sock"
                self._children[model] = Child(model, socket, Relay(socket))
            for child in self._children.values():
                await self._keep(child)
            await asyncio.sleep(WATCH)

    async def _keep(self, child: Child) -> None:
        now = time.monotonic()
        if child.running:
            if now - child.began > STEADY:
                child.failures = 0
            if not child.answers:
                with contextlib.suppress(OSError, EOFError, TimeoutError):
                    async with asyncio.timeout(1):
                        child.answers = (await child.relay.ask("GET", "/healthz", ())).status == 200
            return
        if child.process is not None and child.began:  # it ended since the last look
            child.relay.close()
            child.answers, child.began = False, 0.0
            child.again = now + min(SLOWEST, FIRST * 2.0**child.failures)
            child.failures += 1
            child.restarts += 1
        if now < child.again:
            return
        child.socket.unlink(missing_ok=True)
        argv = [*self._program, "--only", child.model, "--socket", str(child.socket)]
        try:
            child.process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                env=self._environ,
                preexec_fn=self._first,
                start_new_session=True,
            )
            child.began = now
        except (OSError, ValueError) as error:
            self._problem, child.again = f"{child.model} cannot be started: {error}", now + SLOWEST

    # requests

    async def _reply(self, scope: Scope, receive: Receive) -> Reply | None:
        path, method = scope["path"], scope["method"]
        if path.startswith(MODELS):
            name, _, form = path[len(MODELS) :].rstrip("/").rpartition("/")
            if form in FORMS and name and "/" not in name:
                return await self._hand_on(unquote(name), form, scope, receive)
            if (asked := held_path(path)) is not None:
                return await self._hand_on(asked[0], f"held/{quote(asked[1], safe='')}", scope, receive)
        if path == "/v1/labels" and method == "POST":
            return await self._labelling.answer(scope, receive)
        if method not in {"GET", "HEAD"}:
            return Reply.problem(405, f"{method[:20]} is not for this address", hint="POST /v1/models/{name}/predict")
        if path in {"/healthz", "/ping"}:
            return Reply.json(200, {"alive": True})
        if path in {"/", "/v1/models"}:
            return await self._models()
        if path == "/readyz":
            failing = {child.model: "not answered" for child in self._children.values() if not child.answers}
            ready = not failing and not self._problem
            return Reply.json(200 if ready else 503, {"ready": ready, "failing": failing})
        if path == "/openapi.json":
            return Reply.json(200, together(await self._said("/openapi.json")))
        if path == "/metrics":
            return Reply(200, self._metrics().encode(), CONTENT_TYPE)
        return Reply.problem(404, f"there is nothing at {path[:200]}", hint="POST /v1/models/{name}/predict")

    async def _hand_on(self, model: str, form: str, scope: Scope, receive: Receive) -> Reply | None:
        began = time.perf_counter()
        key: Key | None = scope.get(CLIENT)
        try:
            self._admission.enter(key, model)
        except Refused as error:
            retry = () if error.retry_after is None else ((b"retry-after", str(error.retry_after).encode()),)
            return Reply.problem(error.status, error.message, hint=error.hint, headers=retry)
        reply: Reply | None = None
        try:
            reply = await self._asked(model, form, scope, receive, key)
        except GoneError:
            return None
        finally:
            rows = int(dict(reply.headers).get(ROWS, b"0")) if reply is not None else 0
            self._admission.leave(key, rows)
            if self._access is not None and reply is not None:
                client = "" if key is None else key.id
                known = model if model in self._children else "(unknown)"
                seconds = time.perf_counter() - began
                self._access.add(
                    form.partition("/")[0], scope["method"], reply.status, seconds, model=known, client=client
                )
        return reply

    async def _asked(self, model: str, form: str, scope: Scope, receive: Receive, key: Key | None) -> Reply:
        child = self._children.get(model)
        if child is None:
            known = ", ".join(sorted(self._children)) or "none yet"
            return Reply.problem(404, f"there is no model {model[:100]!r}", hint=f"models that answer: {known}")
        try:
            async with asyncio.timeout(self._limits.upload):
                body = await read_body(scope, receive, most=self._limits.body)
        except TooLargeError:
            return Reply.problem(
                413, f"the body has more than {self._limits.body:,} bytes", hint="send several requests"
            )
        except TimeoutError:
            return Reply.problem(408, "the body did not arrive in time", hint="send it faster, or in parts")
        headers = [(name, value) for name in SENT if (value := header(scope, name))]
        if key is not None:
            headers.append((KEY, key.id.encode()))
        try:
            async with asyncio.timeout(self._limits.answer):
                return await child.relay.ask(scope["method"], f"{MODELS}{quote(model, safe='')}/{form}", headers, body)
        except (OSError, EOFError, TimeoutError, ValueError):
            return Reply.problem(
                503,
                f"the process of {model} does not answer; it is started again",
                hint="come again",
                headers=((b"retry-after", b"1"),),
            )

    async def _models(self) -> Reply:
        """What the processes say of themselves, put together."""
        said = await self._said("/v1/models")
        problems = dict.fromkeys(self._children.keys() - said.keys(), "its process does not answer")
        problems.update({"": self._problem} if self._problem else {})
        for each in said.values():
            problems.update(each["problems"])
        return Reply.json(
            200, {"models": [one for each in said.values() for one in each["models"]], "problems": problems}
        )

    async def _said(self, path: str) -> dict[str, Any]:
        """What each process says at an address, by model, of those that answer."""
        found = {}
        for model, child in sorted(self._children.items()):
            with contextlib.suppress(OSError, EOFError, TimeoutError, msgspec.DecodeError):
                async with asyncio.timeout(2):
                    found[model] = msgspec.json.decode((await child.relay.ask("GET", path, ())).body)
        return found

    def _metrics(self) -> str:
        children = self._children.values()
        up = [({"model": child.model}, int(child.answers and child.running)) for child in children]
        restarts = [({"model": child.model}, child.restarts) for child in children]
        return "".join(
            (
                family("workbench_process_up", "gauge", "1: the model's process answers.", up),
                family("workbench_process_restarts_total", "counter", "Times that it was started again.", restarts),
                family("workbench_requests_open", "gauge", "Requests being answered.", [({}, self._admission.open)]),
                family("workbench_requests_shed_total", "counter", "Requests sent away.", [({}, self._admission.shed)]),
            )
        )


def together(documents: Mapping[str, Any]) -> dict[str, Any]:
    """One OpenAPI document of several, each of one model, with names that do not collide.

    >>> one = {"openapi": "3.1.0", "paths": {"/v1/models/a/predict": {"post": {"operationId": "predict0"}}},
    ...     "components": {"schemas": {"a.row": {}}}}
    >>> together({"a": one})["paths"]["/v1/models/a/predict"]["post"]["operationId"]
    'predict0'
    """
    whole: dict[str, Any] = {}
    for number, document in enumerate(documents.values()):
        for path, item in document["paths"].items():
            if path.startswith(f"{MODELS}"):
                for operation in item.values():
                    operation["operationId"] = f"{operation['operationId'].rstrip('0123456789')}{number}"
        if not whole:
            whole = document
        whole["paths"].update(document["paths"])
        whole["components"]["schemas"].update(document["components"]["schemas"])
    return whole


async def _stop(child: Child) -> None:
    """Ask a process to stop, and end it where it does not."""
    child.relay.close()
    if child.process is None or child.process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        child.process.terminate()
        try:
            async with asyncio.timeout(STOP):
                await child.process.wait()
        except TimeoutError:
            child.process.kill()
            await child.process.wait()
