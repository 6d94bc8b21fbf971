"""The inline lane: IPython's own kernel object without ZeroMQ, its messages on one local socket.

Everything a cell does goes through the code that a real ipykernel runs: the shell, the display hook and
publisher, comms, magics, tracebacks. Only the sockets are replaced. What is written to the files 1 and 2
themselves, by a child process say, is caught in a file without a name and told in its place.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import fcntl
import io
import logging
import os
import signal
import socket
import sys
import threading
from base64 import b64encode
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from ipykernel import ipkernel
from ipykernel.ipkernel import IPythonKernel
from ipykernel.zmqshell import ZMQInteractiveShell
from jupyter_client.session import Session, json_packer
from traitlets import Any as AnyTrait
from traitlets.config import Config

from workbench.batch.warm import wire

FLUSH = 1 << 16  # characters that are gathered before they are sent
ENOUGH = 64 << 20  # bytes of one cell's output to the files themselves that are kept
SHELL, IOPUB = "shell", "iopub"


class Quiet:
    """What stands where a kernel has a ZeroMQ socket; knows its channel's name, sends nothing."""

    def __init__(self, channel: str) -> None:
        self.channel = channel

    def flush(self, *_: Any, **__: Any) -> None:
        """Nothing waits."""


class LocalSession(Session):
    """A session that writes each message to one socket."""

    wire: socket.socket | None = None
    one = threading.Lock()

    def send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,  # noqa: ARG002
        buffers: Any = None,
        track: bool = False,  # noqa: ARG002
        header: Any = None,
        metadata: Any = None,
    ) -> Any:
        """Send a message on the channel that a stream stands for."""
        if isinstance(msg_or_type, str):
            msg = self.msg(msg_or_type, content=content, parent=parent, header=header, metadata=metadata)
        else:
            msg = msg_or_type
            buffers = buffers or msg.get("buffers")
        if self.wire is not None and os.getpid() == self.pid:  # a process that a cell forks says nothing
            told = {**msg, "buffers": [b64encode(memoryview(part).cast("B")).decode() for part in buffers or ()]}
            content = json_packer({"channel": stream.channel, "message": told})
            with self.one:  # cells may have threads
                self.wire.sendall(wire.LENGTH.pack(len(content)) + content)
        return msg


class Stream(io.TextIOBase):
    """Standard output or error of a cell: text, gathered and told as the stream of that name."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, number: int, session: LocalSession) -> None:
        super().__init__()
        self.name = name
        self._number = number
        self._session = session
        self._text: list[str] = []
        self._size = 0
        self._parent: Any = {}
        self.caught: Caught | None = None

    def set_parent(self, parent: Any) -> None:
        """Whose output it is from now on."""
        self._parent = parent

    def write(self, text: str) -> int:
        """Take text; it is told when there is much of it, or when something else is.

        Raises:
            TypeError: It is no text.
        """
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if os.getpid() != self._session.pid:  # a process that a cell forked
            return os.write(self._number, text.encode("utf-8", "replace"))
        if self.caught is not None and self.caught.waits():
            self.flush()
            self.caught.tell()
        other = sys.stderr if self.name == "stdout" else sys.stdout
        if isinstance(other, Stream) and other is not self and other._text:  # the order between the two is kept
            other.flush()
        self._text.append(text)
        self._size += len(text)
        if self._size >= FLUSH:
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Tell what was gathered."""
        if self._text:
            text, self._text, self._size = "".join(self._text), [], 0
            self.say(text)

    def say(self, text: str) -> None:
        """Send text as output of the cell."""
        self._session.send(Quiet(IOPUB), "stream", {"name": self.name, "text": text}, parent=self._parent)

    def fileno(self) -> int:
        """The file itself."""
        return self._number

    def isatty(self) -> bool:
        """Never."""
        return False

    def writable(self) -> bool:
        """Always."""
        return True


class Caught:
    """What is written to a standard file itself, past Python."""

    def __init__(self, stream: Stream, number: int) -> None:
        self._stream = stream
        self._file = os.memfd_create(stream.name)
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_APPEND)
        os.dup2(self._file, number)

    def waits(self) -> bool:
        """Whether there is something to tell."""
        return os.fstat(self._file).st_size > 0

    def tell(self) -> None:
        """Tell what was written since."""
        size = os.fstat(self._file).st_size
        if not size:
            return
        text = os.pread(self._file, min(size, ENOUGH), 0).decode("utf-8", "replace")
        os.ftruncate(self._file, 0)
        if size > ENOUGH:
            text += f"\n[{size - ENOUGH} more bytes were not kept]\n"
        self._stream.say(text)


class InlineKernel(IPythonKernel):
    """IPython's kernel, told what to do by messages of one socket."""

    shell: Any
    session: LocalSession
    shell_stream = AnyTrait()
    iopub_socket = AnyTrait()
    stdin_socket = AnyTrait()
    _supports_kernel_subshells = False

    async def handle(self, message: dict[str, Any]) -> None:
        """Do what one message of the shell channel asks."""
        self.set_parent([], message, channel=SHELL)  # type: ignore[no-untyped-call]
        self._publish_status("busy", SHELL)  # type: ignore[no-untyped-call]
        handler = self.shell_handlers.get(message["header"]["msg_type"])
        if handler is not None:
            result = handler(self.shell_stream, [], message)
            if asyncio.iscoroutine(result):
                await result
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(ValueError, AttributeError):
                stream.flush()
            if isinstance(stream, Stream) and stream.caught is not None:
                stream.caught.tell()
        self._publish_status("idle", SHELL)  # type: ignore[no-untyped-call]

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        """Nothing is queued: a cell is sent when the one before it is done."""


_made: InlineKernel | None = None


def prepare() -> None:
    """Build the kernel once, in the zygote.

    It is there before the preload list is imported, because libraries ask, while they are imported, whether
    they are in a notebook.
    """
    global _made
    config = Config()
    config.HistoryManager.enabled = False  # no database is opened, none is shared
    config.IPKernelApp.connection_file = ""  # by this name libraries know a notebook
    _made = InlineKernel.instance(
        config=config,
        log=logging.getLogger(__name__),
        session=LocalSession(config=config),
        shell_stream=Quiet(SHELL),
        iopub_socket=Quiet(IOPUB),
        stdin_socket=Quiet("stdin"),
        shell_channel_thread=SimpleNamespace(parent_thread=threading.main_thread()),
    )
    _made.shell.displayhook.get_execution_count = lambda: _made.execution_count if _made else 0


def rehearse() -> None:
    """Run what cells run, in the zygote, so that what IPython imports late is there."""
    if _made is not None:
        for cell in ("1 + 1", "display(1)", "%time None", "1 / 0"):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                _made.shell.run_cell(cell)
        _made.shell.reset(new_session=False)
        _made.shell.execution_count = 1
        _made.shell._last_traceback = None


def forget() -> None:
    """Let the prepared kernel go, in a fork that makes one of its own."""
    global _made
    if _made is not None:
        atexit.unregister(_made.shell.atexit_operations)
        ipkernel._comm_manager = None
    InlineKernel.clear_instance()
    ZMQInteractiveShell.clear_instance()
    _made = None


def run(asked: dict[str, Any], files: Sequence[int]) -> int:  # noqa: ARG001
    """Do what the messages on a socket ask, until it is closed.

    Args:
        asked: Nothing more.
        files: The socket.

    Raises:
        RuntimeError: The zygote prepared nothing.
    """
    if _made is None:
        raise RuntimeError("no kernel was prepared")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(_serve(_made, socket.socket(fileno=files[0])))
    return 0


async def _serve(kernel: InlineKernel, sock: socket.socket) -> None:
    from tornado.ioloop import IOLoop

    session: LocalSession = kernel.session
    session.pid = os.getpid()
    session.wire = sock
    kernel.io_loop = IOLoop.current()
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = Stream(name, number, session)
        stream.caught = Caught(stream, number)
        setattr(sys, name, stream)
    sys.path.insert(0, "")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # outside of a cell an interrupt means nothing
    while (message := await _next(sock)) is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            await kernel.handle(message)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


async def _next(sock: socket.socket) -> dict[str, Any] | None:
    """The next message; what a cell left running in the event loop goes on meanwhile."""
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock)
    return wire.receive(sock)[0]
