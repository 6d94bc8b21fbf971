"""One model on the promotions page: its champion, a card for each version that waits, and the earlier ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from workbench.ledger.heads import MOVES
from workbench.promotion import Candidate
from workbench.promotion.stages import AHEAD
from workbench.views.acting import Act, Form
from workbench.views.deciding import Acts, Wish
from workbench.views.moving import open_for
from workbench.views.papers import Papers
from workbench.views.parts import Parts, place, show
from workbench.views.version_told import Known, head, left, told
from workbench.views.words import safe

FIRST_SHARE = "5"  # percent; what the field for a canary's share begins with
MOST_ACTS = 6
CERTIFIED = {"champion", "former champion", "shadow", "canary"}  # a certificate says why it is there, or was


@dataclass(frozen=True)
class Doing:
    """What a model's part of the page can set in motion."""

    acts: Acts
    look_again: Callable[[], None]  # reads the world anew and shows it
    done: Callable[[str], None]  # says a confirmation to the whole page


class Section:
    """A model's part of the page; `show` changes it in place and keeps what was typed."""

    def __init__(self, parts: Parts, model: str, doing: Doing) -> None:
        self._parts, self._model, self._doing = parts, model, doing
        self._cards: dict[int, Card] = {}
        self._rows: dict[int, Earlier] = {}
        self._form: Form | None = None
        self._papers: Papers | None = None
        self._acts: list[Act] = []
        self._opened = False
        self.head = parts.html()
        self.back = parts.button("Roll back …", click=self._open)
        self.said = parts.html()
        self._top = parts.row(self.head, look="wb-head")
        self._form_box = parts.column()
        self._papers_box = parts.column()
        self._waiting = parts.column(look="wb-form")
        self._earlier_title = parts.html("<h3>Earlier versions</h3>", "wb-earlier")
        self._earlier = parts.column()
        self.widget = parts.column(
            self._top,
            self._papers_box,
            self.said,
            self._form_box,
            self._waiting,
            self._earlier_title,
            self._earlier,
            look="wb-section",
        )
        self.say("")

    def show(self, known: Known) -> None:
        """The model's versions as they stand now."""
        champion = known.champion
        self.head.value = head(self._model, known)
        self._offer_papers(champion)
        self._offer_way_back(known)
        waiting = [c for c in known.candidates if c.stage in AHEAD]
        for candidate in known.candidates:
            number = candidate.version.version
            if candidate.stage in AHEAD or number in self._cards:
                self._card(number).show(candidate, known)
        place(self._waiting, [self._card(c.version.version).widget for c in waiting])
        earlier = [c for c in known.candidates if c.stage not in {"champion", *AHEAD}]
        for candidate in earlier:
            number = candidate.version.version
            if number not in self._rows:
                self._rows[number] = Earlier(self._parts, partial(self._card, number))
            self._rows[number].show(candidate, known)
        place(self._earlier, [self._rows[c.version.version].widget for c in earlier])
        show(self._earlier_title, shown=bool(earlier))

    def say(self, words: str) -> None:
        """Show a piece of HTML below the champion."""
        self.said.value = words
        show(self.said, shown=bool(words))

    def done(self, sentence: str) -> None:
        """Close the form of the way back and confirm the act."""
        self._fold(opened=False)
        self._doing.done(sentence)

    def _card(self, number: int) -> Card:
        if number not in self._cards:
            self._cards[number] = Card(self._parts, self._doing)
        return self._cards[number]

    def _offer_papers(self, champion: Candidate | None) -> None:
        if champion is None:
            place(self._papers_box, [])
            return
        number = champion.version.version
        if self._papers is None or self._papers.version != number:
            self._papers = Papers(self._parts, self._doing.acts, self._model, number)
        place(self._papers_box, [self._papers.widget])

    def _offer_way_back(self, known: Known) -> None:
        champion, to = known.champion, known.back
        possible = champion is not None and to is not None and "ask" in known.you.may
        place(self._top, [self.head, self.back] if possible else [self.head])
        if champion is None or to is None or not possible:
            self._acts = []
            if self._form is not None:
                self._form.offer(self._acts)
            self._fold(opened=False)
            return
        present = champion.version.version
        wish = Wish("rollback", self._model, to)
        self._acts = [
            Act(
                "Roll back",
                partial(self._doing.acts.do, wish),
                effect=f"This takes {self._model} back from version {present} to version {to}. "
                f"From then on version {to} answers every request.",
                sure=f"Yes, go back to version {to}",
                judge=partial(self._doing.acts.judge, wish),
                look="wb-grave",
            )
        ]
        self.back.tooltip = f"Take {self._model} back to version {to}"
        if self._form is not None:
            self._form.offer(self._acts)

    def _open(self) -> None:
        if self._form is None:
            label = f"Why go back from {self._model}’s present version? (required)"
            self._form = Form(self._parts, label, look_again=self._doing.look_again, done=self.done, count=1)
            self._form.widget.add_class("wb-apart")
            self._form.offer(self._acts)
        self._fold(opened=not self._opened)
        self.say("")
        if self._opened:
            self._form.reason.focus()

    def _fold(self, *, opened: bool) -> None:
        self._opened = opened
        place(self._form_box, [self._form.widget] if opened and self._form is not None else [])


class Card:
    """A version with its verdict, its evidence, its papers and the form to decide about it."""

    def __init__(self, parts: Parts, doing: Doing) -> None:
        self._parts, self._doing = parts, doing
        self._now: tuple[Candidate, Known] | None = None
        self._papers: Papers | None = None
        self.told = parts.html()
        self._form: Form | None = None
        self._share = parts.line("A canary’s share of the traffic, in percent", FIRST_SHARE)
        self._share.add_class("wb-share")
        self._share.value = FIRST_SHARE
        self._share.observe(lambda _: self._offer(), "value")
        self._box = parts.column(look="wb-form")
        self.widget = parts.column(self.told, self._box, look="wb-card")

    def show(self, candidate: Candidate, known: Known) -> None:
        """The version as it stands now."""
        self._now = (candidate, known)
        self.told.value = told(candidate, known)
        if self._papers is None:
            self._papers = Papers(self._parts, self._doing.acts, candidate.version.model, candidate.version.version)
        granted = any(e.kind in MOVES and e.subject == candidate.version.subject for e in known.trail)
        self._papers.offer(certificate=granted or candidate.stage in CERTIFIED)
        self._offer()

    def _offer(self) -> None:
        if self._now is None or self._papers is None:
            return
        candidate, known = self._now
        acts = open_for(candidate, known.candidates, known.you, self._doing.acts, self._share.value)
        if self._form is not None:
            self._form.offer(acts)  # none, too: a click that comes late acts on nothing
        if not acts:
            place(self._box, [self._papers.widget])
            return
        if self._form is None:
            self._form = Form(
                self._parts,
                "Your reason (required)",
                look_again=self._doing.look_again,
                done=self._doing.done,
                count=MOST_ACTS,
                above=[self._share],
            )
        show(self._share, shown=any(act.words.startswith("Canary") for act in acts))
        self._form.offer(acts)
        place(self._box, [self._papers.widget, self._form.widget])


class Earlier:
    """A version that does not wait: one line, and its card when asked for."""

    def __init__(self, parts: Parts, card: Callable[[], Card]) -> None:
        self._card = card
        self._now: tuple[Candidate, Known] | None = None
        self.line = parts.html()
        self.button = parts.button("", look="wb-plain", click=self._fold)
        self._below = parts.column()
        self.widget = parts.column(parts.row(self.line, self.button, look="wb-row"), self._below)

    def show(self, candidate: Candidate, known: Known) -> None:
        """The version as it stands now."""
        self._now = (candidate, known)
        number = candidate.version.version
        self.line.value = f"<p><b>Version {number}</b>, {safe(left(candidate, known.trail))}</p>"
        if not self._below.children:
            self.button.description = f"Look at version {number}"
            self.button.tooltip = f"Evidence and verdict of {candidate.version.model} version {number}"

    def _fold(self) -> None:
        if self._now is None:
            return
        candidate, known = self._now
        if self._below.children:
            self._below.children = ()
            self.button.description = f"Look at version {candidate.version.version}"
            return
        card = self._card()
        card.show(candidate, known)
        self._below.children = (card.widget,)
        self.button.description = "Close"
