"""A process for each model behind one address: what one model does to memory or interpreter harms no other.

The front checks keys, limits and sizes and hands the request on over a Unix socket in a folder that only
this user enters. A process that ends is started again, at once the first time and then more and more
slowly; meanwhile its model is answered with 503 and the others as ever. What a process had in hand when it
ended is in the prediction log as an error of the version that was to answer, so that a canary that ends its
process is judged for it. A process that lives and says nothing is killed, and started again like any other.
While there is no process a 503 is nobody's: it falls on champion and canary alike, and would hide whose fault
it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import quote

from workbench.errors import EngineError
from workbench.ledger import Ledger
from workbench.serving.access_log import AccessLog
from workbench.serving.addresses import FORMS, again, alive, beside, opened, told_more
from workbench.serving.admission import Admission
from workbench.serving.alerting import Heard
from workbench.serving.allowances import Allowances
from workbench.serving.answering import CLIENT, MOST_UNIT, UNIT, Limits, body_of
from workbench.serving.children import Children
from workbench.serving.exposition import CONTENT_TYPE, family, together
from workbench.serving.gateway import NOT_WRITTEN, WRITTEN, PredictionStore
from workbench.serving.http import App, GoneError, Receive, Reply, Scope, Send, header
from workbench.serving.keys import ALL, Key, Keys
from workbench.serving.log_rows import LogPolicy
from workbench.serving.log_writer import LogWriter
from workbench.serving.meter import UNKNOWN, Meter, log_families
from workbench.serving.naming import Naming
from workbench.serving.openapi import docs_page, document, documents_together
from workbench.serving.prediction import Block
from workbench.serving.pulse import HUNG
from workbench.serving.relay import UnreachedError
from workbench.serving.replies import ROWS, refusal
from workbench.serving.routes import CHAMPION, pick
from workbench.serving.schema import Refused

KEY = b"x-workbench-key"  # header by which the front tells whose request it is
SENT = (b"content-type", UNIT)
MARGIN = 5.0  # seconds that a process has beyond the time for an answer, to say itself that it was too slow
FRONT = "(front)"  # in place of a model, of what is counted before a process is asked


def create_front(
    ledger: Ledger,
    program: Sequence[str],
    log: PredictionStore,
    *,
    now: Callable[[], datetime],
    token: str | None = None,
    keys: Keys | None = None,
    limits: Limits | None = None,
    policy: LogPolicy | None = None,
    access: AccessLog | None = None,
    environ: Mapping[str, str] | None = None,
    first: Callable[[], None] | None = None,
    rotate: Callable[[], object] | None = None,
    more_metrics: Callable[[], str] | None = None,
    alerts: Heard | None = None,
    hung: float = HUNG,
    stopped: Callable[[str], None] | None = None,
    allowances: Allowances | None = None,
) -> App:
    """The gateway in front of a process for each model, as an ASGI app.

    Args:
        ledger: Its heads are the models.
        program: What answers for one model, without `--only MODEL --socket PATH`.
        log: Where labels are kept, and what a process that died left unanswered.
        now: Reads the clock, UTC.
        token: What opens everything.
        keys: What opens the models of its scope.
        limits: What one request may ask, and how many at once.
        policy: What is logged of which model.
        access: Where a line a request goes.
        environ: All that the processes see; None: what this one sees.
        first: What a process does before its program, e.g. so that it ends when this one does.
        rotate: Moves old predictions away; called in a thread every minute.
        more_metrics: More Prometheus text for /metrics; called in a thread.
        alerts: Keeps what Alertmanager tells; called in a thread.
        hung: Seconds for which a process may say nothing before it is killed and started again.
        stopped: Is told the name (`holders`) of a process that was to stop, did not, and was killed for it.
        allowances: What clients have left; None: counted here alone.
    """
    limits = limits or Limits()
    front = Front(
        ledger,
        program,
        log,
        now=now,
        limits=limits,
        policy=policy or LogPolicy(),
        access=access,
        environ=environ,
        first=first,
        rotate=rotate,
        more_metrics=more_metrics,
        hung=hung,
        stopped=stopped,
        allowances=allowances,
    )
    return opened(front, log, now=now, limits=limits, token=token, keys=keys, access=access, alerts=alerts)


def behind(app: App) -> App:
    """An app that hears from the front alone, and takes its word for whose request it is."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        name = header(scope, KEY).decode("latin-1") if scope["type"] == "http" else ""
        if name:
            scope[CLIENT] = Key(name, name, (ALL,), "")
        await app(scope, receive, send)

    return told


class Front:
    """The processes and what is counted before them; belongs to one event loop."""

    def __init__(
        self,
        ledger: Ledger,
        program: Sequence[str],
        log: PredictionStore,
        *,
        now: Callable[[], datetime],
        limits: Limits,
        policy: LogPolicy,
        access: AccessLog | None,
        environ: Mapping[str, str] | None,
        first: Callable[[], None] | None,
        rotate: Callable[[], object] | None,
        more_metrics: Callable[[], str] | None,
        hung: float,
        stopped: Callable[[str], None] | None,
        allowances: Allowances | None,
    ) -> None:
        self._ledger = ledger
        self._now = now
        self._policy = policy
        self._writer = LogWriter(log)
        self._naming = Naming()
        self._limits = limits
        self._access = access
        self._rotate = rotate
        self._more_metrics = more_metrics
        self._meter = Meter()  # of what no process was asked
        self._admission = Admission(limits.open, now=now, allowances=allowances)
        self._children = Children(
            self._champions,
            lambda child: [*program, "--only", child.name, "--socket", str(child.socket)],
            environ=environ,
            first=first,
            hung=hung,
            stopped=stopped,
        )
        self.pages: Mapping[str, Callable[[], Awaitable[Reply]]] = {
            "/": partial(self._models, "/"),
            "/v1/models": partial(self._models, "/v1/models"),
            "/openapi.json": self._openapi,
            "/docs": self._docs,
            "/healthz": alive,
            "/ping": alive,
            "/readyz": self._ready,
            "/metrics": self._metrics,
        }

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Keep the processes until the server stops."""
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
            work = [self._children.watch(Path(folder)), self._writer.run(), self._admission.run()]
            work += [again(self._rotate)] if self._rotate else []
            async with beside(*work):
                yield
            await self._children.stop()
            await self._writer.close()

    def predict(self, model: str, form: str, scope: Scope, receive: Receive) -> Awaitable[Reply | None]:
        """What the model's process answers; None where the client left."""
        return self._hand_on(model, form, scope, receive)

    def held(self, model: str, prediction: str, scope: Scope, receive: Receive) -> Awaitable[Reply | None]:
        """What the model's process knows of a held answer."""
        return self._hand_on(model, f"held/{quote(prediction, safe='')}", scope, receive)

    async def models(self) -> Sequence[str]:
        """The models that have a process."""
        return self._children.names

    def _champions(self) -> set[str]:
        return {head.model for head in self._ledger.heads() if head.slot == CHAMPION}

    async def _hand_on(self, model: str, form: str, scope: Scope, receive: Receive) -> Reply | None:
        began = time.perf_counter()
        key: Key | None = scope.get(CLIENT)
        request = self._naming.request(scope)
        known = model if model in self._children else UNKNOWN
        try:
            let_in = self._admission.enter(key, model)
        except Refused as error:
            return self._refusal(known, error, began)
        reply: Reply | None = None
        try:
            reply = await self._asked(model, form, scope, receive, key, request)
            self._admission.count(let_in, int(dict(reply.headers).get(ROWS, b"0")))
        except Refused as error:
            reply = self._refusal(known, error, began)
        except GoneError:
            return None
        finally:
            self._admission.leave(let_in)
            if self._access is not None and reply is not None:
                client = "" if key is None else key.id
                seconds = time.perf_counter() - began
                self._access.add(
                    form.partition("/")[0],
                    scope["method"],
                    reply.status,
                    seconds,
                    model=known,
                    request=request,
                    client=client,
                )
        return reply

    def _refusal(self, model: str, error: Refused, began: float) -> Reply:
        """Count a request that no process answers, and say why."""
        self._meter.refused(model, error.status, time.perf_counter() - began)
        return refusal(error)

    async def _asked(
        self, model: str, form: str, scope: Scope, receive: Receive, key: Key | None, request: str
    ) -> Reply:
        began = time.perf_counter()
        child = self._children.of(model)
        if child is None:
            known = ", ".join(self._children.names) or "none yet"
            raise Refused(f"there is no model {model[:100]!r}", hint=f"models that answer: {known}", status=404)
        body = await body_of(scope, receive, self._limits)
        headers = [(name, value) for name in SENT if (value := header(scope, name))]
        headers.append((b"x-request-id", request.encode()))
        if key is not None:
            headers.append((KEY, key.id.encode()))
        try:
            async with asyncio.timeout(self._limits.answer + MARGIN):
                return await child.relay.ask(scope["method"], quote(scope["path"]), headers, body)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            why = f"the process of {model} does not answer; it is started again"
            if form in FORMS:
                reached = not isinstance(error, UnreachedError)
                self._lost(model, scope, key, request, why, time.perf_counter() - began, reached=reached)
            raise Refused(why, hint="come again", status=503, retry_after=1) from None

    def _lost(
        self, model: str, scope: Scope, key: Key | None, request: str, why: str, seconds: float, *, reached: bool
    ) -> None:
        """Log what was left unanswered: as an error of the version that was to answer, if its process was reached."""
        if not self._policy.takes(model, request):
            return
        unit = header(scope, UNIT).decode("latin-1")[:MOST_UNIT] or None
        picked = None
        if reached:
            with contextlib.suppress(EngineError):
                picked = pick(self._ledger.heads(), model, unit or request)
        block = Block.refused(
            self._naming.prediction(), self._now(), model, request, 503, why,
            head=picked.head if picked else None, variant=picked.variant if picked else None,
            propensity=picked.propensity if picked else None,
            client=None if key is None else key.id, unit=unit, seconds=seconds,
        )  # fmt: skip
        self._writer.add([block])

    async def _models(self, path: str) -> Reply:
        """What the processes say of themselves at a path, put together."""
        said = await self._children.said(path)
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
        return docs_page(one for each in (await self._children.said("/")).values() for one in each["models"])

    async def _ready(self) -> Reply:
        failing = {child.name: "not answered" for child in self._children}
        logs = [not self._writer.problem]
        said = await self._children.said("/readyz", statuses=(200, 503))
        for child in self._children:
            if child.answers and child.name in said:
                failing.pop(child.name, None)
                failing.update(said[child.name]["failing"])
                logs.append(said[child.name]["log"] == WRITTEN)
        log = WRITTEN if all(logs) else NOT_WRITTEN
        ready = not failing and not self._children.problem and all(logs)
        return Reply.json(200 if ready else 503, {"ready": ready, "failing": failing, "log": log})

    async def _metrics(self) -> Reply:
        """What the processes count, what was never handed on, and how the processes are."""
        said = await self._children.texts("/metrics")
        children = self._children
        up = [({"model": child.name}, int(child.answers and child.running)) for child in children]
        restarts = [({"model": child.name}, child.restarts) for child in children]
        hangs = [({"model": child.name}, child.hangs) for child in children]
        own = (
            family("workbench_process_up", "gauge", "1: the model's process answers.", up),
            family("workbench_process_restarts_total", "counter", "Times that it was started again.", restarts),
            family("workbench_process_hangs_total", "counter", "Times that it was killed for saying nothing.", hangs),
            self._meter.asked(),
        )
        front = {"model": FRONT}
        ours = family("workbench_requests_open", "gauge", "Requests being answered.", [(front, self._admission.open)])
        ours += family(
            "workbench_requests_shed_total", "counter", "Requests sent away: too many open.",
            [(front, self._admission.shed)],
        )  # fmt: skip
        ours += log_families(front, waiting=self._writer.waiting, dropped=self._writer.dropped, access=self._access)
        texts = [({"model": model}, text.decode()) for model, text in said.items()]
        text = together([*texts, *(({}, each) for each in (*own, ours))])
        return Reply(200, (text + await told_more(self._more_metrics)).encode(), CONTENT_TYPE)
