"""The monitoring page: what is wrong and why in its first line, every model in a line, and one of them closely.

A function of plain objects and callbacks. The page is refreshed by its own heartbeat, which beats in the browser:
it stops when the tab is hidden or closed, so that a forgotten kernel falls idle and is culled. Only what changed
is sent, and what one is reading or writing stays.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.views.acting import Act, Form, confirmed, failed, refused
from workbench.views.canary_told import canary
from workbench.views.deciding import Wish
from workbench.views.heartbeat import heartbeat
from workbench.views.incidents import Answer, Incidents
from workbench.views.model_lines import model_lines
from workbench.views.monitoring_style import STYLE
from workbench.views.parts import HIDDEN, Parts, show, working
from workbench.views.watched import ago, axis, fairness, figures, headline, inputs, names, span
from workbench.views.words import counted, moment, safe, sentence, share

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.monitoring.close import Close
    from workbench.monitoring.glance import Glance, Line
    from workbench.policy import Decision

EVERY = 10  # seconds between two readings
SOON = 1  # the same, while there are models that cannot be looked at yet; the next few are looked at at once
BROKE_OFF = "Reading broke off unexpectedly; what you see is from before."


@dataclass(frozen=True)
class Doing:
    """What the page reads and what a person may do on it."""

    read: Callable[[], Glance]  # all models, worst first
    close: Callable[[str], Close]  # one of them
    acknowledge: Answer
    resolve: Answer
    judge: Callable[[Wish, str], Decision]  # what the policy says to a wish and its reason now; nothing is written
    do: Callable[[Wish, str], str]  # the sentence that says what came of it
    actor: str


class Board:
    """The page's parts, and what they hold."""

    def __init__(self, doing: Doing, every: int = EVERY) -> None:
        self._doing, self._every = doing, every
        self._lines: dict[str, Line] = {}
        self._model = ""  # that is looked at closely
        self._unseen = sys.maxsize  # models that were not looked at yet, as of the last reading
        parts = Parts()
        self.lead = parts.html()
        self.again = parts.button("Refresh", tooltip="Read everything again", click=self._refreshed)
        self.you = parts.html(f'<span class="wb-you">You act as <b>{safe(doing.actor)}</b></span>')
        self.said = parts.html()
        self.lines = model_lines()
        self.lines.observe(self._chosen, "asked")
        self.incidents = Incidents(parts, doing.acknowledge, doing.resolve, self.read)
        self.one = One(parts, doing, self._moved)
        self.beat = heartbeat(every)
        self.beat.observe(lambda _: self.read(), "beat")
        self.widget = parts.page(
            parts.html(f"<style>{STYLE}</style>", HIDDEN),
            parts.row(self.lead, parts.row(self.you, self.again, look="wb-acts"), look="wb-bar-top"),
            self.said,
            self.lines,
            self.one.widget,
            self.incidents.widget,
            self.beat,
        )
        for part in (self.said, self.one.widget, self.incidents.widget):
            show(part, shown=False)

    def open(self) -> Widget:
        """The page after its first reading."""
        self.read()
        return self.widget

    def read(self) -> None:
        """Read again; what was read before stays where that fails."""
        try:
            self._take(self._doing.read())
            if self._model:
                self.one.show(self._doing.close(self._model), self._lines[self._model])
        except WorkbenchError as error:
            if not self.lead.value:
                self.lead.value = '<p class="wb-lead">Nothing can be shown yet.</p>'
            self._say(failed(error))
        except Exception:
            self._say(refused(BROKE_OFF))
            raise
        else:
            self._say("")

    def _take(self, found: Glance) -> None:
        self._lines = {line.model: line for line in found.lines}
        self.lead.value = lead(found)
        rows = [_row(line, found) for line in found.lines]
        if self.lines.rows != rows:
            self.lines.rows = rows
        self.incidents.show(found.incidents)
        if self._model not in self._lines:
            worst = found.lines[0] if found.lines else None
            wrong = worst is not None and worst.state in {"act", "watch"}
            self._model = worst.model if worst is not None and (wrong or len(found.lines) == 1) else ""
        self.lines.chosen = self._model
        show(self.lines, shown=bool(found.lines))
        show(self.one.widget, shown=bool(self._model))
        if 0 < found.unseen < self._unseen:
            self.beat.soon += 1
        self._unseen = found.unseen
        self.beat.every = min(SOON, self._every) if found.unseen else self._every

    def _chosen(self, _: Any) -> None:
        if self.lines.chosen in self._lines and self.lines.chosen != self._model:
            self._model = self.lines.chosen
            self.one.wait(self._model)
            self.read()

    def _moved(self) -> None:
        self.read()

    def _refreshed(self) -> None:
        with working(self.again):
            self.read()

    def _say(self, words: str) -> None:
        self.said.value = words
        show(self.said, shown=bool(words))


class One:
    """One model closely, and the way back."""

    def __init__(self, parts: Parts, doing: Doing, moved: Callable[[], None]) -> None:
        self._doing, self._moved = doing, moved
        self._shown: Close | None = None
        self._model = ""
        self.head, self.canary, self.figures = parts.html(), parts.html(), parts.html()
        self.axis, self.inputs, self.fairness = parts.html(), parts.html(), parts.html()
        self.open_back = parts.button("Roll back …", look="wb-grave", click=self._fold)
        self.form = Form(parts, "Why go back? (required)", look_again=self._again, done=self._done, count=1)
        self.form.widget.add_class("wb-apart")
        self.said = parts.html()
        self.widget = parts.column(
            self.head, parts.row(self.open_back, look="wb-acts"), self.form.widget, self.said,
            self.canary, self.figures, self.axis, self.fairness, self.inputs, look="wb-card",
        )  # fmt: skip
        for part in (self.form.widget, self.said, self.open_back):
            show(part, shown=False)

    def wait(self, model: str) -> None:
        """Say at once whose particulars are being read."""
        self._model, self._shown = model, None
        self.head.value = f"<h2>{safe(model)}</h2><p class='wb-quiet'>Reading …</p>"
        for part in (self.canary, self.figures, self.axis, self.inputs, self.fairness, self.said):
            part.value = ""
        self.form.say("")
        self.form.reason.value = ""
        for hidden in (self.form.widget, self.open_back, self.said):
            show(hidden, shown=False)

    def show(self, close: Close, line: Line) -> None:
        """The model as it is now."""
        self._model = line.model
        self.head.value = headline(close, line.state, line.sentence)
        self.canary.value = canary(close.canary) if close.canary else ""
        show(self.canary, shown=close.canary is not None)
        self.figures.value = figures(close)
        self.axis.value = axis(close)
        self.inputs.value = inputs(close)
        self.fairness.value = fairness(close)
        self._shown = close
        show(self.open_back, shown=close.way_back is not None and HIDDEN in self.form.widget._dom_classes)
        self._offer()

    def _offer(self) -> None:
        shown = self._shown
        if shown is None or shown.way_back is None:
            closed = "There is no earlier champion to go back to."
            self.form.offer([Act("Roll back", str, closed=closed, look="wb-grave")])
            return
        now, back = shown.looked.watched.subject.version, shown.way_back
        wish = Wish("rollback", self._model, back)
        effect = f"This takes {self._model} from version {now} back to version {back}."
        sure = f"Yes, go back to version {back}"
        do, judge = partial(self._doing.do, wish), partial(self._doing.judge, wish)
        self.form.offer([Act("Roll back", do, effect, sure, judge=judge, look="wb-grave")])

    def _again(self) -> None:
        self._shown = self._doing.close(self._model)
        self._offer()

    def _done(self, words: str) -> None:
        self.said.value = confirmed(words)
        show(self.said, shown=True)
        show(self.form.widget, shown=False)
        self._moved()

    def _fold(self) -> None:
        show(self.form.widget, shown=True)
        show(self.open_back, shown=False)
        show(self.said, shown=False)
        self.form.reason.focus()


def lead(found: Glance) -> str:
    """What is wrong and why, or that all is well; then how many are how."""
    lines = found.lines
    if not lines:
        way_out = "Train and promote the first ones: <code>workbench demo</code>"
        return f'<p class="wb-lead">No model is served yet.</p><p>{way_out}</p>'
    act = [line for line in lines if line.state == "act"]
    watch = [line for line in lines if line.state == "watch"]
    worst = (act or watch)[0] if act or watch else None
    if worst is not None:
        said = f"{worst.model}: {sentence(worst.sentence)}"
    elif found.unseen:
        said = "Nothing is known to be wrong; the models are still being looked at."
    else:
        said = "All is well."
    told = []
    if act:
        told.append(f"{counted(len(act), 'model needs', 'models need')} action: {names([line.model for line in act])}")
    if watch:
        told.append(f"{counted(len(watch), 'is', 'are')} worth watching")
    if found.unseen:
        told.append(f"{counted(found.unseen, 'is', 'are')} still to be looked at")
    requests = sum(line.requests for line in lines)
    told.append(
        f"{counted(len(lines), 'model is', 'models are')} served, {counted(requests, 'request')} in the last "
        f"{span(found.window)}"
    )
    problems = ""
    if found.problems:
        items = "".join(f"<li>{safe(problem)}</li>" for problem in found.problems)
        problems = (
            f'<details class="wb-more"><summary>{counted(len(found.problems), "thing")} could not be looked at'
            f"</summary><ul>{items}</ul></details>"
        )
    return (
        f'<p class="wb-lead">{safe(said)}</p><p class="wb-quiet">{safe("; ".join(told))}. '
        f"Read at {moment(found.at)}.</p>{problems}"
    )


def _row(line: Line, found: Glance) -> dict[str, Any]:
    """A line as the list shows it: texts, and the numbers of its sparkline."""
    extra = [f"v{line.version}"]
    if line.canary is not None:
        extra.append(f"canary v{line.canary}" + (f" at {share(line.weight)}" if line.weight else ""))
    if line.taken:
        extra.append(f"taken by {line.taken}")
    most = max(line.traffic, default=0)
    return {
        "model": line.model,
        "state": line.state,
        "extra": " · ".join(extra),
        "why": sentence(line.sentence),
        "since": ago(line.since, found.at),
        "traffic": list(line.traffic),
        "spoken": f"{line.requests:,} requests in the last {span(found.window)}, at most {most:,} in an hour",
        "requests": f"{line.requests:,}",
        "failed": share(line.failed / line.requests) if line.requests else "–",
    }
