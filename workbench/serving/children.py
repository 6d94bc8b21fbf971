"""Processes that answer, each by its name: kept alive, and asked what they say of themselves.

A process that ends is started again, and one that leaves questions whether it is alive unanswered is killed
(`pulse`): it hangs, or its model has been scoring for longer than an answer may take. Each listens on a Unix socket
in a folder that only this user enters.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from workbench.errors import EngineError
from workbench.serving.holders import process_named
from workbench.serving.pulse import HUNG, SLOWEST, Pulse
from workbench.serving.relay import Relay

WATCH = 0.25  # seconds between two looks at heads and processes
PATIENCE = 2.0  # seconds that a process may take to tell of itself
STOP = 8.0  # seconds a process may take to stop


@dataclass
class Child(Pulse):
    """One process."""

    name: str  # a model, or a worker's number
    socket: Path
    relay: Relay
    process: asyncio.subprocess.Process | None = None
    question: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.returncode is None


class Children:
    """The processes by name; belongs to one event loop."""

    def __init__(
        self,
        wanted: Callable[[], Collection[str]],
        program: Callable[[Child], Sequence[str]],
        *,
        environ: Mapping[str, str] | None,
        first: Callable[[], None] | None,
        inherited: Collection[int] = (),
        hung: float = HUNG,
        stopped: Callable[[str], None] | None = None,
    ) -> None:
        """None yet.

        Args:
            wanted: The names of which there is to be a process; raises an EngineError where they are not known.
            program: What one is started by; it is to answer on the child's socket.
            environ: All that the processes see; None: what this one sees.
            first: What a process does before its program.
            inherited: Descriptors that they are given.
            hung: Seconds that a process may leave questions whether it is alive unanswered.
            stopped: Is told the name (`holders`) of a process that was to stop, did not, and was killed for it.
        """
        self._wanted = wanted
        self._program = program
        self._inherited = tuple(inherited)
        self._environ = None if environ is None else dict(environ)
        self._first = first
        self._hung = hung
        self._stopped = stopped
        self._all: dict[str, Child] = {}
        self.problem = ""  # why the names are not known, or a process cannot be started

    def __iter__(self) -> Iterator[Child]:
        return iter(self._all.values())

    def __contains__(self, name: str) -> bool:
        return name in self._all

    def __len__(self) -> int:
        return len(self._all)

    def of(self, name: str) -> Child | None:
        """The process of a name."""
        return self._all.get(name)

    @property
    def names(self) -> list[str]:
        """The names, sorted."""
        return sorted(self._all)

    async def stop(self) -> None:
        """End them all, and what is asked of them."""
        questions = [child.question for child in self if child.question is not None]
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)
        await asyncio.gather(*(self._stop(child) for child in self))

    async def watch(self, folder: Path) -> None:
        """Keep a process for each name, again and again; ends when it is cancelled.

        Args:
            folder: Where their sockets are; only this user enters it.
        """
        while True:
            try:
                wanted = set(self._wanted())
                self.problem = ""
            except EngineError as error:
                wanted, self.problem = set(self._all), error.message
            for name in sorted(wanted - self._all.keys()):
                socket = folder / f"{len(self._all)}.sock"
                self._all[name] = Child(name, socket, Relay(socket), hung=self._hung)
            for child in self._all.values():
                await self._keep(child)
            await asyncio.sleep(WATCH)

    async def _keep(self, child: Child) -> None:
        now = time.monotonic()
        if child.running:
            if child.hangs_at(now):
                _kill(child)
            elif child.question is None and child.due(now):
                child.question = asyncio.create_task(self._ask(child))
            return
        if child.began is not None:  # it ended since the last look
            child.relay.close()
            child.ended(now)
        if now < child.again:
            return
        child.socket.unlink(missing_ok=True)
        try:
            child.process = await asyncio.create_subprocess_exec(
                *self._program(child),
                stdin=asyncio.subprocess.DEVNULL,
                env=self._environ,
                preexec_fn=self._first,
                start_new_session=True,
                pass_fds=self._inherited,
            )
            child.started(now)
        except (OSError, ValueError) as error:
            self.problem, child.again = f"{child.name} cannot be started: {error}", now + SLOWEST

    async def _ask(self, child: Child) -> None:
        """Ask a process whether it is alive."""
        before = child.answers
        try:
            async with asyncio.timeout(child.patience):
                alive = (await child.relay.ask("GET", "/healthz", ())).status == 200
        except (OSError, EOFError, TimeoutError, ValueError):
            alive = False
        child.heard(alive, at=time.monotonic(), before=before)
        child.question = None

    async def said(self, path: str, *, statuses: Collection[int] = (200,)) -> dict[str, Any]:
        """What each process says in JSON at an address, by name, of those that answer."""
        found = {}
        for name, body in (await self.texts(path, statuses=statuses)).items():
            with contextlib.suppress(msgspec.DecodeError):
                found[name] = msgspec.json.decode(body)
        return found

    async def texts(self, path: str, *, statuses: Collection[int] = (200,)) -> dict[str, bytes]:
        """What each process says at an address, by name, of those that answer; all are asked at once."""

        async def one(child: Child) -> bytes | None:
            with contextlib.suppress(OSError, EOFError, TimeoutError, ValueError):
                async with asyncio.timeout(PATIENCE):
                    reply = await child.relay.ask("GET", path, ())
                    return reply.body if reply.status in statuses else None
            return None

        asked = sorted(self._all.items())
        bodies = await asyncio.gather(*(one(child) for _, child in asked))
        return {name: body for (name, _), body in zip(asked, bodies, strict=True) if body is not None}

    async def _stop(self, child: Child) -> None:
        """Ask a process to stop, and end it where it does not."""
        child.relay.close()
        if child.process is None or child.process.returncode is not None:
            return
        name = process_named(child.process.pid)
        with contextlib.suppress(ProcessLookupError):
            child.process.terminate()
            try:
                async with asyncio.timeout(STOP):
                    await child.process.wait()
            except TimeoutError:
                child.process.kill()
                await child.process.wait()
                if self._stopped is not None:
                    self._stopped(name)


def _kill(child: Child) -> None:
    """End a process that hangs, and whatever it has started."""
    child.killed()
    if child.process is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)  # it leads a session of its own
