"""A list of things of one kind, each a line that unfolds; what is open stays open when it is read again.

What a line says, and what is seen when it is unfolded, is the page's own (`Kind`); finding, refreshing,
folding and saying what failed are here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from workbench.errors import WorkbenchError
from workbench.views.acting import failed
from workbench.views.parts import HIDDEN, Parts, place, show, working
from workbench.views.words import counted

if TYPE_CHECKING:
    from ipywidgets import Widget

PAGE = 20  # things shown at once; more on request
FEW = 5  # things that are found without looking for them
T = TypeVar("T")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """How things of one kind are shown."""

    noun: str  # "version"
    style: str  # the page's own style sheet
    name: Callable[[T], str]  # what a thing is called, and found by
    key: Callable[[T], Hashable]  # the same for a thing that is read again
    lead: Callable[[Sequence[T]], str]  # the page's first words, as HTML
    line: Callable[[T, Sequence[T]], str]  # a thing's line among all, as HTML
    closely: Callable[[Parts, T, Sequence[T]], Sequence[Any]]  # the widgets of one that is unfolded; may fail
    words: Callable[[T], str] | None = None  # what a thing is found by, where that is more than its name
    seek: Callable[[str], Sequence[T]] | None = None  # what a text finds beside the things that were read; may fail
    find: str = ""  # the label of the field for such a text, where it is not about the noun
    hint: str = ""  # what to type there


class Listing(Generic[T]):
    """The parts of such a page, and what they hold."""

    def __init__(self, kind: Kind[T], refresh: Callable[[], Sequence[T]]) -> None:
        self._kind, self._refresh = kind, refresh
        self._parts = parts = Parts()
        self._things: Sequence[T] = ()
        self._sought: Sequence[T] = ()  # what was found beside them
        self._rows: dict[Hashable, Row[T]] = {}
        self._most = PAGE
        self.lead = parts.html()
        self.again = parts.button("Refresh", tooltip="Read everything again", click=self._refreshed)
        self.said = parts.html()
        self.find = parts.line(kind.find or f"Find a {kind.noun}", kind.hint or "part of its name")
        self.find.observe(lambda _: self._typed(), "value")
        self.rows = parts.column(look="wb-models")
        nothing = "Nothing" if kind.seek else f"No {kind.noun}"
        self.none = parts.html(f'<p class="wb-empty">{nothing} matches.</p>')
        self.more = parts.button("", click=self._show_more)
        self.widget = parts.page(
            parts.html(f"<style>{kind.style}</style>", HIDDEN),
            parts.row(self.lead, parts.row(self.again, look="wb-acts"), look="wb-bar-top"),
            self.said,
            self.find,
            self.rows,
            self.none,
            parts.row(self.more, look="wb-acts"),
        )
        show(self.said, shown=False)

    def open(self) -> Widget:
        """The page after its first reading."""
        self._read()
        return self.widget

    def _refreshed(self) -> None:
        with working(self.again):
            self._read()

    def _read(self) -> None:
        """Read; what was read before stays where that fails."""
        try:
            self._things = self._refresh()
        except WorkbenchError as error:
            self.lead.value = self.lead.value or '<p class="wb-lead">Nothing can be shown yet.</p>'
            self.said.value = failed(error)
        else:
            self.said.value = ""
            self.lead.value = self._kind.lead(self._things)
            self._seek()
        show(self.said, shown=bool(self.said.value))
        self._place()

    def _typed(self) -> None:
        """Show what fits; what was sought is unfolded at once where nothing else fits."""
        self.said.value = ""
        self._seek()
        show(self.said, shown=bool(self.said.value))
        found = self._place()
        if len(found) == 1 and self._sought:
            self._rows[self._kind.key(found[0])].unfold()

    def _seek(self) -> None:
        if self._kind.seek is None:
            return
        try:
            self._sought = self._kind.seek(self.find.value) if self.find.value.strip() else ()
        except WorkbenchError as error:
            self._sought, self.said.value = (), failed(error)

    def _place(self) -> Sequence[T]:
        """Put the things that fit in their place, and what was found beside them; all of these."""
        words = self._kind.words or self._kind.name
        wanted = self.find.value.casefold().split()
        found = [one for one in self._things if all(word in words(one).casefold() for word in wanted)]
        shown = []
        for rank, one in enumerate([*found[: self._most], *self._sought]):
            key = self._kind.key(one)
            if key not in self._rows:
                self._rows[key] = Row(self._parts, self._kind, unfolded=rank == 0 and not self._rows)
            self._rows[key].show(one, self._things)
            shown.append(self._rows[key].widget)
        place(self.rows, shown)
        left = max(0, len(found) - self._most)
        self.more.description = f"Show {min(PAGE, left)} more of {counted(left, self._kind.noun)}"
        show(self.more, shown=left > 0)
        show(self.find, shown=self._kind.seek is not None or len(self._things) > FEW)
        found += self._sought
        show(self.none, shown=not found and bool(wanted or self._things))
        return found

    def _show_more(self) -> None:
        self._most += PAGE
        self._place()


class Row(Generic[T]):
    """One thing: its line and, unfolded, everything about it."""

    def __init__(self, parts: Parts, kind: Kind[T], *, unfolded: bool) -> None:
        self._parts, self._kind, self._unfolded = parts, kind, unfolded
        self._shown: tuple[T, Sequence[T]] | None = None
        self._drawn = False  # whether the particulars are those of what is shown
        self.line = parts.html()
        self.fold = parts.button("", look="wb-plain", click=self._fold)
        self.close = parts.column(look="wb-close")
        self.widget = parts.column(parts.row(self.line, self.fold), self.close, look="wb-served")

    def show(self, one: T, among: Sequence[T]) -> None:
        """The thing as it is now; one that has not changed is not drawn anew."""
        if self._shown == (one, among):
            return
        self._shown, self._drawn = (one, among), False
        self.line.value = self._kind.line(one, among)
        self._unfold()

    def unfold(self) -> None:
        """Show everything about it, if that is not so already."""
        if not self._unfolded:
            self._fold()

    def _fold(self) -> None:
        self._unfolded = not self._unfolded
        with working(self.fold):
            self._unfold()
        self._named()

    def _unfold(self) -> None:
        self._named()
        if self._shown and self._unfolded and not self._drawn:
            try:
                inside = self._kind.closely(self._parts, *self._shown)
            except WorkbenchError as error:
                inside = [self._parts.html(failed(error))]
            place(self.close, inside)
            self._drawn = True
        show(self.close, shown=self._unfolded)

    def _named(self) -> None:
        self.fold.description = "Close" if self._unfolded else "Look"
        if self._shown:
            self.fold.tooltip = f"{'Close' if self._unfolded else 'Look closely at'} {self._kind.name(self._shown[0])}"
