"""The queue of reviewers: every question that waits for people, the viewer's own first, each with its evidence.

It is made for the keyboard: a question's reason, then its buttons, then the next question; after an answer
the next question's reason has the focus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.views.acting import confirmed, failed
from workbench.views.asked import Asked
from workbench.views.deciding import Acts, Reading
from workbench.views.parts import Parts, place, show, working
from workbench.views.promotions import you_told
from workbench.views.words import counted

if TYPE_CHECKING:
    from ipywidgets import Widget


class Queue:
    """The page's parts, and the questions it has shown."""

    def __init__(self, acts: Acts, refresh: Callable[[], Reading]) -> None:
        self._acts, self._refresh = acts, refresh
        self._parts = parts = Parts()
        self._asked: dict[str, Asked] = {}
        self.lead = parts.html()
        self.you = parts.html()
        self.again = parts.button("Refresh", tooltip="Read everything again", click=self._refreshed)
        self.said = parts.html()
        self.cards = parts.column(look="wb-form")
        top = parts.row(self.lead, parts.row(self.you, self.again, look="wb-acts"), look="wb-bar-top")
        self.widget = parts.page(top, self.said, self.cards)
        show(self.said, shown=False)

    def begin(self, reading: Reading) -> Widget:
        """The page with its first reading."""
        self._take(reading)
        return self.widget

    def fail(self, error: WorkbenchError) -> None:
        """Say that reading failed; what was read before stays."""
        if not self.lead.value:
            self.lead.value = '<p class="wb-lead">Nothing can be shown yet.</p>'
        self._say(failed(error))

    def _take(self, reading: Reading) -> None:
        self.lead.value = f'<p class="wb-lead">{_lead(reading)}</p>'
        self.you.value = you_told(reading.you)
        for one in reading.waiting:
            if one.open.digest not in self._asked:
                self._asked[one.open.digest] = Asked(
                    self._parts, self._acts, look_again=self._look_again, done=self._done, closely=True
                )
            self._asked[one.open.digest].show(one, reading.you, reading.candidates)
        ordered = sorted(reading.waiting, key=lambda one: not one.yours)  # otherwise the oldest first
        place(self.cards, [self._asked[one.open.digest].widget for one in ordered])

    def _look_again(self) -> None:
        self._take(self._refresh())

    def _done(self, said: str) -> None:
        self._read()
        if not self.said.value:
            self._say(confirmed(said))
        for card in self.cards.children:
            form = next((asked.form for asked in self._asked.values() if asked.widget is card and asked.form), None)
            if form is not None and form.widget in card.children[-1].children:
                form.reason.focus()
                return

    def _refreshed(self) -> None:
        with working(self.again):
            self._read()

    def _read(self) -> None:
        try:
            reading = self._refresh()
        except WorkbenchError as error:
            self.fail(error)
            return
        self._say("")
        self._take(reading)

    def _say(self, words: str) -> None:
        self.said.value = words
        show(self.said, shown=bool(words))


def _lead(reading: Reading) -> str:
    if not reading.waiting:
        return "Nothing waits for people."
    mine = sum(one.yours for one in reading.waiting) if "approve" in reading.you.may else 0
    many = len(reading.waiting) + reading.left
    told = counted(many, "question waits", "questions wait") + " for people"
    of = f"of the {len(reading.waiting)} shown" if reading.left else "of them"
    more = "; the next come as these are answered" if reading.left else ""
    return f"{told}, {mine or 'none'} {of} for you{more}."
