"""The zygote: imports the preload list while it has one thread, then forks one child per request.

It keeps three promises. A module that leaves a thread or a connection behind when it is imported is
left out, with a line in the log, by starting over without it; so every fork is made from a process of
one thread. A child whose client is gone is ended, with all that it started. Idle for long enough, or told
to end, the zygote makes room for another one, and stays until its last child has ended.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gc
import os
import re
import selectors
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.batch.warm import aside, children, fresh, wire

SELF = (  # what every fork needs to be a kernel
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.extensions.storemagic",
    "comm",
    "ipykernel.debugger",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "tornado.platform.asyncio",
)
RUNNER = (  # what a fork needs to run notebooks itself, as `workbench run` does
    "click",
    "rich.progress",
    "papermill.execute",
    "nbconvert.exporters.html",
    "bleach",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
    "mlflow.tracking.client",
)
PATIENCE = 10.0  # seconds a client may take to say what it wants
SETTLED = 0.5  # seconds without a request after which there is time for the rest
LOOK = 5.0  # seconds between two looks at the idle time
MOST_CHILDREN = 128
LEAST_MEMORY = 256 << 20  # bytes that must be free for one more kernel
SUSPECT = ("socket:", "anon_inode:[eventpoll]", "anon_inode:[io_uring]")  # files that a fork must not share
EXCUSED = {"evidently"}  # makes an event loop when it is imported; `fresh` gives every fork its own


@dataclass
class Client:
    """One that asked for a child, and the child."""

    sock: socket.socket
    pid: int


def main() -> None:
    """Run a zygote until it is idle for too long or told to end."""
    parser = argparse.ArgumentParser(prog="python -m workbench.batch.warm")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--lock", type=Path, required=True)
    parser.add_argument("--idle", type=float, required=True, help="seconds after which it ends")
    parser.add_argument("--preload", default="")
    parser.add_argument("--without", default="", help="modules that may not be preloaded")
    given = parser.parse_args()
    sys.path[:] = [place for place in sys.path if place not in {"", os.getcwd()}]  # noqa: PTH109
    lock = _only_one(given.lock)
    without = {name for name in given.without.split(",") if name}
    if not without:
        _empty_log()
    gc.disable()  # nothing that an import makes is to go again: it takes a fifth less time
    _preload(SELF, without)
    children.prepare()
    _preload([name for name in given.preload.split(",") if name and name not in without], without)
    children.rehearse()
    gc.collect()
    gc.enable()
    gc.freeze()  # a collection in a child would otherwise touch, and so copy, every page

    def make_room() -> None:
        given.socket.unlink(missing_ok=True)
        os.close(lock)

    Zygote(_listening(given.socket), idle=given.idle, without=without, make_room=make_room).serve()
    os._exit(0)  # taking so large an interpreter down takes seconds


class Zygote:
    """The loop: takes requests, forks, tells clients how their children ended."""

    def __init__(
        self, listener: socket.socket, *, idle: float, without: set[str], make_room: Callable[[], None]
    ) -> None:
        self._listener = listener
        self._idle = idle
        self._without = without
        self._make_room = make_room
        self._clients: dict[int, Client] = {}  # by the child's pid
        self._selector = selectors.DefaultSelector()
        self._wake, self._wake_end = os.pipe()
        for end in (self._wake, self._wake_end):
            os.set_blocking(end, False)
        self._ended = False
        self._complete = False
        self._last = time.monotonic()

    def serve(self) -> None:
        """Fork on request until idle or told to end; children that run then go on."""
        signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        while self._clients or not (self._ended or self._is_idle()):
            if self._ended:
                self._retire()
            ready = self._selector.select(LOOK if self._complete else SETTLED)
            if not ready:
                self._finish()
            for key, _ in ready:
                if key.fileobj is self._listener:
                    self._take()
                elif key.fileobj == self._wake:
                    self._drain()
                else:
                    self._hear(key.data)
            self._reap()
        self._retire()

    def _retire(self) -> None:
        """Take no more requests; another zygote may begin."""
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._make_room()
            self._listener.close()

    def _finish(self) -> None:
        """Import the rest, when nobody waits for it."""
        if not self._complete and not self._clients:
            self._complete = True
            _preload([name for name in RUNNER if name.partition(".")[0] not in self._without], self._without)
            fresh.prepare()
            gc.collect()
            gc.freeze()

    def _end(self, *_: Any) -> None:
        self._ended = True

    def _is_idle(self) -> bool:
        if self._clients:
            self._last = time.monotonic()
        return time.monotonic() - self._last > self._idle

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._wake, 4096):
                pass

    def _take(self) -> None:
        """Take one request and fork for it."""
        self._last = time.monotonic()
        sock, _ = self._listener.accept()
        files: list[int] = []
        try:
            sock.settimeout(PATIENCE)
            if not wire.is_ours(sock):
                sock.close()
                return
            asked, files = wire.receive(sock)
            if asked is None:
                sock.close()
                return
            if asked["kind"] == "status":
                wire.send(sock, {"pid": os.getpid(), "children": sorted(self._clients), "threads": _threads()})
                sock.close()
                return
            self._fork(sock, asked, files)
        except (OSError, ValueError, KeyError) as error:
            _say(f"a request failed: {error!r}")
            sock.close()
        finally:
            for file in files:
                os.close(file)

    def _fork(self, sock: socket.socket, asked: dict[str, Any], files: list[int]) -> None:
        refusal = self._refusal()
        if refusal:
            wire.send(sock, {"refused": refusal})
            sock.close()
            return
        client, _ = wire.peer(sock)
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            children.run(asked, files, client, sock.fileno())  # never returns
        self._clients[pid] = Client(sock, pid)
        try:
            wire.send(sock, {"pid": pid})
            self._selector.register(sock, selectors.EVENT_READ, pid)
        except OSError:
            _end(pid)

    def _refusal(self) -> str:
        """Why there can be no fork now; empty where there can."""
        if _threads() > 1:
            self._ended = True
            return "the zygote has more than one thread; a fork of it would not be safe"
        if len(self._clients) >= MOST_CHILDREN:
            return f"{len(self._clients)} kernels run already; end some of them"
        free = _free_memory()
        if free < LEAST_MEMORY:
            return f"only {free >> 20} MB of memory are free"
        return ""

    def _hear(self, pid: int) -> None:
        """A client says nothing more after its request: what can be read is that it is gone."""
        client = self._clients[pid]
        try:
            gone = not client.sock.recv(1)
        except OSError:
            gone = True
        if gone:
            _end(pid)
            self._selector.unregister(client.sock)

    def _reap(self) -> None:
        """Tell clients of children that ended."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            client = self._clients.pop(pid, None)
            _end_group(pid)  # what it left behind; its own number is free again
            if client is None:
                continue
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(client.sock)
            with contextlib.suppress(OSError):
                cpu = used.ru_utime + used.ru_stime
                wire.send(client.sock, {"exit": os.waitstatus_to_exitcode(status), "cpu_seconds": cpu})
            client.sock.close()


def _preload(names: Sequence[str], without: set[str]) -> None:
    """Import all; start over without the first that leaves behind what a fork must not share."""
    for name in names:
        before = _suspects()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                aside.load(name)
            except Exception as error:  # noqa: BLE001  # whatever a module does, the others are still worth having
                _say(f"{name} is not preloaded: {type(error).__name__}: {error}")
                continue
        left = "a thread" if _threads() > 1 else ""
        if not left and name not in EXCUSED and _suspects() > before:
            left = "an open connection or event loop"
        if left and name not in SELF:
            _say(f"{name} is not preloaded: it leaves {left} behind when it is imported")
            _start_over({*without, name})


def _start_over(without: set[str]) -> None:
    given = sys.argv[1:]
    if "--without" in given:
        place = given.index("--without")
        del given[place : place + 2]
    os.execv(  # noqa: S606
        sys.executable,
        [sys.executable, "-m", "workbench.batch.warm", *given, "--without", ",".join(sorted(without))],
    )


def _say(text: str) -> None:
    """A line in the log."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _empty_log() -> None:
    """Let go of what an earlier zygote of this identity said."""
    with contextlib.suppress(OSError):
        os.ftruncate(2, 0)


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _free_memory() -> int:
    """Bytes that processes can still have."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else LEAST_MEMORY


def _suspects() -> int:
    """Open files that two processes must not share."""
    found = 0
    for file in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            found += str(file.readlink()).startswith(SUSPECT)
    return found


def _only_one(path: Path) -> int:
    """Hold the lock of this identity for life; end where another zygote holds it.

    Raises:
        SystemExit: Another one lives.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise SystemExit(f"another zygote holds {path}") from error
    os.truncate(file, 0)
    os.write(file, str(os.getpid()).encode())
    return file


def _listening(path: Path) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()  # of one that was killed; we hold the lock
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(128)
    return listener


def _end(pid: int) -> None:
    """End a child that was not waited for yet, also one that has no group of its own so far."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _end_group(pid)


def _end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
