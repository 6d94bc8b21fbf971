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
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ipykernel import iostream, ipkernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from jupyter_client.session import Session, json_packer
from traitlets import Any as AnyTrait
from traitlets.config import Config

from workbench.batch.warm import fresh, wire

AFTER = 0.2  # seconds after which what was printed is sent
OFTEN = 1000  # times that something is printed, after which it is sent at once
ENOUGH = 16 << 20  # bytes of output to the files themselves that are kept, told or not
MARK = bytes(8)  # stands in those files behind what was told
LAUNCHER = str(Path(iostream.__file__).parents[1] / "ipykernel_launcher.py")  # what a cold kernel was started by
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
    one = threading.RLock()

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
            content = _packed({"channel": stream.channel, "message": told})
            with self.one:  # cells may have threads
                self.wire.sendall(wire.LENGTH.pack(len(content)) + content)
        return msg


def _packed(body: dict[str, Any]) -> bytes:
    """A message in bytes; what is no character, half of a pair say, is told as a question mark."""
    try:
        packed: bytes = json_packer(body)
    except UnicodeEncodeError:
        return json.dumps(body, default=str, ensure_ascii=False).encode("utf-8", "replace")
    return packed


class Publisher(iostream.IOPubThread):
    """What stands where ipykernel has the thread that sends output: everything is sent at once."""

    channel = IOPUB
    thread = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.io_loop = None  # type: ignore[assignment]

    def schedule(self, f: Any) -> None:
        """Do it now."""
        f()


class OutStream(iostream.OutStream):
    """Standard output or error of a cell: ipykernel's stream, and what is written past it to the file itself.

    It has the name of what it stands for, and no `write` of its own, because cells show both.
    """

    def __init__(self, name: str, number: int, session: LocalSession) -> None:
        self._number = number
        self._file = os.memfd_create(name)
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_APPEND)
        self._ours = os.open(f"/proc/self/fd/{self._file}", os.O_WRONLY | os.O_APPEND)  # its place is ours alone
        self._mark = self._marked()
        os.dup2(self._file, number)
        super().__init__(session, Publisher(), name, watchfd=False)  # type: ignore[no-untyped-call]
        self._original_stdstream_copy = os.open(os.devnull, os.O_WRONLY)  # a cold kernel's, too, leads nowhere
        self._writes = 0

    def _parent(self) -> Any:
        """Whose output it is. Each `write` asks: what was written past it until now comes first."""
        self._overtake()
        return iostream.OutStream.parent_header.fget(self)  # type: ignore[attr-defined]

    parent_header = property(_parent, iostream.OutStream.parent_header.fset)  # type: ignore[attr-defined]

    def _overtake(self) -> None:
        """Take what was written past it since the last mark, and set another.

        The file is not emptied each time: a process that writes just then would lose what it wrote.
        """
        if not self._is_master_process():  # type: ignore[no-untyped-call]
            return
        with self._buffer_lock:
            found = os.pread(self._file, len(MARK) + 1, self._mark)
            if found == MARK:
                return
            start = self._mark + len(MARK) if found.startswith(MARK) else 0  # `echo a > /dev/stdout` emptied it
            self._mark = self._marked()
            size = self._mark - start
            text = os.pread(self._file, min(size, ENOUGH), start).replace(MARK, b"").decode("utf-8", "replace")
            if size > ENOUGH:
                text += f"\n[{size - ENOUGH} more bytes were not kept]\n"
            if self._mark > ENOUGH:  # it lies in memory; only what is written at this very moment is lost
                os.ftruncate(self._file, 0)
                self._marked()
                self._mark = 0
            self._buffers[frozenset(self._parent_header_global.items())].write(text)

    def _marked(self) -> int:
        """Where a mark stands that is set now, behind all that was written."""
        os.write(self._ours, MARK)
        return os.lseek(self._ours, 0, os.SEEK_CUR) - len(MARK)

    def _schedule_flush(self) -> None:
        """It is flushed by the watch over it, see `_flushed`; earlier where there is much."""
        self._writes += 1
        if not self._writes % OFTEN:
            self._flush()

    def _flush(self) -> None:
        with self._buffer_lock:
            if self._is_master_process():  # type: ignore[no-untyped-call]
                self._overtake()
                super()._flush()  # type: ignore[no-untyped-call]
                return
            self._subprocess_flush_pending = False  # a process that a cell forked writes to the file
            for _, text in self._flush_buffers():  # type: ignore[no-untyped-call]
                os.write(self._number, text.encode("utf-8", "replace"))


class IPythonKernel(ipkernel.IPythonKernel):
    """IPython's kernel, told what to do by messages of one socket; named so because cells show its name."""

    shell: Any
    session: LocalSession
    shell_stream = AnyTrait()
    iopub_socket = AnyTrait()
    stdin_socket = AnyTrait()
    streams: tuple[OutStream, ...] = ()
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
        for stream in (sys.stdout, sys.stderr, *self.streams):
            with contextlib.suppress(ValueError, AttributeError):
                stream.flush()
        self._publish_status("idle", SHELL)  # type: ignore[no-untyped-call]

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        """Nothing is queued: a cell is sent when the one before it is done."""


_made: IPythonKernel | None = None


def prepare() -> None:
    """Build the kernel once, in the zygote.

    It is there before the preload list is imported, because libraries ask, while they are imported, whether
    they are in a notebook.
    """
    global _made
    config = Config()
    config.HistoryManager.enabled = False  # no database is opened, none is shared
    config.IPKernelApp.connection_file = ""  # by this name libraries know a notebook
    _made = IPythonKernel.instance(
        config=config,
        log=logging.getLogger(__name__),
        session=LocalSession(config=config),
        shell_stream=Quiet(SHELL),
        iopub_socket=Quiet(IOPUB),
        user_ns=None,  # a module of its own
        stdin_socket=Quiet("stdin"),
        shell_channel_thread=SimpleNamespace(parent_thread=threading.main_thread()),
    )
    app = IPKernelApp.instance(config=config)
    app.kernel, app.shell = _made, _made.shell
    app.shell.configurables.append(app)
    app.init_extensions()  # type: ignore[no-untyped-call]
    _made.shell.displayhook.get_execution_count = lambda: _made.execution_count if _made else 0


def rehearse() -> None:
    """Run what cells run, in the zygote, so that what IPython imports late is there."""
    if _made is not None:
        of_its_own = {name: value for name, value in _made.shell.user_ns.items() if name.startswith("__")}
        for cell in ("1 + 1", "display(1)", "%time None", "1 / 0"):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                _made.shell.run_cell(cell)
        _made.shell.reset(new_session=False)
        _made.shell.user_ns.update(of_its_own)
        _made.shell.execution_count = 1
        _made.shell._last_traceback = None


def forget() -> None:
    """Let the prepared kernel go, in a fork that makes one of its own."""
    global _made
    if _made is not None:
        atexit.unregister(_made.shell.atexit_operations)
        ipkernel._comm_manager = None
    IPKernelApp.clear_instance()
    IPythonKernel.clear_instance()
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


async def _serve(kernel: IPythonKernel, sock: socket.socket) -> None:
    from tornado.ioloop import IOLoop

    session: LocalSession = kernel.session
    session.pid = os.getpid()
    session.wire = sock
    kernel.io_loop = IOLoop.current()
    kernel.streams = (OutStream("stdout", 1, session), OutStream("stderr", 2, session))
    sys.stdout, sys.stderr = kernel.streams
    fresh.adopt_streams()
    busy = threading.Event()
    threading.Thread(target=_flushed, args=(kernel.streams, busy), name="flush", daemon=True).start()
    app = IPKernelApp.instance()
    app.init_path()  # type: ignore[no-untyped-call]
    app.init_pdb()  # type: ignore[no-untyped-call]
    kernel.shell.init_environment()
    kernel.shell.history_manager.dir_hist[:] = [Path.cwd()]
    sys.argv = [LAUNCHER, "-f", "", "--HistoryManager.hist_file=:memory:"]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # outside of a cell an interrupt means nothing
    while (message := await _next(sock)) is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        busy.set()
        try:
            await kernel.handle(message)
        finally:
            busy.clear()
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _flushed(streams: Sequence[OutStream], busy: threading.Event) -> None:
    """Tell while a cell runs what it has put out so far: it may be the last that is heard of it."""
    while busy.wait():
        time.sleep(AFTER)
        for stream in streams:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()  # type: ignore[no-untyped-call]


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
