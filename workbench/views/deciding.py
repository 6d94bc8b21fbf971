"""What the pages of decisions are given, and what they hand back: plain objects and callbacks.

A page knows who looks and what they may do; what they may not do is not on it. The gate refuses it too,
whatever a page says.

>>> Wish("stage", "lending", 3, "canary", 0.05).in_words
'put lending 3 into canary at 5 % of the traffic'
>>> Wish("rollback", "lending", 1).in_words
'bring lending back to version 1'
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from workbench.ledger import Entry
from workbench.ledger.lineage import Lineage
from workbench.policy import Decision
from workbench.promotion import Candidate, Open, Step, Verdicts
from workbench.promotion.people import Right
from workbench.promotion.stages import Action

Wanted = Action | Literal["reject"]

EVERYTHING: frozenset[Right] = frozenset({"look", "ask", "approve", "administer"})


@dataclass(frozen=True)
class Wish:
    """What a person wants to be done with a version."""

    action: Wanted
    model: str
    version: int  # of a rollback: the one that comes back
    slot: str = "champion"  # where to, or out of which
    weight: float | None = None  # a canary's share of the traffic, in (0, 1)

    @property
    def in_words(self) -> str:
        """The wish in a few words."""
        name = f"{self.model} {self.version}"
        share = "" if self.weight is None else f" at {100 * self.weight:.4g} % of the traffic"
        return {
            "promote": f"make {name} champion",
            "rollback": f"bring {self.model} back to version {self.version}",
            "stage": f"put {name} into {self.slot}{share}",
            "clear": f"take {name} out of {self.slot}",
            "retire": f"retire {name}",
            "reject": f"turn {name} down",
        }[self.action]


@dataclass(frozen=True)
class You:
    """Who looks at the page, as something trusted told."""

    name: str
    source: str = "os"  # who vouches: os, jupyterhub, proxy
    roles: tuple[str, ...] = ()
    may: frozenset[Right] = EVERYTHING


@dataclass(frozen=True)
class Waiting:
    """A question that waits for people, as the person who looks sees it."""

    open: Open
    why_not: str = ""  # why a yes of theirs would not count; empty: it would
    may_refuse: bool = True

    @property
    def yours(self) -> bool:
        """Whether it waits for the one who looks."""
        return self.open.state == "waiting" and not self.why_not


@dataclass(frozen=True)
class Trouble:
    """Something that is not as it should be."""

    about: str  # a model or a version
    sentence: str
    hint: str = ""  # a command that helps


@dataclass(frozen=True)
class Reading:
    """All that the pages of decisions show, as it was at one moment."""

    you: You
    candidates: Sequence[Candidate] = ()  # by model, in the order to be shown; the policy need not have been asked
    trail: Sequence[Entry] = ()  # past decisions
    waiting: Sequence[Waiting] = ()  # the questions that are shown; the policy need not have been asked
    wrong: Sequence[Trouble] = ()
    back: Mapping[str, int] = field(default_factory=dict)  # by model, the version that a rollback brings back
    queued: int | None = None  # questions that wait in all; None: those that are shown
    answers: int = 0  # held answers that wait; they have a page of their own

    @property
    def left(self) -> int:
        """Questions that wait and are not shown: they come as others are answered."""
        return max(0, (self.queued or 0) - len(self.waiting))


@dataclass(frozen=True)
class Paper:
    """A file that leaves the workspace."""

    name: str  # of the file
    text: str
    kind: str  # its media type


@dataclass(frozen=True)
class Acts:
    """What the pages can set in motion; each may raise a WorkbenchError, whose words are shown."""

    judge: Callable[[Wish, str], Decision]  # what the policy says to a wish and its reason now; nothing is written
    do: Callable[[Wish, str], str]  # the sentence that says what came of it
    approve: Callable[[str, str, bool], str]  # a question's digest, the reason, whether to make the move at once
    refuse: Callable[[str, str], str]  # a question's digest, the reason
    certificate: Callable[[str, int], Paper]  # model, version
    card: Callable[[str, int], Paper]
    story: Callable[[str, int], Sequence[Step]]  # all that happened to a version, the oldest first
    trace: Callable[[str, int], Lineage]  # where it comes from, and what it led to
    verdicts: Verdicts  # what the policy says to promoting each of some versions now, asked in one go
    look: Callable[[Sequence[Waiting]], Sequence[Waiting]]  # questions that wait, each judged anew, in their order
