"""Who may consume a subscription: one process, and the next one soon after that one is gone.

The holder's beats go up as long as it lives. Another process takes over at once where the holder gave up
or died on this machine, else after it saw no beat for a while, by its own monotonic clock: no two clocks are
compared, and one that steps back changes nothing. Taking over too early does no harm: the fence goes up,
and the former holder's next commit is refused.
"""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from workbench.serving.events.port import Claim, Desk, Standing, Subscription

SILENCE = 10.0  # seconds without a beat after which a holder counts as gone
BEAT = 2.0  # seconds between two beats of a holder that has nothing to commit


@dataclass
class Waiting:
    """What a process that wants a subscription has seen of its holder."""

    seen: tuple[int, int] | None = None  # fence and beats
    since: float = 0.0  # monotonic

    def silent(self, standing: Standing, now: float) -> float:
        """Seconds for which the holder has not moved."""
        state = (standing.fence, standing.beats)
        if state != self.seen:
            self.seen, self.since = state, now
        return now - self.since


def this_process() -> str:
    """A name that no other process has: machine, number, and when it began."""
    return f"{socket.gethostname()}/{os.getpid()}/{_began(os.getpid())}"


def gone(holder: str) -> bool:
    """Whether a holder is known to be gone; false where it is another machine's."""
    host, pid, began = holder.rsplit("/", 2) if holder.count("/") >= 2 else ("", "0", "")
    if not holder:
        return True
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        return psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE or _began(int(pid)) != began
    except psutil.Error:
        return True


def try_take(desk: Desk, subscription: Subscription, waiting: Waiting, *, silence: float = SILENCE) -> Claim | None:
    """Take a subscription if its holder is gone; None: it is held, look again soon."""
    standing = desk.standing(subscription.name)
    if standing is not None and not gone(standing.holder) and waiting.silent(standing, time.monotonic()) < silence:
        return None
    return desk.take(subscription, this_process(), seen=standing)


def _began(pid: int) -> str:
    """When a process began, in ticks since the machine did: the same whatever happens to the clock."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
