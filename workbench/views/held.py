"""The review page: each held answer with its evidence, and the form in which a named person decides on it.

It is a function of plain objects and callbacks; a decision is handed on, and what was read stays in place. While
somebody looks at it, it reads again by itself and moves nothing: what is new stands below, what no longer waits is
hidden, or says so where somebody has begun to write about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.promotion.people import normal
from workbench.promotion.queue import ANYBODY, ONE_USER
from workbench.views.acting import Act, Form, confirmed, failed, focus_next, refused, toast
from workbench.views.heartbeat import heartbeat
from workbench.views.parts import Parts, place, show, working
from workbench.views.words import counted, moment, safe, sentence

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.serving.held import Held, Verdict
    from workbench.serving.review import Waiting

PAGE = 10  # answers shown at once; more on request
EVERY = 15  # seconds between two readings while somebody looks
OVER = "This no longer waits: somebody has decided on it, or its time is over."

Decide = Callable[[str, "Verdict", str, bool | float | None], str]


def review_page(read: Callable[[], Sequence[Waiting]], *, decide: Decide, actor: str) -> Widget:
    """The page on which a person decides on held answers.

    Args:
        read: What waits, the one that ends first before the others.
        decide: Decides (prediction, verdict, reason, other answer); returns the sentence that confirms it,
            raises what refuses it.
        actor: Who acts.
    """
    return Queue(read, decide, actor).begin()


class Queue:
    """The page's parts, and what they hold."""

    def __init__(self, read: Callable[[], Sequence[Waiting]], decide: Decide, actor: str) -> None:
        self._read, self._decide, self._actor = read, decide, actor
        self._parts = parts = Parts()
        self._cards: dict[str, Card] = {}
        self._placed: Sequence[str] = ()  # answers that have a place on the screen, from the top
        self._most = PAGE
        self._waiting: Sequence[Waiting] = ()
        self._unread = False  # the last reading failed, and that is said
        self.lead = parts.html()
        self.again = parts.button("Refresh", tooltip="Read everything again", click=self._refreshed)
        self.said = parts.html()
        self.cards = parts.column(look="wb-form")
        self.more = parts.button("", click=self._show_more)
        self.toast = parts.html()
        self.beat = heartbeat(EVERY)
        self.beat.observe(lambda _: self._take(still=True), "beat")
        you = parts.html(f'<span class="wb-you">You act as <b>{safe(actor)}</b></span>')
        self.widget = parts.page(
            parts.row(self.lead, parts.row(you, self.again, look="wb-acts"), look="wb-bar-top"),
            self.said,
            self.cards,
            parts.row(self.more, look="wb-acts"),
            self.toast,
            self.beat,
        )

    def begin(self) -> Widget:
        """The page with its first reading."""
        self._take(quiet=True)
        return self.widget

    def _take(self, *, quiet: bool = False, still: bool = False) -> None:
        """Read again and show it; quietly: what was said before is over; still: what is on the screen stays there."""
        try:
            self._waiting = self._read()
        except WorkbenchError as error:
            self.lead.value = self.lead.value or '<p class="wb-lead">Nothing can be shown yet.</p>'
            self._say(failed(error))
            self._unread = True
            return
        if quiet or self._unread:
            self._say("")
        self._place(still=still)

    def _place(self, *, still: bool = False) -> None:
        self.lead.value = f'<p class="wb-lead">{_lead(self._waiting, self._actor)}</p>'
        waiting = {one.held.id: one for one in self._waiting}
        stay = list(self._placed) if still else []
        over = [name for name in stay if name not in waiting]
        new = [name for name in waiting if name not in stay]
        self._placed = stay + new[: max(0, self._most - len(stay) + len(over))]
        shown = [waiting[name] for name in self._placed if name in waiting]
        for one in shown:
            card = self._cards.get(one.held.id)
            if card is None:
                done = partial(self._done, one.held.id)
                look = partial(self._take, still=True)
                card = self._cards[one.held.id] = Card(self._parts, one.held, self._decide, look, done)
            card.show(one, self._actor)
        for name in over:
            self._cards[name].end()
        for gone in self._cards.keys() - waiting.keys() - set(over):
            del self._cards[gone]
        place(self.cards, [self._cards[name].widget for name in self._placed])
        left = len(self._waiting) - len(shown)
        self.more.description = f"Show {min(PAGE, left)} more of {counted(left, 'answer')}"
        show(self.more, shown=left > 0)

    def _done(self, prediction: str, words: str) -> None:
        place_of = self.cards.children.index(self._cards[prediction].widget)
        self._say(confirmed(words))
        self.toast.value = toast(words)
        self._take()
        now = {card.widget: card for card in self._cards.values()}
        focus_next([now[widget].offered for widget in self.cards.children], place_of)

    def _refreshed(self) -> None:
        with working(self.again):
            self._take(quiet=True)

    def _show_more(self) -> None:
        self._most += PAGE
        self._place(still=True)

    def _say(self, words: str) -> None:
        self._unread = False
        self.said.value = words
        show(self.said, shown=bool(words))


class Card:
    """One held answer; where the viewer may not decide on it, there is no form."""

    def __init__(
        self, parts: Parts, held: Held, decide: Decide, look_again: Callable[[], None], done: Callable[[str], None]
    ) -> None:
        self._decide = decide
        self.told = parts.html()
        self.other = parts.line("Other answer", "a number")
        label = f"Your reason about prediction {held.id} (required)"
        self.form = Form(parts, label, look_again=look_again, done=done, count=3)
        self._box = parts.column()
        self.widget = parts.column(self.told, self._box, look="wb-card")

    @property
    def offered(self) -> Form | None:
        """The form, where there is something to decide."""
        return self.form if self._box.children else None

    def show(self, one: Waiting, actor: str) -> None:
        """What is known of it now, and what can be done."""
        held = one.held
        self.told.value = evidence(one, actor)
        if not _may(one, actor):
            self.form.offer([])  # a click that comes late acts on nothing
            place(self._box, [])
            return
        place(self._box, [self.form.widget] if held.answer is not None else [self.other, self.form.widget])
        closed = "One person alone cannot give another answer." if held.requirement.approvals > 1 else ""
        says = "give the score" if held.answer is None else f"answer {_yes(held.answer)}"
        other = "give another number" if held.answer is None else f"answer {_yes(not held.answer)}"
        act = partial(self._act, held)
        self.form.offer(
            [
                Act(f"Confirm: {says}", act("confirm"), look="wb-first"),
                Act(
                    f"Change: {other}", act("change"), f"The caller gets another answer than {held.model} gave.",
                    f"Yes, {other}", closed=closed,
                ),
                Act("Refuse", act("refuse"), "The caller gets no answer.", "Yes, give no answer"),
            ]
        )  # fmt: skip

    def end(self) -> None:
        """It no longer waits; what somebody has written about it stays to be read."""
        self.form.offer([])
        written = self.form.reason.value.strip() or self.other.value.strip()
        show(self.widget, shown=bool(written))
        if written:
            self.form.say(refused(OVER))

    def _act(self, held: Held, verdict: Verdict) -> Callable[[str], str]:
        def do(why: str) -> str:
            other = None if verdict != "change" else self._other(held)
            return self._decide(held.id, verdict, why, other)

        return do

    def _other(self, held: Held) -> bool | float | None:
        if held.answer is not None:
            return not held.answer
        try:
            return float(self.other.value)
        except ValueError:
            return None  # refused in words by whoever decides


def evidence(one: Waiting, actor: str) -> str:
    """A held answer as HTML: what the model said, why it is held and until when, and what it was asked."""
    held = one.held
    ends = "" if held.ends is None else f" Until {moment(held.ends)}, then: {safe(_then(held))}."
    approved = f" Approved by {safe(', '.join(one.approved_by))}; {one.missing} missing." if one.approved_by else ""
    who = "" if _may(one, actor) else f"<p>Who may decide: {safe(', '.join(one.may) or 'nobody')}.</p>"
    says = "" if held.answer is None else f" says {_yes(held.answer)}"
    limit = "" if held.threshold is None else f", the threshold is {held.threshold:.4g}"
    given = "".join(f"<div><dt>{safe(str(n))}</dt><dd>{safe(_told(v))}</dd></div>" for n, v in held.features.items())
    return (
        f'<div class="wb-title"><h3>{safe(held.model)}{says}: its score is {held.score:.4g}{limit}</h3>'
        f'<span class="wb-quiet">version {held.version}, generation {held.generation}, asked {moment(held.at)}, '
        f"prediction {safe(held.id)}</span></div>"
        f"<p>{safe(sentence(held.requirement.why))}{ends}{approved}</p>"
        f'<dl class="wb-features">{given}</dl>{who}'
    )


def _may(one: Waiting, actor: str) -> bool:
    return bool({ANYBODY, ONE_USER} & set(one.may)) or normal(actor) in {normal(name) for name in one.may}


def _then(held: Held) -> str:
    if held.on_timeout == "answer":
        return "as the model said"
    if held.on_timeout == "refuse":
        return "no answer"
    return f"the answer is {_yes(dict(held.on_timeout)['answer'])}"


def _told(value: object) -> str:
    """A value as people read it: numbers of 32 bits without the digits that they do not have.

    >>> _told(22.540000915527344), _told(1.0), _told(True), _told("car")
    ('22.54', '1', 'True', 'car')
    """
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _yes(answer: bool | None) -> str:
    return "the score alone" if answer is None else "yes" if answer else "no"


def _lead(waiting: Sequence[Waiting], actor: str) -> str:
    if not waiting:
        return "No answer waits for people."
    mine = sum(_may(one, actor) for one in waiting)
    told = counted(len(waiting), "answer waits", "answers wait")
    return f"{told} for people, {mine or 'none'} of them for you; callers wait with them."
