"""Who may consume a subscription: one process, and the next one soon after that one is gone.

The holder's beats go up as long as it lives. Another process takes over at once where the holder gave up
or died on this machine, else after it saw no beat for a while, by its own monotonic clock: no two clocks are
compared, and one that steps back changes nothing. Taking over too early does no harm: the fence goes up,
and the former holder's next commit is refused.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from workbench.serving.events.port import Claim, Desk, Standing, Subscription
from workbench.serving.holders import gone, this_process

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


def try_take(desk: Desk, subscription: Subscription, waiting: Waiting, *, silence: float = SILENCE) -> Claim | None:
    """Take a subscription if its holder is gone; None: it is held, look again soon."""
    standing = desk.standing(subscription.name)
    if standing is not None and not gone(standing.holder) and waiting.silent(standing, time.monotonic()) < silence:
        return None
    return desk.take(subscription, this_process(), seen=standing)
