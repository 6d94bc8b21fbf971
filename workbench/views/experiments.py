"""The page of experiments: what was tried, what came of it, and any of them closely.

A function of plain objects and callbacks: it is given past experiments and a way to open one. Sliders ask
again in the kernel, from what the experiment left, never from its raw data. The sentence stands first, then
the picture; what an expert wants is folded away below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.experiments.archive import Past
from workbench.views.acting import failed
from workbench.views.closely import Closely
from workbench.views.curve_style import CURVE_STYLE
from workbench.views.evidence import mark
from workbench.views.inputs import Inputs
from workbench.views.parts import HIDDEN, place, show, working
from workbench.views.words import counted, moment, safe, sentence

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.experiments.opened import Opened

PAGE = 20  # experiments shown at once; more on request
SHOWN = {"all": "All", "better": "Something was better", "failed": "Nothing was better", "open": "Not settled"}
LOOKS = {"pass": ("yes", "Better"), "fail": ("no", "Not better"), "not enough evidence": ("open", "Not settled")}
UNSOUND = ("no", "Not to be trusted")  # the arms were not filled as planned


def experiment_board(
    pasts: Sequence[Past], *, open_one: Callable[[Past], Opened], refresh: Callable[[], Sequence[Past]]
) -> Widget:
    """The page on which one sees what was tried and what came of it.

    Args:
        pasts: Past experiments, the newest first.
        open_one: Opens one of them.
        refresh: Reads them again.
    """
    board = Board(open_one, refresh)
    board.take(pasts)
    return board.widget


class Board:
    """The page's parts, and what they hold."""

    def __init__(self, open_one: Callable[[Past], Opened], refresh: Callable[[], Sequence[Past]]) -> None:
        self._open, self._refresh = open_one, refresh
        self._parts = parts = Inputs()
        self._pasts: Sequence[Past] = ()
        self._rows: dict[str, Row] = {}  # by the experiment's key: two ideas may have one name
        self._most = PAGE
        self.lead = parts.html()
        self.again = parts.button("Refresh", tooltip="Read everything again", click=self._refreshed)
        self.said = parts.html()
        self.find = parts.line("Find an experiment", "words of its name, what was expected or what was learned")
        self.find.observe(lambda _: self._place(), "value")
        self.which = parts.toggles("Show", [(words, name) for name, words in SHOWN.items()])
        self.which.observe(lambda _: self._place(), "value")
        self.filters = parts.row(self.find, self.which, look="wb-filters")
        self.rows = parts.column(look="wb-models")
        self.none = parts.html('<p class="wb-empty">No experiment matches.</p>')
        self.more = parts.button("", click=self._show_more)
        self.widget = parts.page(
            parts.html(f"<style>{CURVE_STYLE}</style>", HIDDEN),
            parts.row(self.lead, parts.row(self.again, look="wb-acts"), look="wb-bar-top"),
            self.said,
            self.filters,
            self.rows,
            self.none,
            parts.row(self.more, look="wb-acts"),
        )
        show(self.said, shown=False)

    def take(self, pasts: Sequence[Past]) -> None:
        """Show a reading; what is open stays open."""
        self._pasts = pasts
        self.lead.value = _lead(pasts)
        self._place()

    def fail(self, error: WorkbenchError) -> None:
        """Say that reading failed; what was read before stays."""
        if not self.lead.value:
            self.lead.value = '<p class="wb-lead">Nothing can be shown yet.</p>'
        self.said.value = failed(error)
        show(self.said, shown=True)

    def _refreshed(self) -> None:
        with working(self.again):
            try:
                pasts = self._refresh()
            except WorkbenchError as error:
                self.fail(error)
                return
            show(self.said, shown=False)
            self.take(pasts)

    def _place(self) -> None:
        found = [past for past in self._pasts if _matches(past, self.find.value, self.which.value)]
        for rank, past in enumerate(found[: self._most]):
            if past.key not in self._rows:
                self._rows[past.key] = Row(self._parts, self._open)
            row = self._rows[past.key]
            row.show(past)
            if rank == 0 and len(self._pasts) == 1:
                row.unfold()
        place(self.rows, [self._rows[past.key].widget for past in found[: self._most]])
        left = max(0, len(found) - self._most)
        self.more.description = f"Show {min(PAGE, left)} more of {counted(left, 'experiment')}"
        show(self.more, shown=left > 0)
        show(self.filters, shown=len(self._pasts) > 1)
        show(self.none, shown=bool(self._pasts) and not found)

    def _show_more(self) -> None:
        self._most += PAGE
        self._place()


class Row:
    """One experiment: its line and, unfolded, everything about it."""

    def __init__(self, parts: Inputs, open_one: Callable[[Past], Opened]) -> None:
        self._parts, self._open = parts, open_one
        self._past: Past | None = None
        self._closely: Closely | None = None
        self._unfolded = False
        self.line = parts.html()
        self.fold = parts.button("Look", look="wb-plain", click=self._fold)
        self.close = parts.column(look="wb-close")
        self.widget = parts.column(parts.row(self.line, self.fold), self.close, look="wb-served")
        show(self.close, shown=False)

    def show(self, past: Past) -> None:
        """The experiment as it is now; one that was looked at anew is opened anew."""
        if self._past is not None and past != self._past and self._closely is not None:
            self._closely = None
        changed, self._past = past != self._past, past
        if changed:
            self._told()
            self.fold.tooltip = f"Look closely at {past.name}"
            if self._unfolded:
                self._show_closely()

    def unfold(self) -> None:
        """Show everything about it, if that is not so already."""
        if not self._unfolded:
            self._fold()

    def _fold(self) -> None:
        self._unfolded = not self._unfolded
        if self._unfolded:
            with working(self.fold):
                self._show_closely()
        self.fold.description = "Close" if self._unfolded else "Look"
        self._told()
        show(self.close, shown=self._unfolded)

    def _told(self) -> None:
        if self._past is not None:
            self.line.value = line(self._past, brief=self._unfolded)

    def _show_closely(self) -> None:
        if self._past is None:
            return
        if self._closely is None:
            try:
                self._closely = Closely(self._parts, self._open(self._past))
            except WorkbenchError as error:
                place(self.close, [self._parts.html(failed(error))])
                return
        place(self.close, [self._closely.widget])


def line(past: Past, *, brief: bool = False) -> str:
    """An experiment in a line: its name, its verdict, when; and what came out, unless that stands below."""
    look, word = LOOKS[past.verdict] if past.sound else UNSOUND
    made_up = '<span class="wb-badge wb-open">made-up data</span>' if past.simulated else ""
    decided = f'<span class="wb-quiet">Decided: <b>{safe(past.decision)}</b></span> ' if past.decision else ""
    asked = f'<p class="wb-quiet">Expected: {safe(sentence(past.hypothesis))}</p>' if past.hypothesis else ""
    came = "" if brief else f"<p>{safe(_first(past.sentence))}</p>{asked}"
    return (
        f'<div><span class="wb-name">{safe(past.name)}</span> '
        f'<span class="wb-badge wb-{look}">{mark(past.verdict if past.sound else "fail")}{word}</span> '
        f"{made_up}{decided}"
        f'<span class="wb-quiet">{safe(moment(past.at))}</span>'
        f"{came}</div>"
    )


def _first(text: str) -> str:
    """A text's first sentence: a list tells the answer, the particulars stand inside."""
    head, stop, _ = text.partition(". ")
    return sentence(head) if stop else text


def _matches(past: Past, words: str, which: str) -> bool:
    verdicts = {"better": "pass", "failed": "fail", "open": "not enough evidence"}
    if which in verdicts and not (past.sound and past.verdict == verdicts[which]):
        return False
    text = " ".join([past.name, past.hypothesis, past.decision, past.lesson, past.sentence, past.owner]).casefold()
    return all(word in text for word in words.casefold().split())


def _lead(pasts: Sequence[Past]) -> str:
    if not pasts:
        way_out = "Run the first one: <code>workbench run ab_test</code>"
        return f'<p class="wb-lead">No experiment has ended yet.</p><p>{way_out}</p>'
    real = [past for past in pasts if not past.simulated]
    sound = [past for past in real if past.sound]
    better = sum(past.verdict == "pass" for past in sound)
    unsettled = sum(past.verdict == "not enough evidence" for past in sound)
    said = f"{counted(len(real), 'experiment')}: {better} found something better"
    rest, unsound = len(sound) - better - unsettled, len(real) - len(sound)
    parts = [f"{rest} found that nothing was" if rest else "", f"{unsettled} not settled" if unsettled else ""]
    parts.append(f"{unsound} not to be trusted" if unsound else "")
    parts.append(f"{len(pasts) - len(real)} on made-up data besides" if len(pasts) > len(real) else "")
    return f'<p class="wb-lead">{", ".join([said, *(part for part in parts if part)])}.</p>'
