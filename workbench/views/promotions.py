"""The promotions page: who is champion, who waits for a decision and why, and what was decided before.

It is a function of plain objects and callbacks. It asks no store, no policy and no clock; it shows what it
is given and hands a person's act on. Everything is changed in place, so that what one is reading stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.ledger import Entry
from workbench.promotion import Candidate
from workbench.promotion.stages import AHEAD
from workbench.views.acting import confirmed, failed
from workbench.views.parts import Parts, place, show, working
from workbench.views.trail import timeline
from workbench.views.versions import Doing, Section
from workbench.views.words import counted, safe

if TYPE_CHECKING:
    from ipywidgets import Widget

PAGE = 8  # models shown at once; more on request

Reading = tuple[Sequence[Candidate], Sequence[Entry]]


def promotion_board(
    candidates: Sequence[Candidate],
    trail: Sequence[Entry],
    *,
    approve: Callable[[str, int, str], str],
    reject: Callable[[str, int, str], str],
    roll_back: Callable[[str, str], str],
    refresh: Callable[[], Reading],
    actor: str,
) -> Widget:
    """The page on which a named person approves, rejects and rolls back.

    Args:
        candidates: Every version, by model in the order in which its versions are to be shown.
        trail: Past decisions.
        approve: Promotes a version (model, version, reason); returns the sentence that confirms it,
            raises Denied or Misuse, whose words are shown.
        reject: Turns a version down (model, version, reason); as `approve`.
        roll_back: Takes a model back (model, reason); as `approve`.
        refresh: Reads candidates and trail again.
        actor: Who acts.
    """
    return Board(approve, reject, roll_back, refresh, actor).begin(candidates, trail)


class Board:
    """The page's parts, and what they hold."""

    def __init__(
        self,
        approve: Callable[[str, int, str], str],
        reject: Callable[[str, int, str], str],
        roll_back: Callable[[str, str], str],
        refresh: Callable[[], Reading],
        actor: str,
    ) -> None:
        self._approve, self._reject, self._roll_back, self._refresh = approve, reject, roll_back, refresh
        self._parts = parts = Parts()
        self._sections: dict[str, Section] = {}
        self._models: dict[str, list[Candidate]] = {}
        self._trails: dict[str, list[Entry]] = {}
        self._order: list[str] = []
        self._most = PAGE
        self.lead = parts.html()
        self.you = parts.html(f'<span class="wb-you">You act as <b>{safe(actor)}</b></span>')
        self.again = parts.button("Refresh", tooltip="Read everything again", click=self._refreshed)
        self.said = parts.html()
        self.toast = parts.html()
        self.find = parts.line("Find a model", "part of its name")
        self.find.observe(lambda _: self._place(), "value")
        self.models = parts.column()
        self.more = parts.button("", click=self._show_more)
        self.trail = parts.html()
        self.widget = parts.page(
            parts.row(self.lead, parts.row(self.you, self.again, look="wb-acts"), look="wb-bar-top"),
            self.said,
            self.find,
            self.models,
            parts.row(self.more, look="wb-acts"),
            parts.column(parts.html("<h2>Past decisions</h2>"), self.trail, look="wb-section"),
            self.toast,
        )
        show(self.said, shown=False)

    def begin(self, candidates: Sequence[Candidate], trail: Sequence[Entry]) -> Widget:
        """The page with its first reading."""
        self._take(candidates, trail, anew=True)
        return self.widget

    def fail(self, error: WorkbenchError) -> None:
        """Say that reading failed; what was read before stays."""
        if not self.lead.value:
            self.lead.value = '<p class="wb-lead">Nothing can be shown yet.</p>'
        self._say(failed(error))

    def _take(self, candidates: Sequence[Candidate], trail: Sequence[Entry], *, anew: bool = False) -> None:
        self._models, self._trails = {}, {}
        for candidate in candidates:
            self._models.setdefault(candidate.version.model, []).append(candidate)
        newest = sorted(trail, key=lambda entry: -entry.seq)
        for entry in newest:
            self._trails.setdefault(entry.subject.rpartition("/")[0] or entry.subject, []).append(entry)
        if anew:
            self._order = sorted(self._models, key=lambda model: (_urgency(self._models[model]), model))
        else:  # what one is reading stays where it is
            self._order = [m for m in self._order if m in self._models]
            self._order += [m for m in self._models if m not in self._order]
        self.lead.value = f'<p class="wb-lead">{_lead(candidates)}</p>'
        self.trail.value = timeline(newest)
        self._place()

    def _place(self) -> None:
        wanted = self.find.value.strip().casefold()
        found = [model for model in self._order if wanted in model.casefold()]
        shown = found[: self._most]
        for model in shown:
            if model not in self._sections:
                self._sections[model] = Section(self._parts, model, self._doing(model))
            self._sections[model].show(self._models[model], self._trails.get(model, []))
        place(self.models, [self._sections[model].widget for model in shown])
        left = len(found) - len(shown)
        self.more.description = f"Show {min(PAGE, left)} more of {counted(left, 'model')}"
        show(self.more, shown=left > 0)
        show(self.find, shown=len(self._models) > PAGE)

    def _doing(self, model: str) -> Doing:
        return Doing(
            self._approve,
            self._reject,
            self._roll_back,
            look_again=lambda: self._take(*self._refresh()),
            done=lambda sentence: self._done(model, sentence),
        )

    def _done(self, model: str, sentence: str) -> None:
        self._sections[model].say(confirmed(sentence))
        self.toast.value = f'<div class="wb-toast" aria-hidden="true">{safe(sentence)}</div>'
        self._read(anew=False)

    def _refreshed(self) -> None:
        with working(self.again):
            for section in self._sections.values():
                section.say("")
            self._read(anew=True)

    def _read(self, *, anew: bool) -> None:
        try:
            candidates, trail = self._refresh()
        except WorkbenchError as error:
            self.fail(error)
            return
        self._say("")
        self._take(candidates, trail, anew=anew)

    def _show_more(self) -> None:
        self._most += PAGE
        self._place()

    def _say(self, words: str) -> None:
        self.said.value = words
        show(self.said, shown=bool(words))


def _urgency(candidates: Sequence[Candidate]) -> int:
    """Models that wait for a yes first, then those that wait at all, then the rest."""
    waiting = [c for c in candidates if c.stage in AHEAD]
    if any(c.decision is not None and c.decision.allowed for c in waiting):
        return 0
    return 1 if waiting else 2


def _lead(candidates: Sequence[Candidate]) -> str:
    waiting = [c for c in candidates if c.stage in AHEAD]
    if not candidates:
        return "No model is registered yet. <code>workbench demo</code> trains the first ones."
    if not waiting:
        return "No version waits for a decision."
    allowed = sum(c.decision is not None and c.decision.allowed for c in waiting)
    said = f"The policy allows {allowed} of them." if allowed else "The policy allows none of them."
    if len(waiting) == 1:
        said = "The policy allows it." if allowed else "The policy does not allow it."
    return f"{counted(len(waiting), 'version waits', 'versions wait')} for a decision. {said}"
