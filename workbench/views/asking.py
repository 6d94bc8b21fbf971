"""What the policy says of every version on the board, asked a few at a time so that nobody waits for hundreds.

What is on the screen is asked about before it is drawn, the rest afterwards. A version that stands as it stood
keeps its answer until it was asked about again; no move rests on that, since each is put to the policy itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from workbench.errors import WorkbenchError
from workbench.promotion import Candidate, Verdicts, judged, open_questions

AT_ONCE = 24  # versions about which the policy is asked before a page is drawn
STEP = 60  # versions about which it is asked between two drawings


class Asking:
    """The board of one page, with the answers so far."""

    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts
        self._read: Sequence[Candidate] = ()
        self._said: dict[str, Candidate] = {}  # by the version's name, with its answer
        self._open: dict[str, Candidate] = {}  # those about which the policy is still to be asked

    @property
    def candidates(self) -> list[Candidate]:
        """The board, each with the policy's answer where there is one."""
        return [self._said.get(one.version.subject, one) for one in self._read]

    @property
    def left(self) -> int:
        """Versions about which the policy is still to be asked."""
        return len(self._open)

    def take(self, candidates: Sequence[Candidate]) -> None:
        """A new reading; the policy is asked about a few at once, about many by and by.

        Raises:
            WorkbenchError: The policy cannot be asked.
        """
        self._read = candidates
        self._open = {one.version.subject: one for one in open_questions(candidates)}
        self._said = {
            name: said
            for name, said in self._said.items()
            if name in self._open and self._open[name] == replace(said, decision=None)
        }
        if self.left <= AT_ONCE:
            self.go_on()

    def about(self, models: Collection[str]) -> None:
        """Ask about all versions of some models now.

        Raises:
            WorkbenchError: The policy cannot be asked.
        """
        self._ask([one for one in self._open.values() if one.version.model in models])

    def go_on(self) -> None:
        """Ask about the next ones.

        Raises:
            WorkbenchError: The policy cannot be asked.
        """
        self._ask(list(self._open.values())[:STEP])

    def _ask(self, some: Sequence[Candidate]) -> None:
        if not some:
            return
        try:
            self._said |= {one.version.subject: one for one in judged(some, self._verdicts)}
        except WorkbenchError:
            self._open = {}  # until the board is read again
            raise
        for one in some:
            del self._open[one.version.subject]
