"""One request for predictions: its rows read, checked, scored, logged, answered, or refused in words."""

from __future__ import annotations

import asyncio
import itertools
import math
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.errors import EngineError, WorkbenchError
from workbench.ledger import digest
from workbench.serving.http import GoneError, Receive, Reply, Scope, TooLargeError, header, read_body
from workbench.serving.inputs import decoded
from workbench.serving.log_writer import LogWriter
from workbench.serving.meter import UNKNOWN, Meter
from workbench.serving.prediction import Prediction
from workbench.serving.routes import Route, Routes
from workbench.serving.schema import Refused, Row

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
INLINE = 64  # rows that are scored on the event loop; more go to a thread


@dataclass(frozen=True)
class Limits:
    """What one request may ask."""

    body: int = 8 << 20  # bytes
    rows: int = 10_000
    upload: float = 30.0  # seconds a client may take to send its body


class Answering:
    """The way of a request; belongs to one event loop."""

    def __init__(
        self,
        routes: Routes,
        writer: LogWriter,
        meter: Meter,
        *,
        now: Callable[[], datetime],
        durable: bool,
        limits: Limits,
    ) -> None:
        self._routes = routes
        self._writer = writer
        self._meter = meter
        self._now = now
        self._durable = durable
        self._limits = limits
        self._name = secrets.token_hex(6)  # of this process, in the ids it gives
        self._numbers = itertools.count(1)

    async def answer(self, model: str, scope: Scope, receive: Receive) -> Reply | None:
        """The answer to a request for predictions; None where the client left."""
        began = time.perf_counter()
        given = header(scope, b"x-request-id")
        request = given.decode() if REQUEST_ID.fullmatch(given) else f"r{self._name}{next(self._numbers):08x}"
        route: Route | None = None
        try:
            route = await self._route(model)
            rows = route.schema.checked(await self._rows(scope, receive))
            scores = await self._scores(route, rows)
            kept = self._kept(route, request, rows, scores, _microseconds(began))
            await self._log(kept)
        except Refused as error:
            return await self._refuse(model, route, request, began, error)
        except GoneError:
            return None
        self._meter.answered(route.head, len(kept), time.perf_counter() - began)
        return Reply.json(
            200,
            {
                "model": model,
                "version": route.head.version,
                "generation": route.head.generation,
                "request": request,
                "predictions": [{"id": p.id, "score": p.score, "answer": p.answer} for p in kept],
            },
        )

    async def _route(self, model: str) -> Route:
        route = self._routes.find(model) or await self._routes.settled(model)
        if route is not None:
            return route
        try:
            standing = self._routes.standing(model)
        except EngineError as error:
            raise Refused("the ledger cannot be read", hint=error.hint, status=503) from error
        if standing == "unknown":
            known = ", ".join(self._routes.all) or "none yet"
            raise Refused(f"there is no model {model[:100]!r}", hint=f"models that answer: {known}", status=404)
        if standing == "no champion":
            raise Refused(f"{model} has no champion", hint=f"workbench promote {model} VERSION --why …", status=409)
        raise Refused(f"the champion of {model} does not load", hint="GET /v1/models says why", status=503)

    async def _rows(self, scope: Scope, receive: Receive) -> list[Any]:
        kind = header(scope, b"content-type").partition(b";")[0].strip().lower()
        if kind != b"application/json" and not kind.endswith(b"+json"):
            got = kind.decode("latin-1")[:80] or "nothing"
            raise Refused(f"the content type is {got!r}", hint="send Content-Type: application/json", status=415)
        try:
            async with asyncio.timeout(self._limits.upload):
                body = await read_body(scope, receive, most=self._limits.body)
        except TooLargeError:
            most = f"{self._limits.body:,} bytes"
            raise Refused(f"the body has more than {most}", hint="send several requests", status=413) from None
        except TimeoutError:
            raise Refused("the body did not arrive in time", hint="send it faster, or in parts", status=408) from None
        return decoded(body, most=self._limits.rows)

    async def _scores(self, route: Route, rows: Sequence[Row]) -> list[float]:
        try:
            if len(rows) <= INLINE:
                scores = _scored(route, rows)
            else:
                scores = await asyncio.to_thread(_scored, route, rows)
        except WorkbenchError as error:
            raise Refused(error.message, hint="the version is at fault; roll it back", status=500) from error
        return scores

    def _kept(
        self, route: Route, request: str, rows: Sequence[Row], scores: Sequence[float], latency_us: int
    ) -> list[Prediction]:
        at = self._now()
        head, threshold = route.head, route.predictor.version.threshold
        return [
            Prediction(
                id=f"p{self._name}{next(self._numbers):08x}",
                at=at,
                model=head.model,
                version=head.version,
                generation=head.generation,
                request=request,
                input_digest=digest(row),
                features=row,
                score=score,
                answer=None if threshold is None else score >= threshold,
                latency_us=latency_us,
                status=200,
            )
            for row, score in zip(rows, scores, strict=True)
        ]

    async def _log(self, kept: Sequence[Prediction]) -> None:
        if not self._durable:
            self._writer.add(kept)
            return
        try:
            await self._writer.keep(kept)
        except EngineError as error:
            raise Refused("the prediction could not be logged", hint=error.hint, status=503) from error

    async def _refuse(self, model: str, route: Route | None, request: str, began: float, error: Refused) -> Reply:
        """Log and count a request that is not answered; a model that nobody knows is counted only."""
        known = route is not None or error.status in {409, 503}
        if known:
            head = route.head if route is not None else None
            row = Prediction(
                id=f"p{self._name}{next(self._numbers):08x}",
                at=self._now(),
                model=model,
                version=head.version if head else None,
                generation=head.generation if head else None,
                request=request,
                input_digest=None,
                features=None,
                score=None,
                answer=None,
                latency_us=_microseconds(began),
                status=error.status,
                error=error.message[:500],
            )
            self._writer.add([row])
        self._meter.refused(model if known else UNKNOWN, error.status, time.perf_counter() - began)
        return Reply.problem(
            error.status,
            error.message,
            hint=error.hint,
            headers=((b"connection", b"close"),) if error.status in {408, 413} else (),
            request=request,
            problems=[vars(problem) for problem in error.problems],
        )


def _scored(route: Route, rows: Sequence[Row]) -> list[float]:
    """One finite score a row.

    Raises:
        EngineError: The model failed, or gave something else.
        WorkbenchError: What the predictor itself says.
    """
    subject = f"{route.head.model} {route.head.version}"
    try:
        scores = [float(score) for score in route.predictor.score(route.schema.frame(rows))]
    except WorkbenchError:
        raise
    except Exception as error:
        raise EngineError(f"{subject} failed on this input: {type(error).__name__}: {error}") from error
    if len(scores) != len(rows) or not all(map(math.isfinite, scores)):
        raise EngineError(f"{subject} did not give one finite score a row")
    return scores


def _microseconds(began: float) -> int:
    return int((time.perf_counter() - began) * 1e6)
