"""The little of HTTP that the gateway and the guard share: ASGI's shapes, a reply, a bounded body.

>>> Reply.json(404, {"error": "no such model"}).body
b'{"error":"no such model"}'
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer."""

    status: int
    body: bytes = b""
    content_type: bytes = b"application/json"
    headers: Headers = ()

    @classmethod
    def json(cls, status: int, value: Any, headers: Headers = ()) -> Reply:
        """A value as JSON; NaN becomes null."""
        return cls(status, msgspec.json.encode(value), headers=headers)

    @classmethod
    def problem(cls, status: int, message: str, *, hint: str = "", headers: Headers = (), **more: Any) -> Reply:
        """What is wrong, and the way out."""
        return cls.json(status, {"error": {"status": status, "message": message, "hint": hint, **more}}, headers)

    async def send(self, send: Send) -> None:
        """Put the answer on the wire."""
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", str(len(self.body)).encode()),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class TooLargeError(Exception):
    """A body is larger than it may be."""


class GoneError(Exception):
    """The client left before its request was whole."""


def header(scope: Scope, name: bytes) -> bytes:
    """A request's header, the first of its name, empty where there is none."""
    value: bytes
    for found, value in scope["headers"]:
        if found == name:
            return value
    return b""


async def read_body(scope: Scope, receive: Receive, *, most: int) -> bytes:
    """A request's whole body.

    Args:
        scope: The request's.
        receive: The request's.
        most: Bytes it may have.

    Raises:
        TooLargeError: It has more; the rest is not read.
        GoneError: The client left.
    """
    length = header(scope, b"content-length")
    if length.isdigit() and int(length) > most:
        raise TooLargeError
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise TooLargeError
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)
