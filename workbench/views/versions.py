"""One model on the promotions page: its champion, a card for each version that waits, and the earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from workbench.ledger import Entry
from workbench.ledger.heads import PROMOTIONS
from workbench.promotion import Candidate, champions
from workbench.promotion.stages import AHEAD
from workbench.views.acting import Act, Form
from workbench.views.evidence import comparison, findings_told, folded, headline, particulars, verdict
from workbench.views.parts import Parts, place, show
from workbench.views.words import moment, safe


@dataclass(frozen=True)
class Doing:
    """What the page can set in motion; each act gives back the sentence that confirms it."""

    approve: Callable[[str, int, str], str]  # model, version, reason
    reject: Callable[[str, int, str], str]  # model, version, reason
    roll_back: Callable[[str, str], str]  # model, reason
    look_again: Callable[[], None]  # reads the world anew and shows it
    done: Callable[[str], None]  # says a confirmation to the whole page


class Section:
    """A model's part of the page; `show` changes it in place and keeps what was typed."""

    def __init__(self, parts: Parts, model: str, doing: Doing) -> None:
        self._parts, self._model, self._doing = parts, model, doing
        self._cards: dict[int, Card] = {}
        self._rows: dict[int, Earlier] = {}
        self._form: Form | None = None
        self._acts: list[Act] = []
        self.head = parts.html()
        self.back = parts.button("Roll back …", click=self._open)
        self.said = parts.html()
        self._form_box = parts.column()
        self._waiting = parts.column(look="wb-form")
        self._earlier_title = parts.html("<h3>Earlier versions</h3>", "wb-earlier")
        self._earlier = parts.column()
        top = parts.row(self.head, self.back, look="wb-head")
        self.widget = parts.column(
            top, self.said, self._form_box, self._waiting, self._earlier_title, self._earlier, look="wb-section"
        )
        self.say("")

    def show(self, candidates: Sequence[Candidate], trail: Sequence[Entry]) -> None:
        """The model's versions as they stand now.

        Args:
            candidates: All its versions, in the order in which they are to be shown.
            trail: Past decisions about it, newest first.
        """
        champion = next((c for c in candidates if c.stage == "champion"), None)
        line = _line(self._model, trail)
        self.head.value = _head(self._model, champion, line, trail)
        self._offer_way_back(champion, line)
        waiting = [c for c in candidates if c.stage in AHEAD]
        for candidate in candidates:
            number = candidate.version.version
            if candidate.stage in AHEAD or number in self._cards:
                self._card(number).show(candidate, champion)
        place(self._waiting, [self._card(c.version.version).widget for c in waiting])
        earlier = [c for c in candidates if c.stage not in {"champion", *AHEAD}]
        for candidate in earlier:
            number = candidate.version.version
            if number not in self._rows:
                self._rows[number] = Earlier(self._parts, partial(self._card, number))
            self._rows[number].show(candidate, champion, trail)
        place(self._earlier, [self._rows[c.version.version].widget for c in earlier])
        show(self._earlier_title, shown=bool(earlier))

    def say(self, words: str) -> None:
        """Show a piece of HTML below the champion."""
        self.said.value = words
        show(self.said, shown=bool(words))

    def done(self, sentence: str) -> None:
        """Close the form of the way back and confirm the act."""
        show(self._form_box, shown=False)
        self._doing.done(sentence)

    def _card(self, number: int) -> Card:
        if number not in self._cards:
            self._cards[number] = Card(self._parts, self._doing)
        return self._cards[number]

    def _offer_way_back(self, champion: Candidate | None, line: Sequence[int]) -> None:
        possible = champion is not None and len(line) != 1
        show(self.back, shown=possible)
        if champion is None or not possible:
            show(self._form_box, shown=False)
            return
        present = champion.version.version
        to = f"version {line[-2]}" if line else "the champion before it"
        self._acts = [
            Act(
                "Roll back",
                lambda why: self._doing.roll_back(self._model, why),
                effect=f"This takes {self._model} back from version {present} to {to}. "
                f"From then on {to} answers every request.",
                sure=f"Yes, go back to {to}",
                look="wb-grave",
            )
        ]
        self.back.tooltip = f"Take {self._model} back to {to}"
        if self._form is not None:
            self._form.offer(self._acts)

    def _open(self) -> None:
        if self._form is None:
            label = f"Why go back from {self._model}’s present version? (required)"
            self._form = Form(self._parts, label, look_again=self._doing.look_again, done=self.done, count=1)
            self._form.widget.add_class("wb-apart")
            self._form_box.children = (self._form.widget,)
            self._form.offer(self._acts)
            show(self._form_box, shown=False)
        opening = "wb-hidden" in self._form_box._dom_classes
        show(self._form_box, shown=opening)
        self.say("")
        if opening:
            self._form.reason.focus()


class Card:
    """A version with its verdict, its evidence and the form to decide about it."""

    def __init__(self, parts: Parts, doing: Doing) -> None:
        self._doing = doing
        self.told = parts.html()
        self.form = Form(parts, "Your reason (required)", look_again=doing.look_again, done=doing.done, count=2)
        self.widget = parts.column(self.told, self.form.widget, look="wb-card")

    def show(self, candidate: Candidate, champion: Candidate | None) -> None:
        """The version as it stands now."""
        self.told.value = _told(candidate, champion)
        self.form.offer(_acts(candidate, champion, self._doing))


class Earlier:
    """A version that does not wait: one line, and its card when asked for."""

    def __init__(self, parts: Parts, card: Callable[[], Card]) -> None:
        self._card = card
        self._now: tuple[Candidate, Candidate | None] | None = None
        self.line = parts.html()
        self.button = parts.button("", look="wb-plain", click=self._fold)
        self._below = parts.column()
        self.widget = parts.column(parts.row(self.line, self.button, look="wb-row"), self._below)

    def show(self, candidate: Candidate, champion: Candidate | None, trail: Sequence[Entry]) -> None:
        """The version as it stands now."""
        self._now = (candidate, champion)
        number = candidate.version.version
        self.line.value = f"<p><b>Version {number}</b>, {safe(_left(candidate, trail))}</p>"
        if not self._below.children:
            self.button.description = f"Look at version {number}"
            self.button.tooltip = f"Evidence and verdict of {candidate.version.model} version {number}"

    def _fold(self) -> None:
        if self._now is None:
            return
        candidate, champion = self._now
        if self._below.children:
            self._below.children = ()
            self.button.description = f"Look at version {candidate.version.version}"
            return
        card = self._card()
        card.show(candidate, champion)
        self._below.children = (card.widget,)
        self.button.description = "Close"


def _acts(candidate: Candidate, champion: Candidate | None, doing: Doing) -> list[Act]:
    model, number = candidate.version.model, candidate.version.version
    if candidate.stage == "champion":
        return [Act(f"Approve version {number}", lambda _: "", closed=f"Version {number} is champion.")]
    if champion is None:
        effect = f"This makes version {number} the first champion of {model}."
    else:
        effect = f"This moves {model} from version {champion.version.version} to version {number}."
    closed = ""
    if candidate.decision is None:
        closed = "Approval is closed: the policy has not been asked."
    elif not candidate.decision.allowed:
        closed = "Approval is closed: the policy says no."
    again = candidate.stage == "former champion"
    acts = [
        Act(
            f"Promote version {number} again" if again else f"Approve version {number}",
            lambda why: doing.approve(model, number, why),
            effect=f"{effect} From then on version {number} answers every request.",
            sure=f"Yes, make version {number} champion",
            closed=closed,
            look="wb-first",
        )
    ]
    if candidate.stage in AHEAD:
        acts.append(Act(f"Reject version {number}", lambda why: doing.reject(model, number, why), look="wb-grave"))
    return acts


def _head(model: str, champion: Candidate | None, line: Sequence[int], trail: Sequence[Entry]) -> str:
    title = f'<div class="wb-title"><h2>{safe(model)}</h2></div>'
    if champion is None:
        return f'{title}<p class="wb-quiet">No version is champion yet; nothing is served.</p>'
    number = champion.version.version
    placed = next((e for e in trail if e.kind in PROMOTIONS and e.subject == champion.version.subject), None)
    since = f", since {moment(placed.at)}, by {placed.actor}" if placed else ""
    only = " There is no earlier champion to go back to." if len(line) == 1 else ""
    figures = headline(champion.findings)
    told = comparison(champion.findings, {}, champion=None) + findings_told(champion.findings)
    more = particulars(champion.version, champion.findings, None)
    return (
        f"{title}<p><b>Version {number} is champion</b>{safe(since)}.{only}</p>"
        + (f'<p class="wb-quiet">{figures}</p>' if figures else "")
        + folded("The champion’s evidence", told + more)
    )


def _told(candidate: Candidate, champion: Candidate | None) -> str:
    version, findings = candidate.version, candidate.findings
    told = "" if candidate.stage == "champion" else verdict(candidate.decision, f"{version.model} {version.version}")
    registered = f"registered {moment(version.registered_at)} by {version.registered_by}"
    beside = champion if champion is not None and champion.version != version else None
    return (
        f'<div class="wb-title"><h3>{safe(version.model)}, version {version.version}</h3>'
        f'<span class="wb-quiet">{safe(registered)}</span>'
        f"</div>{told}"
        + comparison(
            findings,
            beside.findings if beside else {},
            champion=beside.version.version if beside else None,
            decision=candidate.decision,
        )
        + findings_told(findings)
        + particulars(version, findings, candidate.decision)
    )


def _left(candidate: Candidate, trail: Sequence[Entry]) -> str:
    """Why a version does not wait, in one line."""
    version = candidate.version
    if candidate.stage == "rejected":
        entry = next((e for e in trail if e.kind == "candidate.rejected" and e.subject == version.subject), None)
        return f"turned down by {entry.actor} on {moment(entry.at)}: “{entry.why}”" if entry else "turned down"
    entry = next((e for e in trail if e.kind in PROMOTIONS and e.body.get("from") == version.version), None)
    words = "former champion"
    if entry is not None and entry.kind == "rollback.granted":
        words += f", rolled back by {entry.actor} on {moment(entry.at)}: “{entry.why}”"
    elif entry is not None:
        words += f", replaced on {moment(entry.at)}"
    return words


def _line(model: str, trail: Sequence[Entry]) -> list[int]:
    """The champions that may be gone back to; empty where the trail does not reach back to the first."""
    moves = sorted((entry for entry in trail if entry.kind in PROMOTIONS), key=lambda entry: entry.seq)
    begun = any(entry.body.get("from") is None for entry in moves)
    return champions(model, moves) if begun else []
