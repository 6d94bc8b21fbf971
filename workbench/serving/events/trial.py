"""Rows shown to a model in a process of their own first, where whoever had them in hand last may have died of them.

A row can end the process that scores it: a fault in native code, or memory without end. Nobody in that process
can tell. So the next holder of the subscription, where the last one never gave it back, tries its first batch in a
fork; a fork that dies is tried again in halves, until the row is alone. What outlives its trial is scored
as ever. A fork scores with one thread: threads that its parent has begun are not there, and would be waited for.

>>> from workbench.ledger import Head
>>> deadly = lambda bodies: os.kill(os.getpid(), 9) if b"7" in bodies else list(bodies)
>>> scorer = Scorer(Head("lending", "champion", 1, 1, 1), None, deadly, bytes)
>>> tried(scorer).score([b"6", b"7", b"8"])
[b'6', Failed(kind='crash', reason='lending 1 took its process with it on this row: SIGKILL, 2 times of 2'), b'8']
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence

from workbench.errors import EngineError
from workbench.serving.events.champion import Failed, Scored, Scorer
from workbench.serving.events.lease import BEAT

TRIES = 2  # of a row that is alone
SECONDS = 30.0  # after which a fork counts as hanging, and is killed
PAUSE = 0.002  # seconds between two looks at a fork
MOST = 16  # rows that may be deadly before any is not; then it is the model that is at fault


def tried(scorer: Scorer, *, alive: Callable[[], None] = lambda: None) -> Scorer:
    """The scorer, with rows that end their process as failures of kind "crash".

    Args:
        scorer: A version in use; its `score` raises EngineError where it is deadly on every one of many rows.
        alive: Called now and then while a fork is waited for.
    """

    def score(bodies: Sequence[bytes]) -> list[Scored | Failed]:
        deadly: dict[int, str] = {}
        _try(scorer, bodies, list(range(len(bodies))), deadly, alive)
        answers = iter(scorer.score([body for number, body in enumerate(bodies) if number not in deadly]))
        return [Failed("crash", deadly[n]) if n in deadly else next(answers) for n in range(len(bodies))]

    return scorer._replace(score=score)


def _try(
    scorer: Scorer, bodies: Sequence[bytes], some: list[int], deadly: dict[int, str], alive: Callable[[], None]
) -> None:
    """Find the rows that are deadly among some.

    Raises:
        EngineError: The first ones all are.
    """
    ends: list[str] = []
    while len(ends) < (TRIES if len(some) == 1 else 1):
        end = _end([bodies[number] for number in some], scorer, alive)
        if not end:
            return
        ends.append(end)
    if len(some) == 1:
        subject = f"{scorer.head.model} {scorer.head.holder}"
        deadly[some[0]] = f"{subject} took its process with it on this row: {ends[-1]}, {TRIES} times of {TRIES}"
        if len(deadly) >= MOST and set(deadly) == set(range(MOST)):
            raise EngineError(deadly[some[0]], hint=f"workbench rollback {scorer.head.model} --why …")
        return
    half = len(some) // 2
    for part in (some[:half], some[half:]):
        _try(scorer, bodies, part, deadly, alive)


def _end(bodies: Sequence[bytes], scorer: Scorer, alive: Callable[[], None]) -> str:
    """How a fork that scores the rows came to a bad end; empty: it outlived them, whatever it made of them."""
    from threadpoolctl import threadpool_limits

    pid = os.fork()
    if pid == 0:  # pragma: no cover (the fork; it leaves without its parent's handlers)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            threadpool_limits(1)
            scorer.score(bodies)
        finally:
            os._exit(0)
    began = beaten = time.monotonic()
    try:
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                pid = 0
                return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else ""
            now = time.monotonic()
            if now - began > SECONDS:
                return f"no answer within {SECONDS:.0f} s"
            if now - beaten > BEAT:
                beaten = now
                alive()
            time.sleep(PAUSE)
    finally:
        if pid:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
