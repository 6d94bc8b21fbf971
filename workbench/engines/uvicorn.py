"""Uvicorn: runs an ASGI app on a port or a socket of this machine, with uvloop and httptools where they are.

A connection that sends no whole head of a request in time is closed, whether it is slow, half open or
silent, and so is one whose client does not take its answer; bodies have a time of their own in the gateway.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket as sockets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.engines.accepting import Accepting
from workbench.engines.ports import BACKLOG
from workbench.errors import EngineError
from workbench.serving.http import App

if TYPE_CHECKING:
    from types import FrameType

    import uvicorn

GRACE = 5  # seconds that open requests may take when the server stops
IDLE = 30  # seconds that a connection is kept after an answer
HEAD = 10.0  # seconds in which the head of a request must come, from connecting or from its first byte
TAKEN = 30.0  # seconds in which a client must take what its connection holds of an answer
GENERATIONS = (20_000, 20, 50)  # objects, and younger collections, between two collections of rubbish
LARGEST = 1 << 20  # bytes that come before a head is whole; what is larger is closed, and not kept in memory
CONNECTIONS = 4096  # at once; more are answered with 503


class Worker(NamedTuple):
    """What makes a server one of several on an address."""

    listening: Sequence[int]  # descriptors of the sockets that it shares with the others
    socket: Path  # a Unix socket of its own, where TLS is not spoken
    app: App  # what answers there


def serve(
    app: App,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    socket: Path | None = None,
    worker: Worker | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    told_to_stop: Callable[[], None] | None = None,
) -> None:
    """Answer until SIGINT or SIGTERM comes; open requests are answered first.

    Args:
        app: What answers.
        host: The address to listen on.
        port: The port; it should have been checked.
        socket: A Unix socket in place of a port.
        worker: What it shares with others, in place of a port of its own.
        certificate: PEM file with the certificate and its chain: TLS is spoken.
        key: PEM file with the certificate's key, if it is in another file.
        told_to_stop: Called in the event loop as soon as such a signal has come, while requests are still answered
            or the app still starts.

    Raises:
        EngineError: Certificate or key cannot be read.
    """
    config = configured(app, host=host, port=port, uds=None if socket is None else str(socket))
    if certificate is not None:
        check_certificate(certificate, key)
        config.ssl_certfile, config.ssl_keyfile = str(certificate), None if key is None else str(key)
    gc.collect()
    gc.freeze()  # what is loaded by now stays: looking through it again and again would hold up answers
    gc.set_threshold(*GENERATIONS)
    _server(config, told_to_stop, worker).run(None if worker is None else [])


def check_certificate(certificate: Path, key: Path | None) -> None:
    """See whether TLS can be spoken.

    Args:
        certificate: PEM file with the certificate and its chain.
        key: PEM file with its key, if it is in another file.

    Raises:
        EngineError: It cannot.
    """
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise EngineError(
            f"TLS cannot be spoken with {certificate}: {error}", hint="give PEM files that belong together"
        ) from error


def _server(config: uvicorn.Config, told_to_stop: Callable[[], None] | None, worker: Worker | None) -> uvicorn.Server:
    """Uvicorn's server, which says when it is told to stop, and listens on a worker's own socket besides."""
    import uvicorn

    class Server(uvicorn.Server):
        """A handler of signals may hold up nothing, so the loop is asked to do it."""

        async def startup(self, sockets: list[sockets.socket] | None = None) -> None:
            await super().startup(sockets)
            if worker is not None and self.started:
                inner = configured(worker.app, lifespan="off")
                inner.load()
                loop = asyncio.get_running_loop()
                self.servers.append(await loop.create_unix_server(self._protocol(inner), worker.socket))
                self.servers.append(Accepting(_shared(worker), self._protocol(config), tls=config.ssl))  # type: ignore[arg-type]

        def _protocol(self, config: uvicorn.Config) -> Callable[[], asyncio.Protocol]:
            kind: Any = config.http_protocol_class
            state = self.lifespan.state if config is self.config else {}
            return partial(kind, config=config, server_state=self.server_state, app_state=state)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            super().handle_exit(sig, frame)
            with contextlib.suppress(RuntimeError):  # the loop is over
                if told_to_stop is not None:
                    asyncio.get_running_loop().call_soon_threadsafe(told_to_stop)

    return Server(config)


def _shared(worker: Worker) -> list[sockets.socket]:
    found = [sockets.socket(fileno=one) for one in worker.listening]
    for one in found:
        one.setblocking(False)
    return found


def configured(app: App, *, head: float = HEAD, taken: float = TAKEN, **more: Any) -> uvicorn.Config:
    """Uvicorn's settings for an app of ours.

    Args:
        app: What answers.
        head: Seconds in which the head of a request must come.
        taken: Seconds in which a client must take what its connection holds of an answer.
        more: More settings, as Uvicorn names them.
    """
    import uvicorn

    return uvicorn.Config(
        app,
        loop="auto",
        http=_patient(head, taken),
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=GRACE,
        **{"lifespan": "on", **more},
    )


class Joined:
    """A transport that puts on the wire at once what is written in one turn of the loop, as an answer's head and body.

    Each write of its own would cost a call of the system here, and a second waking of the client there.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Put this on the wire in a moment."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Close the connection once all that was written is on the wire."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(parts[0] if len(parts) == 1 else b"".join(parts))


def _patient(seconds: float, taken: float) -> type[asyncio.Protocol]:
    """Uvicorn's protocol that waits for ever neither for the head of a request nor for a client that reads nothing."""
    from uvicorn.protocols.http.auto import AutoHTTPProtocol
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    if AutoHTTPProtocol is not HttpToolsProtocol:
        return AutoHTTPProtocol

    class Patient(HttpToolsProtocol):
        """Closes a connection whose head does not come, or whose client does not take its answer."""

        late: asyncio.TimerHandle | None = None
        full: asyncio.TimerHandle | None = None
        begun = False  # a head of which the end has not come
        heard = 0  # bytes since it was begun

        def data_received(self, data: bytes) -> None:
            if self.begun:
                self.heard += len(data)
                if self.heard > LARGEST:
                    self.transport.abort()
                    return
            super().data_received(data)
            if self.begun and self.late is None:  # a head that came at once needs no clock
                self._expect()

        def connection_made(self, transport: Any) -> None:
            super().connection_made(Joined(transport, self.loop))  # type: ignore[arg-type]
            self._expect()

        def connection_lost(self, exc: Exception | None) -> None:
            self._came()
            self._taken()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            if self.full is None:
                self.full = self.loop.call_later(taken, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._taken()

        def _taken(self) -> None:
            if self.full is not None:
                self.full.cancel()
                self.full = None

        def on_message_begin(self) -> None:
            self.begun = True
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._came()
            super().on_headers_complete()

        def _expect(self) -> None:
            self.begun = True
            self.late = self.loop.call_later(seconds, self._give_up)

        def _came(self) -> None:
            self.begun, self.heard = False, 0
            if self.late is not None:
                self.late.cancel()
                self.late = None

        def _give_up(self) -> None:
            self.late = None
            if not self.transport.is_closing():
                self.transport.close()

    return Patient
