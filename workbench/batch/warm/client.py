"""Asks a zygote for children, starting it when there is none; and a child as its client knows it.

zygote = Zygote(identify(PRELOAD, environ))
child = zygote.fork("kernel", environ=…, folder=…, argv=["-f", connection_file])
child.poll(); child.signal(signal.SIGINT); child.end()
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import logging
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.batch.warm import wire
from workbench.batch.warm.identity import Identity, identify

IDLE = 1800.0  # seconds after which a zygote that nobody asks ends itself
START = 180.0  # seconds it may take to import its list, on a busy machine
ANSWER = 30.0  # seconds a fork may take
LOOK = 0.5  # seconds between two looks at a child whose zygote may be gone
POLL = 0.02  # seconds between two tries to reach one that starts


class Unavailable(Exception):  # noqa: N818  # no fault of anybody's: the caller starts cold
    """A warm child cannot be had here; the text says why."""


def unavailable() -> str:
    """Why there can be no warm kernels on this system; empty where there can be."""
    if not sys.platform.startswith("linux"):
        return f"warm kernels need Linux, where forking is safe; this is {sys.platform}"
    if not hasattr(os, "pidfd_open"):
        return "warm kernels need Linux 5.3 or newer"
    return ""


class Child:
    """A process that a zygote forked for us; ends when we do."""

    def __init__(self, pid: int, sock: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.cpu_seconds: float | None = None  # known at the end
        self._sock = sock
        self._lock = threading.Lock()
        try:
            self._pidfd: int | None = os.pidfd_open(pid)
        except ProcessLookupError:
            self._pidfd = None
        sock.setblocking(False)

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        with self._lock:
            if self.returncode is None:
                self._look()
            return self.returncode

    def wait(self, seconds: float | None = None) -> int | None:
        """Wait for its end; its exit code, or None when it did not end in time."""
        end = None if seconds is None else time.monotonic() + seconds
        while self.poll() is None:
            left = None if end is None else max(0.0, end - time.monotonic())
            if left == 0.0:
                return None
            _comes(self._sock.fileno(), min(left or LOOK, LOOK))
        return self.returncode

    def signal(self, number: int) -> None:
        """Signal it and all that it started."""
        if self.poll() is None:
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # it has no group of its own yet
                self._tell(number)

    def end(self) -> None:
        """End it and all that it started, now."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._tell(signal.SIGKILL)
        self.wait(5.0)

    def _tell(self, number: int) -> None:
        """Signal the process itself."""
        with self._lock:
            if self._pidfd is not None:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._pidfd, number)

    def _look(self) -> None:
        try:
            told, _ = wire.receive(self._sock)
        except BlockingIOError:
            return  # it runs, or the zygote is about to say how it ended
        except (OSError, ValueError):
            told = None
        if told is not None and "exit" in told:
            self.returncode = int(told["exit"])
            self.cpu_seconds = float(told["cpu_seconds"])
            self._close()
        elif self._pidfd is None or _comes(self._pidfd, 0):
            self.returncode = -signal.SIGKILL  # the zygote is gone too, and took the answer with it
            self._close()

    def _close(self) -> None:
        self._sock.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


class Zygote:
    """The zygote of an identity, wherever it runs; started when it is first needed."""

    def __init__(self, identity: Identity, *, idle: float = IDLE) -> None:
        self.identity = identity
        self._idle = idle

    @classmethod
    def of(cls, preload: Sequence[str], environ: Mapping[str, str], *, idle: float = IDLE) -> Zygote | None:
        """The zygote for a preload list and an environment; None where there is no place for its socket."""
        try:
            return cls(identify(preload, environ), idle=idle)
        except OSError as error:
            logging.getLogger("workbench").warning("kernels start cold: %s", error)
            return None

    def fork(
        self,
        kind: str,
        *,
        environ: Mapping[str, str],
        folder: str,
        files: Sequence[int] = (),
        stdio: bool = False,
        **more: Any,
    ) -> Child:
        """A new child.

        Args:
            kind: "kernel", "inline" or "command".
            environ: All that it sees of the environment.
            folder: Its working folder.
            files: Open files that it is given.
            stdio: Whether the first three of them are its standard files.
            more: What its kind needs.

        Raises:
            Unavailable: There is no zygote and none can be started, or it refused.
        """
        asked = {"kind": kind, "environ": dict(environ), "folder": folder, "umask": _umask(), "stdio": stdio, **more}
        for _ in range(2):  # one that was about to end may take a connection and never answer it
            sock = self._reached()
            try:
                sock.settimeout(ANSWER)
                wire.send(sock, asked, files)
                told, _ = wire.receive(sock)
            except (OSError, ValueError):
                told = None
            if told is not None and "pid" in told:
                return Child(int(told["pid"]), sock)
            sock.close()
            if told is not None:
                raise Unavailable(str(told.get("refused", "the zygote gave no child")))
        raise Unavailable(f"the zygote does not answer; see {self.identity.log}")

    def start(self) -> None:
        """Start it where it does not run yet, and wait until it can fork.

        Raises:
            Unavailable: It cannot be started.
        """
        self._reached().close()

    def begin(self, *, first: Callable[[], None] | None = None) -> subprocess.Popen[bytes] | None:
        """Start it where it does not run yet, and do not wait.

        Args:
            first: Called in its process before its program starts.

        Returns:
            The process that was started; None where it runs already or cannot run here.

        Raises:
            Unavailable: It cannot be started.
        """
        if unavailable():
            return None
        sock = self._connected()
        if sock is not None:
            sock.close()
        elif not self._is_held():
            return self._spawn(first)
        return None

    def status(self) -> dict[str, Any] | None:
        """Its pid and its children's; None where it does not run."""
        sock = self._connected()
        if sock is None:
            return None
        with sock:
            sock.settimeout(ANSWER)
            try:
                wire.send(sock, {"kind": "status"})
                return wire.receive(sock)[0]
            except (OSError, ValueError):
                return None

    def stop(self) -> bool:
        """End it; children that run go on. Whether there was one."""
        found = self.status()
        if found is None:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(found["pid"]), signal.SIGTERM)
        return True

    def _reached(self) -> socket.socket:
        """A connection to it.

        Raises:
            Unavailable: It cannot be started or reached.
        """
        if why := unavailable():
            raise Unavailable(why)
        end = time.monotonic() + START
        started: subprocess.Popen[bytes] | None = None
        while True:
            sock = self._connected()
            if sock is not None:
                return sock
            if started is None and not self._is_held():
                started = self._spawn()
            elif started is not None and started.poll() is not None and not self._is_held():
                raise Unavailable(f"the zygote ended while it started; see {self.identity.log}")
            if time.monotonic() > end:
                raise Unavailable(f"the zygote did not start within {START:.0f} s; see {self.identity.log}")
            time.sleep(POLL)

    def _connected(self) -> socket.socket | None:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(str(self.identity.socket))
            if wire.is_ours(sock):
                return sock
        except OSError:
            pass
        sock.close()
        return None

    def _is_held(self) -> bool:
        """Whether a zygote of this identity lives, or starts.

        Raises:
            Unavailable: Its lock cannot be looked at.
        """
        try:
            file = os.open(self.identity.lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Unavailable(f"{self.identity.lock} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(file)
        return False

    def _spawn(self, first: Callable[[], None] | None = None) -> subprocess.Popen[bytes]:
        identity = self.identity
        command = [sys.executable, "-m", "workbench.batch.warm", "--idle", str(self._idle)]
        command += ["--socket", str(identity.socket), "--lock", str(identity.lock)]
        try:
            with open(identity.log, "ab", opener=_private) as log:
                started = subprocess.Popen(
                    [*command, "--preload", ",".join(identity.preload)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=dict(identity.environ),
                    cwd=identity.folder,  # nobody else can lay a module there
                    start_new_session=True,
                    preexec_fn=first,
                )
        except OSError as error:
            raise Unavailable(f"the zygote cannot be started: {error}") from error
        atexit.register(setattr, started, "returncode", 0)  # it outlives us on purpose, and is not to be warned about
        return started


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _umask() -> int:
    """The umask, read without changing it: other threads make files meanwhile."""
    found = re.search(r"^Umask:\s+(\d+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1], 8) if found else 0o077


def _comes(file: int, seconds: float) -> bool:
    """Whether something comes on a file within some seconds; a process may have many files open."""
    poll = select.poll()
    if file >= 0:
        poll.register(file, select.POLLIN)
    return bool(poll.poll(1000 * seconds))
