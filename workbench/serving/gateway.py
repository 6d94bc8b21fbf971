"""The gateway: one ASGI app that answers for all models with the version in use, and keeps what it answered.

    POST /v1/models/{model}/predict     one row or many, checked against the signature
    GET  /v1/models                     what is served
    GET  /healthz  /readyz  /metrics    for probes and Prometheus

Raw ASGI: one call shape, no framework on the hot path. Every answer names model, version, generation
and prediction ids; every refusal says what was got, what is needed and the way out.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from workbench.errors import Misuse, WorkbenchError
from workbench.ledger import digest
from workbench.serving.answering import Answer, answered
from workbench.serving.guard import App, Receive, Scope, Send
from workbench.serving.meter import Meter
from workbench.serving.prediction_log import Prediction, PredictionLog
from workbench.serving.routes import Routes, UnknownModelError
from workbench.serving.rows import Unfit

MOST_BYTES = 4 << 20  # of a request's body
FLUSH_SECONDS = 0.1  # a prediction waits at most so long before it is kept
MOST_WAITING = 100_000  # predictions; beyond them a request is answered 503 rather than lost from the log
JSON = (b"content-type", b"application/json")
TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


@dataclass(frozen=True)
class Refused(Exception):  # noqa: N818
    """A request that is answered with an error."""

    status: int
    message: str
    hint: str = ""


class Gateway:
    """The ASGI app and its state."""

    def __init__(
        self,
        routes: Routes,
        log: PredictionLog,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        more_metrics: Callable[[], str] = str,
    ) -> None:
        self._routes = routes
        self._log = log
        self._now = now
        self._new_id = new_id
        self._more_metrics = more_metrics  # text of the monitoring's own series
        self._meter = Meter()
        self._waiting: list[Prediction] = []
        self._flusher: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, as ASGI hands it over."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await asyncio.to_thread(self._routes.warm)
                self._flusher = asyncio.create_task(self._flush_now_and_then())
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._flusher is not None:
                    self._flusher.cancel()
                self._flush()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        name = _model_of(path)
        if name is not None:
            await self._predict(name, method, scope, receive, send)
        elif method != "GET":
            await _reply(send, 405, {"error": f"{method} is not taken here", "hint": "POST /v1/models/{model}/predict"})
        elif path == "/healthz":
            await _reply(send, 200, {"status": "ok"})
        elif path == "/readyz":
            problems = self._routes.problems
            await _reply(
                send, 503 if problems else 200, {"status": "degraded" if problems else "ok", "problems": problems}
            )
        elif path == "/metrics":
            text = self._meter.exposition(self._routes, len(self._waiting)) + await asyncio.to_thread(
                self._more_metrics
            )
            await _send(send, 200, TEXT, text.encode())
        elif path in {"/v1/models", "/"}:
            await _reply(send, 200, {"models": [_listed(head) for head in self._routes.heads()]})
        else:
            hint = "POST /v1/models/{model}/predict, GET /v1/models, /healthz, /readyz, /metrics"
            await _reply(send, 404, {"error": "there is nothing at this address", "hint": hint})

    async def _predict(self, model: str, method: str, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers = dict(scope.get("headers", []))
        request_id = headers.get(b"x-request-id", b"").decode("latin-1")[:100] or self._new_id()
        try:
            self._admit(method)
            body = _decoded(await _body(receive))
            answer = await self._answered(model, body)
        except Refused as refused:
            micros = _micros(began)
            self._meter.count(model, None, refused.status, micros, rows=0)
            if refused.status != 404:
                self._keep_refusal(model, request_id, refused, micros)
            told = {"error": refused.message, "hint": refused.hint} if refused.hint else {"error": refused.message}
            await _reply(send, refused.status, told)
            return
        micros = _micros(began)
        ids = [f"{request_id}-{number}" for number in range(len(answer.rows))]
        self._keep(answer, ids, micros)
        self._meter.count(model, answer.version, 200, micros, rows=len(ids))
        predictions = [
            {"id": id_, "score": score, "answer": yes}
            for id_, score, yes in zip(ids, answer.scores, answer.answers, strict=True)
        ]
        await _reply(
            send,
            200,
            {
                "model": model,
                "version": answer.version,
                "generation": answer.generation,
                "predictions": predictions,
            },
        )

    def _admit(self, method: str) -> None:
        if method != "POST":
            raise Refused(405, f"{method} is not taken here", "send a POST with the rows as JSON")
        if len(self._waiting) > MOST_WAITING:
            raise Refused(503, "the prediction log cannot keep up", "try again in a second")

    async def _answered(self, model: str, body: Any) -> Answer:
        try:
            route = await asyncio.to_thread(self._routes.get, model)
            return await asyncio.to_thread(answered, route, body)
        except UnknownModelError as error:
            raise Refused(404, error.message, error.hint) from error
        except Unfit as error:
            raise Refused(422, error.message, error.hint) from error
        except Misuse as error:
            raise Refused(400, error.message, error.hint) from error
        except WorkbenchError as error:
            raise Refused(503, error.message, error.hint) from error

    def _keep(self, answer: Answer, ids: list[str], micros: int) -> None:
        at = self._now().isoformat()
        for id_, row, score, yes in zip(ids, answer.rows, answer.scores, answer.answers, strict=True):
            kept = Prediction(
                id=id_,
                at=at,
                model=answer.model,
                version=answer.version,
                generation=answer.generation,
                input_digest=digest(row),
                features=row,
                score=score,
                answer=yes,
                latency_us=micros,
                status=200,
            )
            self._waiting.append(kept)

    def _keep_refusal(self, model: str, request_id: str, refused: Refused, micros: int) -> None:
        self._waiting.append(
            Prediction(
                id=f"{request_id}-refused",
                at=self._now().isoformat(),
                model=model[:200],
                version=None,
                generation=None,
                input_digest=None,
                features=None,
                score=None,
                answer=None,
                latency_us=micros,
                status=refused.status,
                error=refused.message[:500],
            )
        )

    async def _flush_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await asyncio.to_thread(self._flush)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            self._log.write(waiting)
        except WorkbenchError:
            self._waiting = waiting + self._waiting  # tried again; the gauge on /metrics shows it
            self._meter.count_failed_flush()


def create_app(
    routes: Routes,
    log: PredictionLog,
    *,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
    more_metrics: Callable[[], str] = str,
) -> App:
    """The gateway as an ASGI app."""
    return Gateway(routes, log, now=now, new_id=new_id, more_metrics=more_metrics)


def _model_of(path: str) -> str | None:
    """The model in "/v1/models/{model}/predict"."""
    parts = path.split("/")
    return parts[3] if len(parts) == 5 and parts[:3] == ["", "v1", "models"] and parts[4] == "predict" else None


async def _body(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the client left before the body was whole")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BYTES:
            raise Refused(413, f"the body is larger than {MOST_BYTES >> 20} MiB", "send fewer rows at once")
        if not message.get("more_body", False):
            return b"".join(parts)


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"the body is no JSON: {error}", 'send {"rows": [{…}]}') from error


async def _reply(send: Send, status: int, value: Any) -> None:
    await _send(send, status, JSON, msgspec.json.encode(value))


async def _send(send: Send, status: int, kind: tuple[bytes, bytes], body: bytes) -> None:
    headers = [kind, (b"content-length", str(len(body)).encode()), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _micros(began: float) -> int:
    return round((time.perf_counter() - began) * 1e6)


def _listed(head: Any) -> dict[str, Any]:
    return {"model": head.model, "version": head.version, "generation": head.generation}
