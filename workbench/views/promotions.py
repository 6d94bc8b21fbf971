"""The promotions page: what waits for whoever looks, what is wrong, where every version stands, and what was decided.

It is a function of plain objects and callbacks. It asks no store, no policy and no clock; it shows what it
is given and hands a person's act on. Everything is changed in place, so that what one is reading stays.
What the viewer's role does not let them do is not on the page at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.ledger import Entry
from workbench.promotion import Candidate
from workbench.promotion.stages import AHEAD
from workbench.views.acting import confirmed, failed
from workbench.views.asked import Asked, line
from workbench.views.deciding import Acts, Reading, Trouble, Waiting, You
from workbench.views.evidence import mark
from workbench.views.parts import Parts, place, show, working
from workbench.views.stages import columns
from workbench.views.trail import timeline
from workbench.views.version_told import Known
from workbench.views.versions import Doing, Section
from workbench.views.words import counted, listed, safe, sentence

if TYPE_CHECKING:
    from ipywidgets import Widget

PAGE = 8  # models shown at once; more on request
SOURCES = {"os": "this machine", "jupyterhub": "the JupyterHub", "proxy": "the proxy before the pages"}


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
        self._order: list[str] = []
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
        self.find.observe(lambda _: self._place(), "value")
        self.models = parts.column()
        self.more = parts.button("", click=self._show_more)
        show(self.more, shown=False)
        self.trail = parts.html()
        self.past = parts.column(parts.html("<h2>Past decisions</h2>"), self.trail, look="wb-section")
        self.widget = parts.page(
            parts.row(self.lead, parts.row(self.you, self.again, look="wb-acts"), look="wb-bar-top"),
            self.said,
            self.yours,
            self.others,
            self.wrong,
            self.stages,
            self.find,
            self.models,
            parts.row(self.more, look="wb-acts"),
            self.past,
            self.toast,
        )
        for part in (self.said, self.yours, self.others, self.wrong, self.stages, self.find, self.past):
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

    def _take(self, reading: Reading, *, anew: bool = False) -> None:
        self._known = _by_model(reading)
        models = {model: known.candidates for model, known in self._known.items()}
        if anew:
            self._order = sorted(models, key=lambda model: (_urgency(models[model]), model))
        else:  # what one is reading stays where it is
            self._order = [m for m in self._order if m in models]
            self._order += [m for m in models if m not in self._order]
        self.lead.value = f'<p class="wb-lead">{_lead(reading)}</p>'
        self.you.value = you_told(reading.you)
        self._ask(reading)
        self.wrong.value = wrong_told(reading.wrong)
        self.stages.value = columns(reading.candidates)
        self.trail.value = timeline(reading.trail)
        for part in (self.wrong, self.stages):
            show(part, shown=bool(part.value))
        show(self.past, shown=True)
        self._place()

    def _ask(self, reading: Reading) -> None:
        """The questions: those that wait for the viewer as cards, the others in a line each."""
        mine = [one for one in reading.waiting if one.yours and "approve" in reading.you.may]
        for one in mine:
            digest = one.open.digest
            if digest not in self._asked:
                self._asked[digest] = Asked(
                    self._parts, self._acts, look_again=self._look_again, done=partial(self._done, None), closely=False
                )
            self._asked[digest].show(one, reading.you, reading.candidates)
        place(self.yours, [self._asked[one.open.digest].widget for one in mine])
        rest = [one for one in reading.waiting if one not in mine]
        head = "<h2>Waits for others</h2>" if mine else "<h2>Waits for people</h2>"
        self.others.value = f"{head}<ul class='wb-asks'>{''.join(line(one) for one in rest)}</ul>" if rest else ""
        show(self.yours, shown=bool(mine))
        show(self.others, shown=bool(rest))

    def _place(self) -> None:
        wanted = self.find.value.strip().casefold()
        found = [model for model in self._order if wanted in model.casefold()]
        shown = found[: self._most]
        for model in shown:
            if model not in self._sections:
                doing = Doing(self._acts, self._look_again, partial(self._done, model))
                self._sections[model] = Section(self._parts, model, doing)
            self._sections[model].show(self._known[model])
        place(self.models, [self._sections[model].widget for model in shown])
        left = len(found) - len(shown)
        self.more.description = f"Show {min(PAGE, left)} more of {counted(left, 'model')}"
        show(self.more, shown=left > 0)
        show(self.find, shown=len(self._known) > PAGE)

    def _look_again(self) -> None:
        self._take(self._refresh())

    def _done(self, model: str | None, said: str) -> None:
        self._read(anew=False)
        if model in self._sections:
            self._sections[model].say(confirmed(said))
        elif not self.said.value:
            self._say(confirmed(said))
        self.toast.value = f'<div class="wb-toast" aria-hidden="true">{safe(said)}</div>'

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
        self._place()

    def _say(self, words: str) -> None:
        self.said.value = words
        show(self.said, shown=bool(words))


def you_told(you: You) -> str:
    """Who looks, in which role, and who vouches for it."""
    roles = f" ({safe(listed(list(you.roles)))})" if you.roles else ""
    look = "" if "ask" in you.may or "approve" in you.may else " You may look; deciding is for others."
    source = safe(SOURCES.get(you.source, you.source))
    return (
        f'<span class="wb-you">You act as <b>{safe(you.name)}</b>'
        f'<span class="wb-quiet">{roles}, told by {source}.{look}</span></span>'
    )


def wrong_told(wrong: Sequence[Trouble]) -> str:
    """What is wrong, each with what helps; nothing where all is well."""
    if not wrong:
        return ""
    items = "".join(
        f"<li>{mark('fail')} <b>{safe(one.about)}</b>: {safe(sentence(one.sentence))}"
        + (f' <span class="wb-gloss">What helps: <code>{safe(one.hint)}</code></span>' if one.hint else "")
        + "</li>"
        for one in wrong
    )
    return f'<div class="wb-verdict wb-no wb-wrong"><p class="wb-says">What is wrong</p><ul>{items}</ul></div>'


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
    allowed = sum(c.decision is not None and c.decision.allowed for c in waiting)
    people = sum(c.decision is not None and c.decision.decision == "needs-people" for c in waiting)
    said = f"The policy allows {allowed} of them" if allowed else "The policy allows none of them"
    if len(waiting) == 1:
        said = "The policy allows it" if allowed else "The policy does not allow it"
        said = "The policy wants people first" if people else said
    elif people:
        said += f" and wants people first for {people}"
    return f"{counted(len(waiting), 'version waits', 'versions wait')} for a decision. {said}."
