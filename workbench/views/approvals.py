"""The queue of reviewers: every question that waits for people, the viewer's own first, each with its evidence.

It is made for the keyboard: a question's reason, then its buttons, then the next question; after an answer
the next question's reason has the focus.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.views.acting import confirmed, failed, focus_next, toast
from workbench.views.asked import Asked
from workbench.views.board_told import answers_told, you_told
from workbench.views.deciding import Acts, Reading
from workbench.views.looking import Looking
from workbench.views.parts import Parts, place, show, working
from workbench.views.words import counted

if TYPE_CHECKING:
    from ipywidgets import Widget


PAGE = 8  # questions shown at once; more on request


class Queue:
    """The page's parts, and the questions it has shown."""

    def __init__(self, acts: Acts, refresh: Callable[[], Reading]) -> None:
        self._acts, self._refresh = acts, refresh
        self._parts = parts = Parts()
        self._asked: dict[str, Asked] = {}
        self._looking = Looking(acts.look)
        self._reading: Reading | None = None
        self._most = PAGE
        self.lead = parts.html()
        self.you = parts.html()
        self.again = parts.button("Refresh", tooltip="Read everything again", click=self._refreshed)
        self.said = parts.html()
        self.answers = parts.html()
        self.cards = parts.column(look="wb-form")
        self.more = parts.button("", click=self._show_more)
        self.further = parts.row(look="wb-acts")
        self.toast = parts.html()
        top = parts.row(self.lead, parts.row(self.you, self.again, look="wb-acts"), look="wb-bar-top")
        self.widget = parts.page(top, self.said, self.answers, self.cards, self.further, self.toast)
        for part in (self.said, self.answers):
            show(part, shown=False)

    def begin(self, reading: Reading) -> Widget:
        """The page with its first reading."""
        self._take(reading)
        return self.widget

    def fail(self, error: WorkbenchError) -> None:
        """Say that reading failed; what was read before stays."""
        if not self.lead.value:
            self.lead.value = '<p class="wb-lead">Nothing can be shown yet.</p>'
        self._say(failed(error))

    def _take(self, reading: Reading, about: Collection[str] = ()) -> None:
        """Show a reading, once what is on the screen was looked at, and whatever somebody is about to answer."""
        self._reading = reading
        self._looking.take(reading.waiting)
        self._ask(partial(self._looking.about, about))
        self._draw()

    def _draw(self) -> None:
        if self._reading is None:
            return
        self._ask(partial(self._looking.first, self._most))
        reading = replace(self._reading, waiting=self._looking.every)
        self.lead.value = f'<p class="wb-lead">{_lead(reading)}</p>'
        self.you.value = you_told(reading.you)
        self.answers.value = answers_told(reading)
        show(self.answers, shown=bool(self.answers.value))
        shown = self._looking.seen[: self._most]
        for one in shown:
            digest = one.open.digest
            if digest not in self._asked:
                look_again = partial(self._look_again, digest)
                done = partial(self._done, digest)
                self._asked[digest] = Asked(self._parts, self._acts, look_again=look_again, done=done, closely=True)
            self._asked[digest].show(one, reading.you, reading.candidates)
        place(self.cards, [self._asked[one.open.digest].widget for one in shown])
        left = max(0, len(reading.waiting) - self._most)
        self.more.description = f"Show {min(PAGE, left)} more of {counted(left, 'question')}"
        place(self.further, [self.more] if left else [])

    def _ask(self, look: Callable[[], None]) -> None:
        try:
            look()
        except WorkbenchError as error:
            self._say(failed(error))

    def _show_more(self) -> None:
        self._most += PAGE
        self._draw()

    def _look_again(self, digest: str) -> None:
        self._take(self._refresh(), {digest})

    def _done(self, digest: str, said: str) -> None:
        place_of = self.cards.children.index(self._asked[digest].widget)
        self._read()
        if not self.said.value:
            self._say(confirmed(said))
        self.toast.value = toast(said)
        now = {asked.widget: asked for asked in self._asked.values()}
        focus_next([now[card].offered for card in self.cards.children], place_of)

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
        return "No move waits for people." if reading.answers else "Nothing waits for people."
    mine = sum(one.yours for one in reading.waiting) if "approve" in reading.you.may else 0
    many = len(reading.waiting) + reading.left
    told = counted(many, "question waits", "questions wait") + " for people"
    of = f"of the first {len(reading.waiting)}" if reading.left else "of them"
    return f"{told}, {mine or 'none'} {of} for you."
