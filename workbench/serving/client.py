"""A client of the gateway in the same process: the whole app answers, and no port is opened.

For the demo and for tests; what it sends takes the same way as what comes from the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from workbench.errors import EngineError
from workbench.serving.http import App, Message


@dataclass(frozen=True)
class Request:
    """One request; a body that is not bytes is sent as JSON."""

    path: str  # with its query
    body: Any = None
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return msgspec.json.decode(self.body)


class Client:
    """Asks one app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def ask(self, request: Request) -> Answer:
        """The app's answer.

        Raises:
            EngineError: It gave none.
        """
        address = urlsplit(request.path)
        raw = request.body if isinstance(request.body, bytes) else msgspec.json.encode(request.body)
        sent = {"host": "127.0.0.1", "content-type": "application/json", **request.headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "path": unquote(address.path),
            "raw_path": address.path.encode(),
            "query_string": address.query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 0),
            "scheme": "http",
        }
        came: list[Message] = []
        bodies = iter([{"type": "http.request", "body": raw, "more_body": False}])

        async def receive() -> Message:
            return next(bodies, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            came.append(message)

        await self._app(scope, receive, send)
        if not came:
            raise EngineError(f"{request.method} {request.path} was not answered")
        headers = {name.decode(): value.decode() for name, value in came[0]["headers"]}
        return Answer(came[0]["status"], headers, b"".join(message.get("body", b"") for message in came[1:]))


@asynccontextmanager
async def living(app: App) -> AsyncIterator[Client]:
    """A client of an app that is started before and stopped after, as a server does it."""
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    outbox: asyncio.Queue[Message] = asyncio.Queue()
    life = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    await outbox.get()
    try:
        yield Client(app)
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await outbox.get()
        await life


def ask_in_process(app: App, requests: Iterable[Request]) -> list[Answer]:
    """Start an app, ask it one request after the other, and stop it; all is logged when this returns."""

    async def asked() -> list[Answer]:
        async with living(app) as client:
            return [await client.ask(request) for request in requests]

    return asyncio.run(asked())
