"""The child processes that evaluate policies: made when they are needed, kept for the next question.

A child answers one question at a time, within a time limit, and is replaced when it took too long, died, or
has answered many. Children end when their parent does, whatever ended it, because their questions end then.
A process that was forked with children of another's leaves them alone.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path

from workbench.engines.rego_child import MEMORY, SAME, TOO_MUCH

CHILD = Path(__file__).with_name("rego_child.py")
MOST_QUESTIONS = 50_000  # that one child answers; then a fresh one takes its place
MOST_KEPT = 4  # children that wait for a question
MOST_ANSWER = 64 << 20  # bytes of one answer
CHUNK = 1 << 16


class NoAnswer(Exception):  # noqa: N818 (it says what came of a question)
    """A child gave no answer; `code` is that of the ruling."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class Children:
    """Children of one kind; safe to share between threads."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds  # wall time one question may take
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._owner = os.getpid()
        weakref.finalize(self, _end, self._idle, self._owner)

    def ask(self, question: bytes) -> bytes:
        """The line that a child answers with.

        Raises:
            NoAnswer: It took too long, died, or cannot be started.
        """
        child = self._take()
        kept = child.asked > 0
        try:
            return self._answers(child, question)[0]
        except NoAnswer as error:
            if not kept or error.code != "policy-crash":
                raise
        return self._answers(_Child(), question)[0]  # it may have died while it waited

    def ask_all(self, policy: bytes, documents: Sequence[bytes]) -> list[bytes]:
        """The lines that one child answers with to several inputs, put in one go; each has the time of a question.

        Raises:
            NoAnswer: It gave up on one of them; asked one by one, each is told apart.
        """
        question = policy + SAME.join(document + b"\n" for document in documents)
        return self._answers(self._take(), question, len(documents))

    def close(self) -> None:
        """End those that wait."""
        _end(self._idle, self._owner)

    def _answers(self, child: _Child, question: bytes, many: int = 1) -> list[bytes]:
        well = False
        try:
            answers = child.exchange(question, many, self._seconds)
            well = child.asked < MOST_QUESTIONS
        except TimeoutError:
            raise NoAnswer(f"it took more than {self._seconds:g} seconds", "policy-timeout") from None
        else:
            return answers
        finally:
            self._put_back(child) if well else child.end()

    def _take(self) -> _Child:
        with self._lock:
            if self._owner != os.getpid():  # forked: these belong to the parent
                self._idle, self._owner = [], os.getpid()
                weakref.finalize(self, _end, self._idle, self._owner)
            while self._idle:
                child = self._idle.pop()
                if child.alive:
                    return child
                child.end()
        return _Child()

    def _put_back(self, child: _Child) -> None:
        with self._lock:
            if len(self._idle) < MOST_KEPT:
                self._idle.append(child)
                return
        child.end()


class _Child:
    """One process, its questions and its answers."""

    def __init__(self) -> None:
        self.asked = 0
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (what it complains of; closed by `end`)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env={},
                bufsize=0,
            )
        except OSError as error:
            self._said.close()
            raise NoAnswer(f"the interpreter cannot be started: {error}", "policy-crash") from error
        for pipe in (self._process.stdin, self._process.stdout):
            os.set_blocking(pipe.fileno(), False)  # type: ignore[union-attr]

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def exchange(self, question: bytes, many: int, seconds: float) -> list[bytes]:
        """A question put, or many in one, and the lines it is answered with, each within some seconds.

        Raises:
            TimeoutError: An answer did not come in time.
            NoAnswer: The child died, or babbles.
        """
        self.asked += many
        stdin, stdout = self._process.stdin, self._process.stdout
        left, got, lines, until = memoryview(question), bytearray(), list[bytes](), time.monotonic() + seconds
        with selectors.DefaultSelector() as ready:
            ready.register(stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
            ready.register(stdin, selectors.EVENT_WRITE)  # type: ignore[arg-type]
            while True:
                remaining = until - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError
                for key, _ in ready.select(remaining):
                    if key.fileobj is stdin:
                        left = left[self._put(left) :]
                        if not left:
                            ready.unregister(stdin)
                        continue
                    piece = os.read(key.fd, CHUNK)
                    got += piece
                    if not piece or len(got) > MOST_ANSWER:
                        raise self._death(got)
                    if b"\n" in piece:
                        *whole, rest = got.split(b"\n")
                        lines += map(bytes, whole)
                        got, until = rest, time.monotonic() + seconds
                        if len(lines) >= many:
                            if len(lines) > many or rest:
                                raise NoAnswer("its answer cannot be read", "policy-crash")
                            return lines

    def _put(self, left: memoryview) -> int:
        # how much was taken; a child that does not listen any more is found out by its silence
        try:
            return os.write(self._process.stdin.fileno(), left[:CHUNK])  # type: ignore[union-attr]
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            return len(left)

    def _death(self, got: bytearray) -> NoAnswer:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        code = self._process.poll()
        if code == TOO_MUCH:
            return NoAnswer(f"it used more than {MEMORY >> 20} MB of memory", "policy-memory")
        if code is not None and code < 0:
            return NoAnswer(f"the interpreter died of {signal.Signals(-code).name}", "policy-crash")
        if got or not code:
            return NoAnswer("its answer cannot be read", "policy-crash")
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - CHUNK))
        last = self._said.read().decode(errors="replace").strip().splitlines()[-1:] or ["no word"]
        return NoAnswer(f"the interpreter failed: {last[0][:300]}", "policy-crash")

    def end(self) -> None:
        """End it, and wait until it has."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            pipe.close()  # type: ignore[union-attr]
        self._process.wait()


def _end(idle: list[_Child], owner: int) -> None:
    if owner != os.getpid():
        return
    while idle:
        idle.pop().end()
