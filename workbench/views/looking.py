"""The questions that wait for people, looked at a few at a time so that nobody waits for all.

Looking at one asks the policy whether it would still be asked so. What is on the screen is looked at before it is
drawn; a question that stands as it stood keeps its answer until it was looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from workbench.errors import WorkbenchError
from workbench.views.deciding import Trouble, Waiting

STEP = 20  # questions that are looked at between two drawings


class Looking:
    """The questions of one page, with what is known of each so far."""

    def __init__(self, look: Callable[[Sequence[Waiting]], Sequence[Waiting]]) -> None:
        self._look = look
        self._read: Sequence[Waiting] = ()
        self._seen: dict[str, Waiting] = {}  # by digest
        self._open: dict[str, Waiting] = {}  # those that are still to be looked at

    @property
    def every(self) -> list[Waiting]:
        """All, the viewer's own first, otherwise the oldest first; those that were looked at as they are."""
        every = [self._seen.get(one.open.digest, one) for one in self._read]
        return sorted(every, key=lambda one: not one.yours)

    @property
    def seen(self) -> list[Waiting]:
        """Those that were looked at, in that order."""
        return [one for one in self.every if one.open.digest in self._seen]

    @property
    def left(self) -> int:
        """Questions that are still to be looked at."""
        return len(self._open)

    def take(self, waiting: Sequence[Waiting]) -> None:
        """A new reading, none of which was looked at."""
        self._read = waiting
        self._open = {one.open.digest: one for one in waiting}
        stand = {digest: self._seen[digest].open for digest in self._open.keys() & self._seen.keys()}
        self._seen = {
            digest: replace(self._open[digest], open=open_)
            for digest, open_ in stand.items()
            if open_.answers == self._open[digest].open.answers
        }

    def about(self, digests: Collection[str]) -> None:
        """Look at some now, where that was not done since they were read.

        Raises:
            WorkbenchError: The policy cannot be asked.
        """
        self._at([one for digest, one in self._open.items() if digest in digests])

    def first(self, many: int) -> None:
        """Look at the first ones, as they stand in order once they were looked at.

        Raises:
            WorkbenchError: The policy cannot be asked.
        """
        while some := [one for one in self.every[:many] if one.open.digest in self._open]:
            self._at(some)

    def go_on(self) -> None:
        """Look at the next ones.

        Raises:
            WorkbenchError: The policy cannot be asked.
        """
        self._at([one for one in self.every if one.open.digest in self._open][:STEP])

    def _at(self, some: Sequence[Waiting]) -> None:
        if not some:
            return
        try:
            looked = self._look(some)
        except WorkbenchError:
            self._open = {}  # until they are read again
            raise
        for one in looked:
            self._seen[one.open.digest] = one
            del self._open[one.open.digest]


def stuck(waiting: Iterable[Waiting]) -> list[Trouble]:
    """What is wrong with questions that were looked at: nobody's yes would count."""
    found = []
    for one in waiting:
        if one.open.state == "stale":
            said = "policy, evidence or champion changed since it was asked; its approvals count no more"
            found.append(Trouble(one.open.in_words, said, "ask for the move again"))
        elif one.open.state == "waiting" and not one.open.may:
            helps = "workbench people add NAME --role approver --why …"
            found.append(Trouble(one.open.in_words, "nobody may approve it", helps))
    return found
