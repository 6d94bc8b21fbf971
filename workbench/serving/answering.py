"""One request for predictions: let in, read, checked, scored, logged, answered, or refused in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from workbench.errors import EngineError, WorkbenchError
from workbench.serving.access_log import AccessLog
from workbench.serving.admission import Admission, Pass
from workbench.serving.batching import RowError
from workbench.serving.holding import HELD, Holding, parts
from workbench.serving.http import GoneError, Receive, Reply, Scope, TooLargeError, header, read_body, within
from workbench.serving.inputs import decoded
from workbench.serving.keys import Key
from workbench.serving.log_rows import LogPolicy
from workbench.serving.log_writer import LogWriter
from workbench.serving.meter import UNKNOWN, Meter
from workbench.serving.naming import Naming
from workbench.serving.prediction import Block
from workbench.serving.replies import own_form, plain_form, refusal
from workbench.serving.routes import CHAMPION, Choice, Route, Routes
from workbench.serving.schema import Refused
from workbench.serving.shadowing import Copy, Shadows
from workbench.serving.sifting import MOST as MOST_JUDGED
from workbench.serving.sifting import Sifted

UNIT = b"x-workbench-unit"  # header: what a share of a slot is given by
MOST_UNIT = 200  # characters of it
CLIENT = "workbench.key"  # where the door leaves the client's key in the scope


@dataclass(frozen=True)
class Limits:
    """What one request may ask, and how many may ask at once."""

    body: int = 8 << 20  # bytes
    rows: int = 10_000
    upload: float = 30.0  # seconds a client may take to send its body
    answer: float = 60.0  # seconds that scoring may take
    open: int = 1024  # requests that are answered at once; more are sent away


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What is known of a request before it is read."""

    model: str
    request: str  # its id
    began: float
    key: Key | None
    plain: bool  # answered in MLflow's form
    path: str
    unit: str | None = None  # what a share of a slot is given by; None: the request's id


class Answering:
    """The way of a request; belongs to one event loop."""

    def __init__(
        self,
        routes: Routes,
        writer: LogWriter,
        meter: Meter,
        admission: Admission,
        *,
        now: Callable[[], datetime],
        durable: bool,
        limits: Limits,
        policy: LogPolicy,
        access: AccessLog | None = None,
        shadows: Shadows | None = None,
        holding: Holding | None = None,
    ) -> None:
        self._routes = routes
        self._shadows = shadows
        self._holding = holding
        self._writer = writer
        self._meter = meter
        self._admission = admission
        self._now = now
        self._durable = durable
        self._limits = limits
        self._policy = policy
        self._access = access
        self._naming = Naming()

    async def answer(self, model: str, scope: Scope, receive: Receive, *, plain: bool = False) -> Reply | None:
        """The answer to a request for predictions; None where the client left.

        Args:
            model: The model that is asked.
            scope: The request's.
            receive: The request's.
            plain: Answer as MLflow's scoring server does: a list of scores, or of answers where there is a threshold.
        """
        unit = header(scope, UNIT).decode("latin-1") or None
        asked = Asked(
            model, self._naming.request(scope), time.perf_counter(), scope.get(CLIENT), plain, scope["path"], unit
        )
        choice: Choice | None = None
        try:
            let_in = self._admission.enter(asked.key, model)
        except Refused as error:  # at the door: counted, and not logged, or a flood would fill the log
            return self._refusal(asked, error, known=model in self._routes.all)
        try:
            choice = await self._choose(asked)
            records = choice.route.schema.read(await self._body(scope, receive), self._decoded)
            return await self._scored(asked, let_in, choice, records)
        except Refused as error:
            return self._refuse(asked, choice, error)
        except GoneError:
            return None
        finally:
            self._admission.leave(let_in)

    async def _scored(self, asked: Asked, let_in: Pass, choice: Choice, records: Sequence[Any]) -> Reply:
        route = choice.route
        if len(records) > self._limits.rows:
            raise Refused(
                f"there are {len(records)} rows; at most {self._limits.rows} are taken",
                hint="send several requests",
                status=413,
            )
        self._admission.claim(let_in, len(records))
        rows = list(map(route.schema.records.values, records))
        scores = await self._wait(route, rows)
        failed = [score for score in scores if type(score) is RowError]
        if failed and (asked.plain or len(failed) == len(scores)):
            subject = f"{route.head.model} {route.head.version}"
            told = str(failed[0]) if failed[0].known else f"{subject} failed on this input: {failed[0]}"
            raise Refused(told, hint="the version is at fault; roll it back", status=500)
        block = self._block(asked, choice, records, scores, failed=bool(failed))
        sifted = None
        if self._holding is not None and self._holding.sieve.concerns(asked.model):
            sifted = await self._sift(self._holding, block)
        taken = self._policy.takes(asked.model, asked.request)
        if sifted is not None:  # what people decide on is logged whatever the sample
            await self._log(parts(block, sifted))
        elif taken:
            await self._log([block])
        if taken:
            self._copy(block, route)
        seconds = time.perf_counter() - asked.began
        status = HELD if sifted is not None and sifted.held else 200
        self._meter.answered(route.head, len(scores) - len(failed), seconds, status=status)
        self._note(asked, status, seconds, len(scores))
        unusual = route.schema.unusual(rows)
        if asked.plain:
            return plain_form(block, asked.path, sifted)
        return own_form(block, unusual, asked.path, sifted)

    async def _sift(self, holding: Holding, block: Block) -> Sifted | None:
        """What may not be given of a request's answers; None where all of it may.

        Raises:
            Refused: There are too many rows, people cannot be asked, or the policy refuses all of it.
        """
        if block.size > MOST_JUDGED:
            raise Refused(
                f"answers of {block.model} are judged one by one; at most {MOST_JUDGED} rows are taken",
                hint="send several requests",
                status=413,
            )
        try:
            sifted = await holding.sieve.sift(block)
        except WorkbenchError as error:
            raise Refused(
                "nobody can be asked about this answer, and it is not given without",
                hint=error.hint or error.message,
                status=503,
                retry_after=5,
            ) from error
        if len(sifted.refused) == block.size:
            why = next(iter(sifted.refused.values()))
            raise Refused(f"the policy refuses this answer: {why}", hint="answer.rego says when", status=403)
        return sifted if sifted.held or sifted.refused else None

    def _copy(self, block: Block, route: Route) -> None:
        """Have the version in shadow answer too, once this answer was sent."""
        if self._shadows is not None and (shadow := self._routes.shadow(block.model)) is not None:
            self._shadows.take(Copy(shadow, block, route.schema))

    async def _wait(self, route: Route, rows: Sequence[tuple[Any, ...]]) -> Sequence[float | RowError]:
        if route.batches.quick(len(rows)):
            return await route.batches.scores(rows)
        try:
            return await within(self._limits.answer, route.batches.scores(rows))
        except TimeoutError:
            most = self._limits.answer
            raise Refused(
                f"the model did not answer within {most:g} s", hint="send fewer rows", status=503, retry_after=1
            ) from None

    async def _choose(self, asked: Asked) -> Choice:
        model, unit = asked.model, asked.unit or asked.request
        if len(unit) > MOST_UNIT:
            raise Refused(f"the unit has {len(unit)} characters; at most {MOST_UNIT} are taken", hint="send its digest")
        choice = self._routes.choose(model, unit)
        if choice is None and await self._routes.settled(model) is not None:
            choice = self._routes.choose(model, unit)
        if choice is not None:
            return choice
        try:
            standing = self._routes.standing(model)
        except EngineError as error:
            raise Refused("the ledger cannot be read", hint=error.hint, status=503) from error
        if standing == "unknown":
            known = ", ".join(self._routes.all) or "none yet"
            raise Refused(f"there is no model {model[:100]!r}", hint=f"models that answer: {known}", status=404)
        if standing == "no champion":
            raise Refused(f"{model} has no champion", hint=f"workbench promote {model} VERSION --why …", status=409)
        deadly = self._routes.given_up.get((model, CHAMPION))
        why, hint = (f": {deadly.message}", deadly.hint) if deadly else ("", "GET /v1/models says why")
        raise Refused(f"the champion of {model} does not load{why}", hint=hint, status=503)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        kind = header(scope, b"content-type").partition(b";")[0].strip().lower()
        if kind != b"application/json" and not kind.endswith(b"+json"):
            got = kind.decode("latin-1")[:80] or "nothing"
            raise Refused(f"the content type is {got!r}", hint="send Content-Type: application/json", status=415)
        return await body_of(scope, receive, self._limits)

    def _decoded(self, body: bytes) -> list[Any]:
        return decoded(body, most=self._limits.rows)

    def _block(
        self, asked: Asked, choice: Choice, records: Sequence[Any], scores: Sequence[float | RowError], *, failed: bool
    ) -> Block:
        head = choice.route.head
        return Block(
            ids=[self._naming.prediction() for _ in records],
            at=self._now(),
            model=head.model,
            version=head.version,
            generation=head.generation,
            request=asked.request,
            records=records,
            scores=[None if type(score) is RowError else score for score in scores] if failed else scores,  # type: ignore[misc, arg-type]
            threshold=choice.route.predictor.version.threshold,
            latency_us=int((time.perf_counter() - asked.began) * 1e6),
            errors=[str(score) if type(score) is RowError else None for score in scores] if failed else (),
            variant=choice.variant,
            propensity=choice.propensity,
            client=None if asked.key is None else asked.key.id,
            unit=asked.unit,
        )

    async def _log(self, blocks: Sequence[Block]) -> None:
        if not self._durable:
            self._writer.add(blocks)
            return
        try:
            await self._writer.keep(blocks)
        except EngineError as error:
            raise Refused("the prediction could not be logged", hint=error.hint, status=503) from error

    def _refuse(self, asked: Asked, choice: Choice | None, error: Refused) -> Reply:
        """Log a request that is not answered; one for a model that nobody knows is counted only."""
        known = choice is not None or error.status in {409, 503}
        if known and self._policy.takes(asked.model, asked.request):  # a sample is one of answers and failures alike
            refused = Block.refused(
                self._naming.prediction(), self._now(), asked.model, asked.request, error.status, error.message,
                head=choice.route.head if choice is not None else None,
                variant=choice.variant if choice is not None else None,
                propensity=choice.propensity if choice is not None else None,
                client=None if asked.key is None else asked.key.id,
                unit=asked.unit, seconds=time.perf_counter() - asked.began,
            )  # fmt: skip
            self._writer.add([refused])
        return self._refusal(asked, error, known=known)

    def _refusal(self, asked: Asked, error: Refused, *, known: bool) -> Reply:
        """Count a request that is not answered, and say why."""
        seconds = time.perf_counter() - asked.began
        self._meter.refused(asked.model if known else UNKNOWN, error.status, seconds)
        self._note(asked, error.status, seconds, 0, known=known)
        return refusal(error, request=asked.request, problems=[vars(problem) for problem in error.problems])

    def _note(self, asked: Asked, status: int, seconds: float, rows: int, *, known: bool = True) -> None:
        if self._access is not None:
            client = "" if asked.key is None else asked.key.id
            model = asked.model if known else UNKNOWN
            self._access.add(
                "predict", "POST", status, seconds, model=model, request=asked.request, client=client, rows=rows
            )


async def body_of(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """A request's body within its limits.

    Raises:
        Refused: It is too large (413) or too slow (408).
        GoneError: The client left.
    """
    try:
        return await read_body(scope, receive, most=limits.body, seconds=limits.upload)
    except TooLargeError:
        most = f"{limits.body:,} bytes"
        raise Refused(f"the body has more than {most}", hint="send several requests", status=413) from None
    except TimeoutError:
        raise Refused("the body did not arrive in time", hint="send it faster, or in parts", status=408) from None
