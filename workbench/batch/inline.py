"""The inline lane: a fork of the zygote that runs cells without ZeroMQ, and a frontend for it.

To nbclient it is a kernel manager and a client like any other; their channels are one local socket. For
batch runs, which need no frontend, it is the fastest way that is faithful.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from base64 import b64decode
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty
from typing import Any

from workbench.batch.frame import framed, quick_imports
from workbench.batch.lanes import Ended, Job, OnCell, kernel_environment
from workbench.batch.warm import Child, Zygote, wire


def inline(job: Job, on_cell: OnCell | None = None, *, zygote: Zygote) -> Ended:
    """Run a notebook's cells in a fork of a zygote, without ZeroMQ.

    Raises:
        Unavailable: There is no zygote to be had, or it gave no child.
        RuntimeError: papermill failed before there was a kernel.
    """
    zygote.start()
    kernel = LocalKernel(zygote, environ=kernel_environment(job), folder=job.workspace)
    try:
        return framed(job, on_cell, kernel, "inline")
    finally:
        kernel.close()


class LocalKernel:
    """A fork of the zygote in the shape that nbclient knows a kernel manager in."""

    when_dead: Callable[[], Any] | None = None

    def __init__(self, zygote: Zygote, *, environ: Mapping[str, str], folder: Path) -> None:
        self._zygote = zygote
        self._environ = environ
        self._folder = folder
        self._child: Child | None = None
        self._socket: socket.socket | None = None
        self._client: LocalClient | None = None

    @property
    def pid(self) -> int | None:
        """Its process; None until it runs."""
        return self._child.pid if self._child else None

    @property
    def has_kernel(self) -> bool:
        """Whether it was started."""
        return self._child is not None

    async def start_kernel(self, **_: Any) -> None:
        """Fork it."""
        self.start()

    def start(self) -> None:
        """Fork it, without an event loop.

        Raises:
            Unavailable: It cannot be forked.
            OSError: There is no socket to be had.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._socket = ours
            self._child = self._zygote.fork(
                "inline",
                environ=self._environ,
                folder=str(self._folder),
                files=[theirs.fileno()],
            )

    def client(self) -> LocalClient:
        """The frontend's end.

        Raises:
            RuntimeError: It was not started.
        """
        if self._socket is None:
            raise RuntimeError("the kernel was not started")
        self._client = LocalClient(self._socket, self)
        return self._client

    async def is_alive(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.poll() is None

    async def interrupt_kernel(self) -> None:
        """A KeyboardInterrupt in the cell that runs."""
        if self._child is not None:
            self._child.signal(signal.SIGINT)

    async def shutdown_kernel(self, **_: Any) -> None:
        """End it."""
        self.end()

    async def cleanup_resources(self, **_: Any) -> None:
        """Nothing is left."""

    def end(self) -> None:
        """End it with all that it started; again does no harm."""
        if self._child is not None and self._child.poll() is None:
            self._child.end()

    def close(self) -> None:
        """Let go of the socket."""
        if self._client is not None:
            self._client.stop_channels()
        if self._socket is not None:
            self._socket.close()


class Channel:
    """The messages of one channel, as they come."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self.waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.send = send

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """The next message.

        Raises:
            Empty: None came in time.
        """
        with contextlib.suppress(asyncio.QueueEmpty):
            return self.waiting.get_nowait()
        try:
            return await asyncio.wait_for(self.waiting.get(), timeout)
        except TimeoutError as error:
            raise Empty from error


class LocalClient:
    """The channels to an inline kernel, in the shape that nbclient knows a kernel client in."""

    allow_stdin = False

    def __init__(self, sock: socket.socket, kernel: LocalKernel) -> None:
        with quick_imports():
            from jupyter_client.session import Session

        self.session = Session()
        self._socket = sock
        self._kernel = kernel
        self._loop: asyncio.AbstractEventLoop | None = None
        self.shell_channel = Channel(self._send)
        self.iopub_channel = Channel(self._send)

    async def start_channels(self) -> None:
        """Listen."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._hear)

    def stop_channels(self) -> None:
        """Listen no more."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """It takes messages from the moment it is forked."""

    async def is_alive(self) -> bool:
        """Whether its process runs."""
        return await self._kernel.is_alive()

    def execute(self, code: str, *, store_history: bool = True, stop_on_error: bool = True) -> str:
        """Send a cell; the message's id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": store_history,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": stop_on_error,
        }
        return self._ask("execute_request", content)

    def kernel_info(self) -> str:
        """Ask what it is; the message's id."""
        return self._ask("kernel_info_request", {})

    def _ask(self, kind: str, content: dict[str, Any]) -> str:
        message = self.session.msg(kind, content)
        self._send(message)
        return str(message["header"]["msg_id"])

    def _send(self, message: dict[str, Any]) -> None:
        header = {**message["header"], "date": str(message["header"]["date"])}
        with contextlib.suppress(OSError):  # it is gone: that is told by what is read
            wire.send(self._socket, {**message, "header": header, "buffers": []})

    def _hear(self) -> None:
        """Take one message; at the end, say that the kernel is gone."""
        from jupyter_client.jsonutil import parse_date

        try:
            body, _ = wire.receive(self._socket, most=wire.LARGEST)  # a cell may show what it likes
        except (OSError, ValueError):
            body = None
        if body is None:
            self.stop_channels()
            if self._kernel.when_dead is not None:
                self._kernel.when_dead()
            return
        message = body["message"]
        message["header"]["date"] = parse_date(message["header"]["date"])
        message["buffers"] = [b64decode(part) for part in message.get("buffers", ())]
        channel = self.shell_channel if body["channel"] == "shell" else self.iopub_channel
        channel.waiting.put_nowait(message)
