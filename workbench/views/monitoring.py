"""The monitoring page: every served model in one line, worst first, and any of them closely.

A function of plain objects and one callback that reads them again. The page is refreshed by its own
heartbeat, which beats in the browser: it stops when the tab is hidden or closed, so that a forgotten
kernel falls idle and is culled. Only what changed is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.views.acting import failed, refused
from workbench.views.heartbeat import heartbeat
from workbench.views.parts import Parts, place, show, working
from workbench.views.served import closely, line, span
from workbench.views.words import counted, listed, safe

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.monitoring import ServedModel

PAGE = 25  # models shown at once; more on request
EVERY = 30  # seconds between two readings


def monitoring_board(
    models: Sequence[ServedModel], *, refresh: Callable[[], Sequence[ServedModel]], every: int = EVERY
) -> Widget:
    """The page on which one sees how all served models are.

    Args:
        models: What is served, worst first.
        refresh: Reads it again.
        every: Seconds between two readings while the page is looked at.
    """
    board = Board(refresh, every)
    board.take(models)
    return board.widget


class Board:
    """The page's parts, and what they hold."""

    def __init__(self, refresh: Callable[[], Sequence[ServedModel]], every: int) -> None:
        self._refresh = refresh
        self._parts = parts = Parts()
        self._models: Sequence[ServedModel] = ()
        self._rows: dict[str, Row] = {}
        self._most = PAGE
        self.lead = parts.html()
        self.again = parts.button("Refresh", tooltip="Read everything again", click=self._refreshed)
        self.said = parts.html()
        self.find = parts.line("Find a model", "part of its name")
        self.find.observe(lambda _: self._place(), "value")
        self.models = parts.column(look="wb-models")
        self.more = parts.button("", click=self._show_more)
        self.beat = heartbeat(every)
        self.beat.observe(lambda _: self.read(), "beat")
        every_told = parts.html(f'<span class="wb-quiet">Refreshes every {every} seconds while you look at it.</span>')
        self.widget = parts.page(
            parts.row(self.lead, parts.row(every_told, self.again, look="wb-acts"), look="wb-bar-top"),
            self.said,
            self.find,
            self.models,
            parts.row(self.more, look="wb-acts"),
            self.beat,
        )
        show(self.said, shown=False)

    def take(self, models: Sequence[ServedModel]) -> None:
        """Show a reading; what is open stays open."""
        self._models = models
        self.lead.value = _lead(models)
        self._place()

    def _refreshed(self) -> None:
        with working(self.again):
            self.read()

    def read(self) -> None:
        """Read again; what was read before stays where that fails."""
        try:
            models = self._refresh()
        except WorkbenchError as error:
            self.fail(error)
        except Exception:
            self._say(refused("Reading broke off unexpectedly; what you see is from before."))
            raise
        else:
            self._say("")
            self.take(models)

    def fail(self, error: WorkbenchError) -> None:
        """Say that reading failed."""
        if not self.lead.value:
            self.lead.value = '<p class="wb-lead">Nothing can be shown yet.</p>'
        self._say(failed(error))

    def _place(self) -> None:
        wanted = self.find.value.strip().casefold()
        found = [model for model in self._models if wanted in model.model.casefold()]
        for rank, model in enumerate(found[: self._most]):
            if model.model not in self._rows:
                open_at_once = rank == 0 and (len(self._models) == 1 or model.health != "healthy")
                self._rows[model.model] = Row(self._parts, unfolded=open_at_once and not self._rows)
            self._rows[model.model].show(model)
        place(self.models, [self._rows[model.model].widget for model in found[: self._most]])
        left = max(0, len(found) - self._most)
        self.more.description = f"Show {min(PAGE, left)} more of {counted(left, 'model')}"
        show(self.more, shown=left > 0)
        show(self.find, shown=len(self._models) > PAGE)

    def _show_more(self) -> None:
        self._most += PAGE
        self._place()

    def _say(self, words: str) -> None:
        self.said.value = words
        show(self.said, shown=bool(words))


class Row:
    """One served model: its line and, unfolded, its particulars."""

    def __init__(self, parts: Parts, *, unfolded: bool) -> None:
        self._parts = parts
        self._unfolded = unfolded
        self._now: ServedModel | None = None
        self.line = parts.html()
        self.fold = parts.button("", look="wb-plain", click=self._fold)
        self.close = parts.html("", "wb-close")
        self.widget = parts.column(parts.row(self.line, self.fold), self.close, look="wb-served")

    def show(self, model: ServedModel) -> None:
        """The model as it is now."""
        self._now = model
        self.line.value = line(model)
        self.fold.tooltip = f"{'Close' if self._unfolded else 'Details of'} {model.model}"
        self.fold.description = "Close" if self._unfolded else "Details"
        show(self.close, shown=self._unfolded)
        if self._unfolded:
            self.close.value = closely(model)

    def _fold(self) -> None:
        self._unfolded = not self._unfolded
        if self._now is not None:
            self.show(self._now)


def _lead(models: Sequence[ServedModel]) -> str:
    if not models:
        way_out = "Train and promote the first ones: <code>workbench demo</code>"
        return f'<p class="wb-lead">No model is served yet.</p><p>{way_out}</p>'
    act = [model.model for model in models if model.health == "act"]
    watch = sum(model.health == "watch" for model in models)
    if act:
        names = listed([*act[:3], counted(len(act) - 3, "other")] if len(act) > 3 else act)
        said = f"{counted(len(act), 'model needs', 'models need')} action: {names}."
    elif watch:
        said = f"No model needs action; {counted(watch, 'is', 'are')} worth watching."
    else:
        said = "All is well."
    requests = sum(model.requests for model in models)
    about = f"{counted(len(models), 'model is', 'models are')} served"
    return (
        f'<p class="wb-lead">{safe(said)}</p><p class="wb-quiet">{about}; '
        f"{counted(requests, 'request')} in the last {span(models[0].window)}.</p>"
    )
