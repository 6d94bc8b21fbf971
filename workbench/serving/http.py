"""The little of HTTP that the gateway and the guard share: ASGI's shapes, a reply, a bounded body.

>>> Reply.json(404, {"error": "no such model"}).body
b'{"error":"no such model"}'
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping
from typing import Any, TypeVar

import msgspec

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]
Headers = tuple[tuple[bytes, bytes], ...]
Result = TypeVar("Result")


class Reply(msgspec.Struct, frozen=True):
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


async def read_body(scope: Scope, receive: Receive, *, most: int, seconds: float) -> bytes:
    """A request's whole body.

    Args:
        scope: The request's.
        receive: The request's.
        most: Bytes it may have.
        seconds: That it may take to arrive.

    Raises:
        TooLargeError: It has more; the rest is not read.
        GoneError: The client left.
        TimeoutError: It did not arrive in time.
    """
    return await within(seconds, _whole(scope, receive, most))


async def _whole(scope: Scope, receive: Receive, most: int) -> bytes:
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


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """What a coroutine comes to, if it takes no longer than this; a clock is set only once it has to wait.

    Args:
        seconds: That it may take.
        work: Not begun yet.

    Raises:
        TimeoutError: It took longer, and was cancelled.

    >>> asyncio.run(within(1.0, asyncio.sleep(0, "done")))
    'done'
    """
    try:
        first = work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    async with asyncio.timeout(seconds):
        return await _rest(work, first)


@types.coroutine
def _rest(work: Coroutine[Any, Any, Result], waited: Any) -> Generator[Any, Any, Result]:
    """A coroutine from where it first waits."""
    try:
        while True:
            try:
                got = yield waited
            except BaseException as error:  # noqa: BLE001 (whatever is thrown in is the coroutine's)
                waited = work.throw(error)
            else:
                waited = work.send(got)
    except StopIteration as done:
        result: Result = done.value
        return result
