"""The open incidents of a page: each a line with its cause, unfolded its parts, and a form to take or end it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from workbench.views.acting import Act, Form, confirmed
from workbench.views.drawing import bar
from workbench.views.parts import Parts, place, show
from workbench.views.watched import badge
from workbench.views.words import counted, moment, safe, sentence, share

if TYPE_CHECKING:
    from workbench.monitoring.incidents import Incident

PAGE = 5  # incidents shown at once; more on request
Answer = Callable[[str, str], "Incident"]  # an id and a reason


class Incidents:
    """The section, and what it holds."""

    def __init__(self, parts: Parts, acknowledge: Answer, resolve: Answer, look_again: Callable[[], None]) -> None:
        self._parts, self._acknowledge, self._resolve, self._look_again = parts, acknowledge, resolve, look_again
        self._rows: dict[str, Row] = {}
        self._found: Sequence[Incident] = ()
        self._most = PAGE
        self.title = parts.html()
        self.said = parts.html()
        self.rows = parts.column(look="wb-models")
        self.more = parts.button("", click=self._show_more)
        self.widget = parts.column(
            self.title, self.said, self.rows, parts.row(self.more, look="wb-acts"), look="wb-section"
        )
        show(self.said, shown=False)

    def show(self, found: Sequence[Incident]) -> None:
        """The incidents that are alive; what is unfolded stays so, and so does a reason half written."""
        self._found = found
        alive = {one.id for one in found}
        self._rows = {id_: row for id_, row in self._rows.items() if id_ in alive}
        for one in found[: self._most]:
            if one.id not in self._rows:
                self._rows[one.id] = Row(self._parts, self._acknowledge, self._resolve, self._look_again, self._done)
            self._rows[one.id].show(one)
        place(self.rows, [self._rows[one.id].widget for one in found[: self._most]])
        nobodys = sum(one.state == "open" for one in found)
        taken = f", {nobodys} of them taken on by nobody" if nobodys else "; somebody has taken on each"
        words = f"{counted(len(found), 'incident is', 'incidents are')} not resolved{taken}."
        self.title.value = f"<h2>Incidents</h2><p class='wb-quiet'>{words}</p>"
        left = max(0, len(found) - self._most)
        self.more.description = f"Show {min(PAGE, left)} more of {counted(left, 'incident')}"
        show(self.more, shown=left > 0)
        show(self.widget, shown=bool(found) or bool(self.said.value))

    def _done(self, words: str) -> None:
        self.said.value = confirmed(words)
        show(self.said, shown=True)
        self._look_again()

    def _show_more(self) -> None:
        self._most += PAGE
        self.show(self._found)


class Row:
    """One incident."""

    def __init__(
        self,
        parts: Parts,
        acknowledge: Answer,
        resolve: Answer,
        look_again: Callable[[], None],
        done: Callable[[str], None],
    ) -> None:
        self._answers = {"acknowledged": acknowledge, "resolved": resolve}
        self._one: Incident | None = None
        self._unfolded = False
        self.line = parts.html()
        self.fold = parts.button("Open", look="wb-plain", click=self._fold)
        self.causes = parts.html()
        self.form = Form(parts, "What is known of it (required)", look_again=look_again, done=done, count=2)
        self.inside = parts.column(self.causes, self.form.widget, look="wb-close")
        self.widget = parts.column(parts.row(self.line, self.fold), self.inside, look="wb-served")
        show(self.inside, shown=False)

    def show(self, one: Incident) -> None:
        """The incident as it stands."""
        if self._one == one:
            return
        self._one = one
        self.line.value = line(one)
        self._named()
        self.causes.value = causes(one)
        taken = one.state == "acknowledged"
        self.form.offer(
            [
                Act("Take it on", self._answer("acknowledged"), closed=f"{one.by} has taken it on." if taken else ""),
                Act("It is over", self._answer("resolved"), look="wb-first"),
            ]
        )

    def _answer(self, state: str) -> Callable[[str], str]:
        def answer(why: str) -> str:
            told = self._answers[state](self._one.id if self._one else "", why)
            return f"Incident {told.id} of {told.model} is {told.state}. Ledger entry {told.seqs[-1]}."

        return answer

    def _fold(self) -> None:
        self._unfolded = not self._unfolded
        self._named()
        show(self.inside, shown=self._unfolded)

    def _named(self) -> None:
        self.fold.description = "Close" if self._unfolded else "Open"
        if self._one is not None:
            self.fold.tooltip = f"{self.fold.description} incident {self._one.id} of {self._one.model}"


def line(one: Incident) -> str:
    """An incident in one line."""
    since = f"since {moment(one.since)}" if one.since else f"opened {moment(one.opened_at)}"
    taken = f"; taken on by {safe(one.by)}: “{safe(one.why)}”" if one.state == "acknowledged" else ""
    return (
        f'<div class="wb-incident">{badge(one.gravity if one.gravity in {"act", "watch"} else "act")} '
        f'<span class="wb-name">{safe(one.model)}</span> <span class="wb-quiet">version {one.version}, {since}{taken}'
        f"</span><p>{safe(sentence(one.sentence))}</p></div>"
    )


def causes(one: Incident) -> str:
    """What an incident is put down to, with how much of a drop each cause explains where that is known."""
    rows = ""
    for part in one.causes:
        explains = "–"
        if part.share is not None:
            explains = f"{bar(min(max(part.share, 0.0), 1.0), most=1.0, high=True)}<b>{share(max(part.share, 0.0))}</b>"
        entry = f" (ledger entry {part.seq})" if part.seq is not None else ""
        rows += (
            f'<tr><th scope="row">{safe(sentence(part.words))}</th>'
            f"<td>{safe(part.what)}{entry}</td><td>{explains}</td></tr>"
        )
    shown = "No cause is shown: no input moved, and nothing changed upstream."
    table = (
        '<table class="wb-causes"><thead><tr><th scope="col">Cause, the likeliest first</th><th scope="col">Kind</th>'
        f'<th scope="col">Of the drop</th></tr></thead><tbody>{rows}</tbody></table>'
        if rows
        else f'<p class="wb-empty">{shown}</p>'
    )
    about = ", ".join(symptom.replace(":", " of ") for symptom in one.symptoms)
    entries = ", ".join(map(str, one.seqs))
    return f'{table}<p class="wb-quiet">Seen in: {safe(about)}. Incident {safe(one.id)}, ledger {safe(entries)}.</p>'
