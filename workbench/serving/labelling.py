"""Labels that come late: the truth about earlier answers, joined by the id that each answer was given.

    {"labels": [{"id": "p5f0c…", "label": 1}], "source": "collections"}

Ids that no prediction has are named in the answer and not kept: they would never be joined.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Protocol

import msgspec

from workbench.errors import EngineError
from workbench.serving.answering import CLIENT, Limits
from workbench.serving.http import GoneError, Receive, Reply, Scope, TooLargeError, read_body
from workbench.serving.prediction import Label

SHOWN = 20  # ids told at once


class LabelStore(Protocol):
    """Where labels go."""

    def models_of(self, ids: Sequence[str], /) -> Mapping[str, str]:
        """The model of each of these predictions that was scored, by id."""
        ...

    def label(self, labels: Sequence[Label], /) -> None:
        """Keep labels; of several of one prediction, the latest stands."""
        ...


class One(msgspec.Struct, forbid_unknown_fields=True):
    """One label as it is sent."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    label: float | bool


class Sent(msgspec.Struct, forbid_unknown_fields=True):
    """What is sent."""

    labels: Annotated[list[One], msgspec.Meta(min_length=1)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Labelling:
    """Takes labels."""

    def __init__(self, log: LabelStore, *, now: Callable[[], datetime], limits: Limits) -> None:
        self._log = log
        self._now = now
        self._limits = limits

    async def answer(self, scope: Scope, receive: Receive) -> Reply | None:
        """The answer to labels that are sent; None where the client left."""
        try:
            body = await read_body(scope, receive, most=self._limits.body, seconds=self._limits.upload)
            sent = msgspec.json.decode(body, type=Sent)
        except GoneError:
            return None
        except TooLargeError:
            return Reply.problem(413, "there are too many labels", hint="send several requests")
        except TimeoutError:
            return Reply.problem(408, "the body did not arrive in time", hint="send it in parts")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            hint = '{"labels": [{"id": "p…", "label": 1}], "source": "collections"}'
            return Reply.problem(422, f"the labels cannot be read: {error}", hint=hint)
        if len(sent.labels) > self._limits.rows:
            return Reply.problem(413, f"at most {self._limits.rows} labels are taken", hint="send several requests")
        try:
            return await asyncio.to_thread(self._keep, sent, scope.get(CLIENT))
        except EngineError as error:
            return Reply.problem(503, "the labels could not be kept", hint=error.hint)

    def _keep(self, sent: Sent, key: Any) -> Reply:
        labels, unknown = [], []
        at = self._now()
        models = self._log.models_of([one.id for one in sent.labels])
        for one in sent.labels:
            model = models.get(one.id)
            if model is None or (key is not None and not key.may(model)):
                unknown.append(one.id)
            else:
                labels.append(Label(one.id, float(one.label), at, sent.source))
        self._log.label(labels)
        told = {"kept": len(labels), "unknown": len(unknown), "ids": unknown[:SHOWN]}
        return Reply.json(200 if labels else 404, told)
