"""Servers as child processes: started together, waited for, watched, and stopped without an orphan.

Each child leads a process group of its own, so that Ctrl-C reaches the one who supervises and nobody
else. One that is to be kept is started again where it ends, and killed where it leaves questions whether it is
alive unanswered (`serving.pulse`). Each is told to die when its supervisor dies, however that comes about (Linux).
At the end every descendant that was ever seen is gone, those in sessions of their own too, as kernels are.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import psutil  # type: ignore[import-untyped]

from workbench.errors import EngineError
from workbench.serving.holders import process_named
from workbench.serving.pulse import HUNG, SLOWEST, Pulse

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
    kept: bool = False  # started again where it ends or hangs


class Servers:
    """Some servers and their processes; a context manager that leaves nothing behind."""

    def __init__(
        self,
        servers: Sequence[Server],
        *,
        polite: float = POLITE,
        hung: float = HUNG,
        stopped: Callable[[str], None] | None = None,
    ) -> None:
        """None of them runs yet.

        Args:
            servers: The servers.
            polite: Seconds that one may take to stop.
            hung: Seconds that one that is kept may leave questions whether it is alive unanswered.
            stopped: Is told the name (`serving.holders`) of each process that did not stop in time and was killed.
        """
        self._servers = servers
        self._polite = polite
        self._stopped = stopped
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._pulses = {server.name: Pulse(hung=hung) for server in servers if server.kept}
        self._questions: dict[str, threading.Thread] = {}  # the last of each that is kept
        self._descendants: set[psutil.Process] = set()  # equal by pid and start time
        self._told: set[str] = set()

    def start(self) -> None:
        """Start them all.

        Raises:
            EngineError: A program cannot be started.
        """
        for server in self._servers:
            server.log.unlink(missing_ok=True)
            self._start(server)

    def wait(
        self,
        seconds: float,
        *,
        on_answer: Callable[[Server, float], None],
        given_up: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Wait until all answer; one that is to be kept and is killed meanwhile is started again.

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
                code = self._running[server.name].poll()
                if code is not None and (code >= 0 or not server.kept):
                    raise EngineError(_obituary(server, code), hint=f"see {server.log}")
                if code is not None:
                    self._keep(server)
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

    def watch(self) -> list[str]:
        """Keep what is to be kept; what there is to say of servers since this was asked last."""
        said = self.ended()
        for server in self._servers:
            if server.kept:
                said += self._keep(server)
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
        late = [process_named(pid) for pid in self.pids.values()]
        for process in self._running.values():
            _signal_group(process, signal.SIGKILL)
            process.wait()
        _, left = psutil.wait_procs(self._descendants, timeout=1)
        late += [process_named(orphan.pid) for orphan in left]
        for orphan in left:
            with contextlib.suppress(psutil.Error):
                orphan.kill()
        psutil.wait_procs(left, timeout=2)
        if self._stopped is not None:
            for name in late:
                self._stopped(name)

    def __enter__(self) -> Servers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, server: Server) -> None:
        log = os.open(server.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._running[server.name] = subprocess.Popen(
                server.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(server.environ),
                cwd=server.cwd,
                process_group=0,
                preexec_fn=dies_with_its_parent(),  # safe: at most a thread that asks another server runs here
            )
        except OSError as error:
            raise EngineError(f"{server.name} cannot be started: {error}", hint="workbench doctor") from error
        finally:
            os.close(log)
        if server.kept:
            self._pulses[server.name].started(time.monotonic())
            self._told.discard(server.name)

    def _keep(self, server: Server) -> list[str]:
        """Ask one, kill it, or start it again, where it is time to; what there is to say of it."""
        now, pulse, process = time.monotonic(), self._pulses[server.name], self._running[server.name]
        question = self._questions.get(server.name)
        asking = question is not None and question.is_alive()
        if process.poll() is None:
            if pulse.hangs_at(now):
                pulse.killed()
                _signal_group(process, signal.SIGKILL)
                return [f"{server.name} does not answer any more; it is killed"]
            if not asking and pulse.due(now):
                self._questions[server.name] = thread = threading.Thread(target=_ask, args=(server, pulse), daemon=True)
                thread.start()
            return []
        if pulse.began is not None:
            pulse.ended(now)
        if asking or now < pulse.again:  # what is asked is of the process before
            return []
        try:
            self._start(server)
        except EngineError as error:
            pulse.again = now + SLOWEST
            return [error.message]
        return [f"{server.name} is started again"]

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
    said = _said(address, 2)
    return said is not None and said < 500


def _said(address: str, seconds: float) -> int | None:
    """The status that a server answers with; None: it does not, or nothing of HTTP."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=seconds) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except (OSError, ValueError, http.client.HTTPException):
        return None


def _ask(server: Server, pulse: Pulse) -> None:
    """Ask a server whether it is alive: whatever it says, that it has no time, too, it is."""
    before = pulse.answers
    alive = _said(server.probe, pulse.patience) is not None
    pulse.heard(alive, at=time.monotonic(), before=before)


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
