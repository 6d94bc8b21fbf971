"""The run form: a notebook's parameters to fill in, a button that runs it, and what it came to.

It is a function of typed parameters and callbacks. It runs nothing itself and keeps nothing: a run is a
callback's, in the background, so that one can go on working; so is what is remembered of the last time.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

from workbench.batch import Outcome, Parameters
from workbench.batch.lanes import OnCell
from workbench.errors import WorkbenchError
from workbench.views.acting import failed, refused
from workbench.views.fields import Field
from workbench.views.framed import Framed
from workbench.views.inputs import Inputs
from workbench.views.outcome import Change, Place, changes, told
from workbench.views.parts import show
from workbench.views.running import Begin, End, Running, in_background
from workbench.views.words import counted, listed, safe

if TYPE_CHECKING:
    from ipywidgets import Widget

SAVED = "It runs the notebook as it was last saved."
STOPPED = "It was stopped. What was not finished is committed nowhere."
BROKE_OFF = "It broke off unexpectedly. The folder of its run below reports/runs shows how far it came."
ALL_THE_SAME = "Run it all the same"


class Run(Protocol):
    """Runs the notebook; what it raises is shown."""

    def __call__(self, values: Mapping[str, Any], on_cell: OnCell, stop: Event, *, afresh: bool) -> Outcome:
        """Run it.

        Args:
            values: By name, of the declared types.
            on_cell: Called with (cells done, cells in all).
            stop: Once it is set, what runs is ended and `Stopped` is raised.
            afresh: Whether it runs even where an earlier run could be given in its place.
        """
        ...


@dataclass(frozen=True)
class Doing:
    """What a form can have done, each by a callback."""

    run: Run
    keep: Callable[[Mapping[str, str]], None]  # the values that are not at their defaults, as texts, for the next time
    exists: Callable[[Path], bool]  # whether there is something at a path, as the notebook would see it
    last: Callable[[], str | None]  # the id of this notebook's last finished run
    compare: Callable[[str, str], Sequence[Change]]  # what differs from one run (by its id) to another
    place: Callable[[Outcome], Place]  # where a run is to be found
    read_report: Callable[[Outcome], str]  # its HTML, to be shown here
    read_comparison: Callable[[str, str], str]  # two runs side by side, outputs too, as HTML


@dataclass(frozen=True)
class Filling:
    """One notebook to be filled in and run."""

    notebook: str  # as a command takes it
    parameters: Parameters  # what it takes
    actor: str  # who runs it
    doing: Doing
    kept: Mapping[str, str] = field(default_factory=dict)  # what was given the last time, as texts by name …
    asked: Mapping[str, str] = field(default_factory=dict)  # … and what a page's address asks for; it goes before


def run_form(filling: Filling, *, begin: Begin = in_background) -> Widget:
    """A form that runs a notebook.

    Args:
        filling: The notebook. What was kept or asked for and does not fit is dropped with a word.
        begin: Sets a run going; by default in the background.
    """
    parts = Inputs()
    return parts.page(RunForm(parts, filling, begin).widget)


class RunForm:
    """The form's parts, and what they hold."""

    def __init__(self, parts: Inputs, filling: Filling, begin: Begin) -> None:
        self._notebook, self._doing = filling.notebook, filling.doing
        self._afresh = False  # whether these values were last run so
        self.fields = {
            p.name: Field(parts, p, changed=self._changed, exists=filling.doing.exists) for p in filling.parameters
        }
        lead = f"Run {self._notebook}" if self.fields else f"Run {self._notebook}; it takes no parameters"
        self.lead = parts.html(f'<p class="wb-lead">{safe(lead)}</p><p class="wb-quiet">{SAVED}</p>')
        self.you = parts.html(f'<span class="wb-you">It runs as <b>{safe(filling.actor)}</b></span>')
        self.noted = parts.html()
        self.run = parts.button("Run", look="wb-first", click=lambda: self._start(afresh=False))
        self.reset = parts.button("Reset to defaults", click=self._defaults)
        self.closed = parts.html("", "wb-closed")
        self.running = Running(parts, begin)
        self.command = parts.html("", "wb-command")
        self.result = parts.html()
        self.again = parts.button(ALL_THE_SAME, click=lambda: self._start(afresh=True))
        self.report, self.comparison = Framed(parts, "the report"), Framed(parts, "the whole comparison")
        acts = parts.row(self.report.button, self.comparison.button, self.again, look="wb-acts")
        self.after = parts.column(self.result, acts, self.report.frame, self.comparison.frame, look="wb-came")
        self.widget = parts.column(
            parts.row(self.lead, parts.row(self.you), look="wb-bar-top"),
            self.noted,
            parts.column(*(one.widget for one in self.fields.values()), look="wb-fields"),
            parts.row(self.run, self.reset, self.closed, look="wb-acts"),
            self.running.widget,
            self.command,
            self.after,
            look="wb-run",
        )
        show(self.after, shown=False)
        self._fill(filling)
        self._offer()

    @property
    def values(self) -> dict[str, Any]:
        """The values, each of its declared type; of a field that is wrong, the last that was right."""
        return {name: one.value for name, one in self.fields.items()}

    # what stands in the fields

    def _fill(self, filling: Filling) -> None:
        notes = []
        dropped = self._put(filling.kept)
        if not all(one.at_default for one in self.fields.values()):
            notes.append("These are the values of the last time.")
        if dropped:
            notes.append(f"Of the last time, {dropped}.")
        if dropped := self._put(filling.asked):
            notes.append(f"Of the address of this page, {dropped}.")
        self._note(" ".join(notes))

    def _put(self, texts: Mapping[str, str]) -> str:
        """Put texts into the fields; in words, what did not fit and was dropped."""
        dropped = []
        for name, text in texts.items():
            found = self.fields.get(name)
            if found is None:
                dropped.append(f"{name} is no parameter of {self._notebook} and was left out")
                continue
            try:
                found.show(found.parameter.kind.read(text))
            except ValueError as error:
                dropped.append(f"{name} was left out: it must be {error}")
        return "; ".join(dropped)

    def _changed(self) -> None:
        self._afresh = False
        show(self.again, shown=False)  # it would no longer be the same
        self._offer()
        self._keep()

    def _keep(self) -> None:
        """Keep what differs from its default, so that a default that is changed in the notebook is taken over."""
        kept = [one for one in self.fields.values() if not (one.at_default or one.problem or one.secret)]
        try:
            self._doing.keep({one.name: one.text for one in kept})
        except WorkbenchError as error:
            self._note(f"The values cannot be kept for the next time: {error.message}.")

    def _defaults(self) -> None:
        for one in self.fields.values():
            one.show(one.parameter.default)
        self._note("")
        self._changed()

    def _note(self, words: str) -> None:
        self.noted.value = f'<p class="wb-quiet" role="status">{safe(words)}</p>'
        show(self.noted, shown=bool(words))

    # what can be done now

    def _offer(self) -> None:
        wrong = [name for name, one in self.fields.items() if one.problem]
        busy = self.running.busy
        why = "It runs now; you can go on working." if busy else ""
        if wrong and not busy:
            why = f"To run it, mend {listed(wrong)}."
        self.run.disabled = busy or bool(wrong)
        self.reset.disabled = busy
        self.closed.value = f'<span class="wb-quiet">{safe(why)}</span>'
        for one in self.fields.values():
            one.freeze(frozen=busy)
        self.command.value = "" if wrong else f"The same in a terminal:<pre><code>{safe(self.line)}</code></pre>"
        show(self.command, shown=not wrong)

    @property
    def line(self) -> str:
        """The command that does the same; only what is not at its default is in it."""
        words = ["workbench", "run", self._notebook]
        for one in self.fields.values():
            if not one.at_default:
                words += ["-p", f"{one.name}={one.text}"]
        return shlex.join([*words, "--fresh"] if self._afresh else words)

    # a run

    def _start(self, *, afresh: bool) -> None:
        if self.running.busy or any(one.problem for one in self.fields.values()):
            return  # the second of two quick clicks
        show(self.after, shown=False)
        self._note("")
        self._keep()
        self._afresh = afresh
        values = self.values
        before: list[str | None] = []

        def work(on_cell: OnCell, stop: Event) -> Outcome:
            before.append(self._doing.last())
            return self._doing.run(values, on_cell, stop, afresh=afresh)

        self.running.announce()
        self._offer()
        self.running.start(work, lambda end: self._ended(end, before[0] if before else None))

    def _ended(self, end: End, before: str | None) -> None:
        outcome = end.outcome
        self.report.offer(None if outcome is None else lambda: self._doing.read_report(outcome))
        self.comparison.offer(None)
        try:
            self.result.value = self._told(end, before)
        except WorkbenchError as error:  # it is run, but what it came to cannot be read
            self.result.value = failed(error)
        finally:  # whatever happens, the form can be used again
            show(self.again, shown=outcome is not None and outcome.reused)
            show(self.after, shown=True)
            self._offer()

    def _told(self, end: End, before: str | None) -> str:
        if end.error is not None:
            return failed(end.error)
        if end.outcome is None:
            return refused(STOPPED if end.stopped else BROKE_OFF)
        outcome = end.outcome
        words = told(outcome, self._doing.place(outcome))
        if before is None or before == outcome.run_id or outcome.status == "failed":
            return words
        found = self._doing.compare(before, outcome.run_id)
        self.comparison.offer(lambda: self._doing.read_comparison(before, outcome.run_id))
        said = f"Since the last run: {counted(len(found), 'change')}" if found else "Since the last run"
        return f"{words}<h3>{said}</h3>{changes(found)}"
