"""The promotions page: what waits for whoever looks, what is wrong, where every version stands, and what was decided.

It is a function of plain objects and callbacks. It asks no store, no policy and no clock; it shows what it
is given and hands a person's act on. Everything is changed in place, so that what one is reading stays.
What the viewer's role does not let them do is not on the page at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.ledger import Entry
from workbench.promotion import Candidate
from workbench.promotion.board import OVER
from workbench.promotion.stages import AHEAD
from workbench.views.acting import confirmed, failed, toast
from workbench.views.asked import Asked
from workbench.views.asking import Asking
from workbench.views.board_told import answers_told, lines, more_told, wrong_told, you_told
from workbench.views.deciding import Acts, Reading, Waiting
from workbench.views.heartbeat import heartbeat
from workbench.views.looking import Looking, stuck
from workbench.views.parts import Parts, place, show, working
from workbench.views.stages import columns
from workbench.views.trail import timeline
from workbench.views.version_told import Known
from workbench.views.versions import Doing, Section
from workbench.views.words import counted

if TYPE_CHECKING:
    from ipywidgets import Widget

PAGE = 8  # models shown at once; more on request
CARDS = 3  # questions that wait for the viewer and stand before all else; there is a page for them


def promotion_board(reading: Reading, acts: Acts, refresh: Callable[[], Reading]) -> Widget:
    """The page on which people decide which version is served.

    Args:
        reading: All that is shown.
        acts: What can be set in motion.
        refresh: Reads everything again.
    """
    return Board(acts, refresh).begin(reading)


class Board:
    """The page's parts, and what they hold."""

    def __init__(self, acts: Acts, refresh: Callable[[], Reading]) -> None:
        self._acts, self._refresh = acts, refresh
        self._parts = parts = Parts()
        self._sections: dict[str, Section] = {}
        self._asked: dict[str, Asked] = {}
        self._known: dict[str, Known] = {}
        self._asking = Asking(acts.verdicts)
        self._looking = Looking(acts.look)
        self._reading: Reading | None = None
        self._order: list[str] = []
        self._ordered, self._anew = False, False  # whether there is an order yet, and whether it is to be made anew
        self._most = PAGE
        self.lead = parts.html()
        self.you = parts.html()
        self.again = parts.button("Refresh", tooltip="Read everything again", click=self._refreshed)
        self.said = parts.html()
        self.toast = parts.html()
        self.yours = parts.column(look="wb-form")
        self.others = parts.html()
        self.wrong = parts.html()
        self.stages = parts.html()
        self.find = parts.line("Find a model", "part of its name")
        self.find.observe(lambda _: self._draw(), "value")
        self.asking = parts.html()
        self.models = parts.column()
        self.more = parts.button("", click=self._show_more)
        show(self.more, shown=False)
        self.trail = parts.html()
        self.beat = heartbeat(0)
        self.beat.observe(lambda _: self._ask_on(), "beat")
        self.past = parts.column(parts.html("<h2>Past decisions</h2>"), self.trail, look="wb-section")
        self.widget = parts.page(
            parts.row(self.lead, parts.row(self.you, self.again, look="wb-acts"), look="wb-bar-top"),
            self.said,
            self.yours,
            self.others,
            self.wrong,
            self.stages,
            self.find,
            self.asking,
            self.models,
            parts.row(self.more, look="wb-acts"),
            self.past,
            self.toast,
            self.beat,
        )
        for part in (self.said, self.yours, self.others, self.wrong, self.stages, self.find, self.asking, self.past):
            show(part, shown=False)

    def begin(self, reading: Reading) -> Widget:
        """The page with its first reading."""
        self._take(reading, anew=True)
        return self.widget

    def fail(self, error: WorkbenchError) -> None:
        """Say that reading failed; what was read before stays."""
        if not self.lead.value:
            self.lead.value = '<p class="wb-lead">Nothing can be shown yet.</p>'
        self._say(failed(error))

    def _take(self, reading: Reading, *, anew: bool = False, about: Collection[str] = ()) -> None:
        """Show a reading, once the policy was asked about what is on the screen, and about what is being answered."""
        self._reading, self._anew = reading, self._anew or anew
        self._asked_of_the_policy(partial(self._asking.take, reading.candidates))
        self._looking.take(reading.waiting)
        self._asked_of_the_policy(partial(self._looking.about, about))
        self._asked_of_the_policy(partial(self._looking.first, CARDS))
        self._draw()

    def _draw(self) -> None:
        """All that is known, once the policy was asked about what is on the screen."""
        if self._reading is None:
            return
        self._sort()
        found = self._found()
        shown = found[: self._most]
        self._asked_of_the_policy(partial(self._asking.about, set(shown)))
        if self._anew and not self._asking.left:  # those were the last ones
            self._draw()
            return
        wrong = [*self._reading.wrong, *stuck(self._looking.seen)]
        reading = replace(self._reading, candidates=self._asking.candidates, waiting=self._looking.seen, wrong=wrong)
        self._known = _by_model(reading)
        self.lead.value = f'<p class="wb-lead">{_lead(replace(reading, waiting=self._looking.every))}</p>'
        self.you.value = you_told(reading.you)
        self._ask(reading)
        self.wrong.value = wrong_told(reading.wrong)
        self.stages.value = columns(reading.candidates)
        self.asking.value = "" if self._ordered else _being_asked(reading.candidates)
        self.trail.value = timeline(reading.trail)
        for part in (self.wrong, self.stages, self.asking):
            show(part, shown=bool(part.value))
        show(self.past, shown=self._ordered)  # it stands below the models, and is not to be pushed away by them
        self._place(shown, len(found) - len(shown))
        if self._asking.left or self._looking.left:
            self.beat.soon += 1

    def _sort(self) -> None:
        """What needs people first, as soon as that is known of all; what one is reading stays where it is."""
        models: dict[str, list[Candidate]] = {}
        for candidate in self._asking.candidates:
            models.setdefault(candidate.version.model, []).append(candidate)
        if self._anew and not self._asking.left:
            self._order = sorted(models, key=lambda model: (_urgency(models[model]), model))
            self._ordered, self._anew = True, False
        else:
            self._order = [m for m in self._order if m in models]
            self._order += [m for m in models if m not in self._order]

    def _found(self) -> list[str]:
        wanted = self.find.value.strip().casefold()
        return [model for model in self._order if wanted in model.casefold()] if self._ordered or wanted else []

    def _asked_of_the_policy(self, ask: Callable[[], None]) -> None:
        try:
            ask()
        except WorkbenchError as error:
            self._say(failed(error))

    def _ask_on(self) -> None:
        if self._asking.left or self._looking.left:
            self._asked_of_the_policy(self._asking.go_on)
            self._asked_of_the_policy(self._looking.go_on)
            self._draw()

    def _ask(self, reading: Reading) -> None:
        """The questions: the first that wait for the viewer as cards, the others in a line each."""
        every = [one for one in self._looking.every if one.yours and "approve" in reading.you.may]
        mine = [one for one in reading.waiting if one in every]
        for one in mine[:CARDS]:
            digest = one.open.digest
            if digest not in self._asked:
                look_again = partial(self._look_again, digest)
                done = partial(self._done, None)
                self._asked[digest] = Asked(self._parts, self._acts, look_again=look_again, done=done, closely=False)
            self._asked[digest].show(one, reading.you, reading.candidates)
        place(self.yours, [self._asked[one.open.digest].widget for one in mine[:CARDS]])
        rest = [one for one in reading.waiting if one not in mine]
        head = "<h2>Waits for others</h2>" if mine else "<h2>Waits for people</h2>"
        others = f'<div class="wb-earlier">{head}{lines(rest)}</div>' if rest else ""
        self.others.value = more_told(len(every) - CARDS) + answers_told(reading) + others
        show(self.yours, shown=bool(mine))
        show(self.others, shown=bool(self.others.value))

    def _place(self, shown: Sequence[str], left: int) -> None:
        for model in shown:
            if model not in self._sections:
                doing = Doing(self._acts, self._look_again, partial(self._done, model))
                self._sections[model] = Section(self._parts, model, doing)
            self._sections[model].show(self._known[model])
        place(self.models, [self._sections[model].widget for model in shown])
        self.more.description = f"Show {min(PAGE, left)} more of {counted(left, 'model')}"
        show(self.more, shown=left > 0)
        show(self.find, shown=len(self._known) > PAGE)

    def _look_again(self, digest: str = "") -> None:
        self._take(self._refresh(), about={digest})

    def _done(self, model: str | None, said: str) -> None:
        self._read(anew=False)
        if model in self._sections:
            self._sections[model].say(confirmed(said))
        elif not self.said.value:
            self._say(confirmed(said))
        self.toast.value = toast(said)

    def _refreshed(self) -> None:
        with working(self.again):
            for section in self._sections.values():
                section.say("")
            self._read(anew=True)

    def _read(self, *, anew: bool) -> None:
        try:
            reading = self._refresh()
        except WorkbenchError as error:
            self.fail(error)
            return
        self._say("")
        self._take(reading, anew=anew)

    def _show_more(self) -> None:
        self._most += PAGE
        self._draw()

    def _say(self, words: str) -> None:
        self.said.value = words
        show(self.said, shown=bool(words))


def _by_model(reading: Reading) -> dict[str, Known]:
    candidates: dict[str, list[Candidate]] = {}
    trails: dict[str, list[Entry]] = {}
    asked: dict[str, list[Waiting]] = {}
    for candidate in reading.candidates:
        candidates.setdefault(candidate.version.model, []).append(candidate)
    for entry in sorted(reading.trail, key=lambda entry: -entry.seq):
        trails.setdefault(entry.subject.rpartition("/")[0] or entry.subject, []).append(entry)
    for one in reading.waiting:
        asked.setdefault(one.open.answers.question.subject.rpartition("/")[0], []).append(one)
    return {
        model: Known(found, trails.get(model, []), asked.get(model, []), reading.back.get(model), reading.you)
        for model, found in candidates.items()
    }


def _urgency(candidates: Sequence[Candidate]) -> int:
    """Models that wait for a yes first, then those that wait at all, then the rest."""
    waiting = [c for c in candidates if c.stage in AHEAD]
    if any(c.decision is not None and c.decision.decision != "deny" for c in waiting):
        return 0
    return 1 if waiting else 2


def _being_asked(candidates: Sequence[Candidate]) -> str:
    asked = [c for c in candidates if c.stage not in OVER]
    many, answered = counted(len(asked), "version"), sum(c.decision is not None for c in asked)
    return (
        f'<p role="status" class="wb-quiet">The policy is being asked about {many}; it has answered for {answered}. '
        "The models follow, those first that wait for a yes.</p>"
    )


def _lead(reading: Reading) -> str:
    candidates = reading.candidates
    mine = sum(one.yours for one in reading.waiting) if "approve" in reading.you.may else 0
    if mine:
        return f"{counted(mine, 'question waits', 'questions wait')} for your answer. {_versions(candidates)}"
    return _versions(candidates)


def _versions(candidates: Sequence[Candidate]) -> str:
    waiting = [c for c in candidates if c.stage in AHEAD]
    if not candidates:
        return "No model is registered yet. <code>workbench demo</code> trains the first ones."
    if not waiting:
        return "No version waits for a decision."
    told = f"{counted(len(waiting), 'version waits', 'versions wait')} for a decision."
    answered = sum(c.decision is not None for c in waiting)
    if answered < len(waiting):
        return f"{told} The policy answered for {answered or 'none'} so far."
    allowed = sum(c.decision is not None and c.decision.allowed for c in waiting)
    people = sum(c.decision is not None and c.decision.decision == "needs-people" for c in waiting)
    said = f"The policy allows {allowed} of them" if allowed else "The policy allows none of them"
    if len(waiting) == 1:
        said = "The policy allows it" if allowed else "The policy does not allow it"
        said = "The policy wants people first" if people else said
    elif people:
        said += f" and wants people first for {people}"
    return f"{told} {said}."
