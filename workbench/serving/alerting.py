"""Alerts that come in: Alertmanager's webhook (version 4), read with care and handed on; nobody may send without a key.

An alert may roll a model back, so it takes the gateway's token or a key made for alerts; a gateway that is
open to whoever reaches it takes none. What is read has a bounded size, and texts are cut: names of labels and
their values end up in the ledger.

>>> told = b'{"version": "4", "status": "firing", "alerts": [{"status": "firing", "fingerprint": "a1", '
>>> told += b'"labels": {"alertname": "GatewayDown"}, "startsAt": "2026-01-01T12:00:00Z"}]}'
>>> read(told)[0].labels["alertname"]
'GatewayDown'
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from workbench.errors import WorkbenchError
from workbench.serving.answering import CLIENT
from workbench.serving.http import GoneError, Receive, Reply, Scope, TooLargeError, read_body
from workbench.serving.keys import Key

SCOPE = "alerts:write"  # of a key; no model has such a name
MOST_BYTES = 1 << 20
MOST_ALERTS = 1000
MOST_LABELS = 60
MOST_TEXT = 500  # characters of a label or a summary
UPLOAD = 10.0  # seconds in which a message arrives


class SentAlert(NamedTuple):
    """One alert as it was sent, cut to size."""

    fingerprint: str
    firing: bool
    labels: Mapping[str, str]
    summary: str
    starts_at: datetime


Heard = Callable[[Sequence[SentAlert]], Mapping[str, Any]]  # keeps alerts, and says what came of them


class _One(msgspec.Struct):
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    startsAt: datetime  # noqa: N815 (Alertmanager's own name)
    fingerprint: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{1,64}$")]
    annotations: dict[str, str] = {}


class _Message(msgspec.Struct):
    version: Literal["4"]
    alerts: list[_One]
    truncatedAlerts: int = 0  # noqa: N815 (Alertmanager's own name)


_DECODER = msgspec.json.Decoder(_Message)


class Alerting:
    """Takes alerts."""

    def __init__(self, heard: Heard, *, guarded: bool) -> None:
        self._heard = heard
        self._guarded = guarded  # whether who comes this far has shown a token or a key

    async def answer(self, scope: Scope, receive: Receive) -> Reply | None:
        """The answer to a message of alerts; None where the sender left."""
        key: Key | None = scope.get(CLIENT)
        if not self._guarded or (key is not None and SCOPE not in key.scopes):
            hint = "workbench key create alertmanager --alerts, and workbench serve --keys (or --token-file)"
            return Reply.problem(403, "alerts are taken with the token, or with a key made for them", hint=hint)
        try:
            body = await read_body(scope, receive, most=MOST_BYTES, seconds=UPLOAD)
            alerts = read(body)
        except GoneError:
            return None
        except TooLargeError:
            return Reply.problem(413, f"the message has more than {MOST_BYTES:,} bytes", hint="set max_alerts")
        except TimeoutError:
            return Reply.problem(408, "the body did not arrive in time", hint="send it again")
        except ValueError as error:
            return Reply.problem(
                422, f"the alerts cannot be read: {error}", hint="send Alertmanager's webhook, version 4"
            )
        try:
            return Reply.json(200, await asyncio.to_thread(self._heard, alerts))
        except WorkbenchError as error:
            return Reply.problem(503, "the alerts could not be kept", hint=error.hint)


def read(body: bytes) -> list[SentAlert]:
    """The alerts of a message.

    Raises:
        ValueError: It is none of Alertmanager's, or too long.
    """
    try:
        told = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if len(told.alerts) > MOST_ALERTS:
        raise ValueError(f"{len(told.alerts)} alerts; at most {MOST_ALERTS} are taken at once")
    found = []
    for one in told.alerts:
        if one.startsAt.utcoffset() is None:
            raise ValueError(f"startsAt of {one.fingerprint} has no offset")
        if len(one.labels) > MOST_LABELS:
            raise ValueError(f"{one.fingerprint} has {len(one.labels)} labels; at most {MOST_LABELS} are taken")
        labels = {_cut(name): _cut(value) for name, value in one.labels.items()}
        summary = one.annotations.get("summary") or labels.get("alertname") or "an alert without a name"
        found.append(SentAlert(one.fingerprint.lower(), one.status == "firing", labels, _cut(summary), one.startsAt))
    return found


def _cut(text: str) -> str:
    """One line of bounded length that the ledger can keep."""
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "?" for c in line[:MOST_TEXT])
