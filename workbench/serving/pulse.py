"""When a process is asked whether it is alive, held to hang, and started again; pure, time is handed in.

A process that ends is started again, at once the first time and then more and more slowly. Each is asked again
and again, and hangs after `MISSES` questions without a yes. Questions are counted, and not seconds, so that
one who asks and was stopped meanwhile kills nobody; and one that is starting has `STARTING` seconds until its first
yes.

>>> pulse = Pulse()
>>> pulse.started(0.0)
>>> pulse.heard(True, at=1.0, before=pulse.answers)
>>> for at in (6.0, 21.0, 36.0):
...     assert pulse.due(at) and not pulse.hangs_at(at)
...     pulse.heard(False, at=at + 10, before=pulse.answers)
>>> pulse.hangs_at(46.0)
True
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST, SLOWEST = 0.1, 30.0  # seconds before a process that ended is started again: doubled each time, up to
STEADY = 60.0  # seconds after which a process is held to run well
HUNG = 30.0  # seconds that it may leave questions whether it is alive unanswered, once it has answered one
MISSES = 3  # such questions, one after the other
ASK = 5.0  # seconds between two such questions
STARTING = 600.0  # seconds that a process may take until it first answers


@dataclass(kw_only=True)
class Pulse:
    """What is known of one process; all times are seconds on the clock that only goes forward."""

    hung: float = HUNG  # seconds that it may leave questions unanswered
    began: float | None = None  # None: it does not run
    failures: int = 0
    again: float = 0.0  # not started before
    restarts: int = 0
    hangs: int = 0  # times that it was killed because it said nothing
    answers: bool = False
    asked: float = 0.0  # when it was last asked whether it is alive
    missed: int = 0  # questions without an answer, one after the other

    @property
    def patience(self) -> float:
        """Seconds that one question may take."""
        return self.hung / MISSES

    def started(self, now: float) -> None:
        """It was started."""
        self.began, self.answers, self.missed = now, False, 0

    def due(self, now: float) -> bool:
        """Whether it is to be asked."""
        return now - self.asked >= (min(ASK, self.hung) if self.answers else 0.0)

    def heard(self, alive: bool, *, at: float, before: bool) -> None:
        """What came of a question; one that is starting yet has time to say yes.

        Args:
            alive: Whether it said yes.
            at: When it was known.
            before: Whether it had answered any when it was asked.
        """
        self.answers = before or alive
        self.missed = 0 if alive else self.missed + before
        self.asked = at

    def hangs_at(self, now: float) -> bool:
        """Whether it runs and is to be killed."""
        if self.began is None:
            return False
        if now - self.began > STEADY:
            self.failures = 0
        return self.missed >= MISSES or (not self.answers and now - self.began > STARTING)

    def killed(self) -> None:
        """It was killed because it hangs."""
        self.missed = 0
        self.hangs += 1

    def ended(self, now: float) -> None:
        """It ended since the last look."""
        self.began, self.answers, self.missed = None, False, 0
        self.again = now + min(SLOWEST, FIRST * 2.0**self.failures)
        self.failures += 1
        self.restarts += 1
