"""Servers as child processes: started together, waited for, watched, and stopped without an orphan.

Each child leads a process group of its own, so that Ctrl-C reaches the one who supervises and nobody
else. It is told to die when its supervisor dies, however that comes about (Linux). At the end every
descendant that was ever seen is gone, those in sessions of their own too, as kernels are.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil  # type: ignore[import-untyped]

from workbench.errors import EngineError

PR_SET_PDEATHSIG = 1  # of Linux's prctl
POLITE = 8.0  # seconds a server may take to stop before it is killed
TAIL = 15  # lines of a log that a message shows
POLL = 0.1  # seconds between two looks


@dataclass(frozen=True)
class Server:
    """What is needed to run one server and to see that it answers."""

    name: str
    argv: Sequence[str]
    probe: str  # an address that it answers without a token once it is up
    environ: Mapping[str, str]  # all that it sees
    cwd: Path
    log: Path  # its output; readable by this user alone


class Servers:
    """Some servers and their processes; a context manager that leaves nothing behind."""

    def __init__(self, servers: Sequence[Server], *, polite: float = POLITE) -> None:
        self._servers = servers
        self._polite = polite
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._descendants: set[psutil.Process] = set()  # equal by pid and start time
        self._told: set[str] = set()

    def start(self) -> None:
        """Start them all.

        Raises:
            EngineError: A program cannot be started.
        """
        dies_too = dies_with_its_parent()
        for server in self._servers:
            log = os.open(server.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                self._running[server.name] = subprocess.Popen(
                    server.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(server.environ),
                    cwd=server.cwd,
                    process_group=0,
                    preexec_fn=dies_too,  # safe: no other thread runs here
                )
            except OSError as error:
                raise EngineError(f"{server.name} cannot be started: {error}", hint="workbench doctor") from error
            finally:
                os.close(log)

    def wait(
        self,
        seconds: float,
        *,
        on_answer: Callable[[Server, float], None],
        given_up: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Wait until all answer.

        Args:
            seconds: How long at most.
            on_answer: Called when one answers first, with the seconds that it took.
            given_up: Looked at again and again; True ends the waiting.

        Returns:
            Whether all answer; False: it was given up.

        Raises:
            EngineError: One ended, or does not answer in time; carries the end of its log.
        """
        began = time.monotonic()
        silent = list(self._servers)
        while silent:
            if given_up():
                return False
            for server in silent.copy():
                if self._running[server.name].poll() is not None:
                    raise EngineError(
                        _obituary(server, self._running[server.name].returncode), hint=f"see {server.log}"
                    )
                if _answers(server.probe):
                    silent.remove(server)
                    on_answer(server, time.monotonic() - began)
            if silent and time.monotonic() - began > seconds:
                raise EngineError(
                    f"{silent[0].name} did not answer within {seconds:.0f} s; its log ends:\n{tail(silent[0].log)}",
                    hint=f"see {silent[0].log}; a busy machine may need --wait {2 * seconds:.0f}",
                )
            time.sleep(POLL)
        return True

    def ended(self) -> list[str]:
        """What there is to say of servers that ended since this was asked last."""
        self._remember()
        said = []
        for server in self._servers:
            process = self._running[server.name]
            if process.poll() is not None and server.name not in self._told:
                self._told.add(server.name)
                said.append(_obituary(server, process.returncode))
        return said

    @property
    def pids(self) -> Mapping[str, int]:
        """The processes of those that run, by name."""
        return {name: process.pid for name, process in self._running.items() if process.poll() is None}

    def stop(self) -> None:
        """Ask all to stop, kill what does not, and leave no descendant."""
        self._remember()
        for process in self._running.values():
            _signal_group(process, signal.SIGTERM)
        end = time.monotonic() + self._polite
        while self.pids and time.monotonic() < end:
            time.sleep(POLL)
            self._remember()
        for process in self._running.values():
            _signal_group(process, signal.SIGKILL)
            process.wait()
        _, left = psutil.wait_procs(self._descendants, timeout=1)
        for orphan in left:
            with contextlib.suppress(psutil.Error):
                orphan.kill()
        psutil.wait_procs(left, timeout=2)

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _remember(self) -> None:
        for pid in self.pids.values():
            with contextlib.suppress(psutil.Error):
                self._descendants.update(psutil.Process(pid).children(recursive=True))


def tail(log: Path, lines: int = TAIL) -> str:
    """The last lines of a log, each set in; bytes that are no text are shown as such."""
    try:
        text = log.read_bytes()[-20_000:].decode("utf-8", "backslashreplace")
    except OSError:
        return "    (no log)"
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (it said nothing)"


def _obituary(server: Server, code: int) -> str:
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"{server.name} {how}; its log ends:\n{tail(server.log)}"


def _answers(address: str) -> bool:
    """Whether a server says anything but that it is at fault."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except (OSError, ValueError):
        return False


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def dies_with_its_parent() -> Callable[[], None] | None:
    """What a child does before its program starts, so that it ends when its parent does; None where Linux is not."""
    if not sys.platform.startswith("linux"):
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def before_exec() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return before_exec
