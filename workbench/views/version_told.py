"""What is told of a version in words: its verdict, approvals and evidence, and why it waits no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.ledger import Entry
from workbench.ledger.heads import PROMOTIONS
from workbench.promotion import Candidate
from workbench.views.asked import approvals
from workbench.views.deciding import Waiting, You
from workbench.views.evidence import comparison, findings_told, folded, headline, particulars, verdict
from workbench.views.words import moment, safe, sentence


@dataclass(frozen=True)
class Known:
    """What is known of one model."""

    candidates: Sequence[Candidate]  # all its versions, in the order in which they are to be shown
    trail: Sequence[Entry]  # past decisions about it, newest first
    waiting: Sequence[Waiting]  # questions about it
    back: int | None  # the version that a rollback brings back
    you: You

    @property
    def champion(self) -> Candidate | None:
        """Who is served."""
        return next((c for c in self.candidates if c.stage == "champion"), None)


def head(model: str, known: Known) -> str:
    """The model's name and its champion."""
    champion = known.champion
    title = f'<div class="wb-title"><h2>{safe(model)}</h2></div>'
    if champion is None:
        return f'{title}<p class="wb-quiet">No version is champion yet; nothing is served.</p>'
    number = champion.version.version
    placed = next((e for e in known.trail if e.kind in PROMOTIONS and e.subject == champion.version.subject), None)
    since = f", since {moment(placed.at)}, by {placed.actor}" if placed else ""
    only = " There is no earlier champion to go back to." if known.back is None else ""
    figures = headline(champion.findings)
    beside = comparison(champion.findings, {}, champion=None) + findings_told(champion.findings)
    more = particulars(champion.version, champion.findings, None)
    return (
        f"{title}<p><b>Version {number} is champion</b>{safe(since)}.{only}</p>{_doubt(champion)}"
        + (f'<p class="wb-quiet">{figures}</p>' if figures else "")
        + folded("The champion’s evidence", beside + more)
    )


def told(candidate: Candidate, known: Known) -> str:
    """A version with its verdict, its approvals, and its evidence beside the champion's."""
    version, findings, champion = candidate.version, candidate.findings, known.champion
    says = (
        ""
        if candidate.stage in {"champion", "retired"}
        else verdict(candidate.decision, f"{version.model} {version.version}")
    )
    registered = f"registered {moment(version.registered_at)} by {version.registered_by}"
    asked = "".join(
        f'<div class="wb-asked"><p><b>{safe(sentence(one.open.in_words).rstrip("."))}</b></p>{approvals(one)}</div>'
        for one in known.waiting
        if one.open.answers.question.subject == version.subject
    )
    beside = champion if champion is not None and champion.version != version else None
    return (
        f'<div class="wb-title"><h3>{safe(version.model)}, version {version.version}</h3>'
        f'<span class="wb-quiet">{safe(registered)}</span>'
        f"{_standing(candidate)}</div>{_doubt(candidate)}{says}{asked}"
        + comparison(
            findings,
            beside.findings if beside else {},
            champion=beside.version.version if beside else None,
            decision=candidate.decision,
        )
        + findings_told(findings)
        + particulars(version, findings, candidate.decision)
    )


def _doubt(candidate: Candidate) -> str:
    if not candidate.doubt:
        return ""
    why = f"{sentence(candidate.doubt)} No gateway begins to serve it, and no alias follows it."
    return f'<div class="wb-verdict wb-no"><p class="wb-says">Doubted</p><p>{safe(why)}</p></div>'


def _standing(candidate: Candidate) -> str:
    if candidate.stage not in {"shadow", "canary"}:
        return ""
    share = "" if candidate.weight is None else f", {100 * candidate.weight:.4g} % of the traffic"
    return f'<span class="wb-badge wb-open">In {safe(candidate.stage)}{share}</span>'


def left(candidate: Candidate, trail: Sequence[Entry]) -> str:
    """Why a version does not wait, in one line."""
    version = candidate.version
    if candidate.stage == "rejected":
        entry = next((e for e in trail if e.kind == "candidate.rejected" and e.subject == version.subject), None)
        return f"turned down by {entry.actor} on {moment(entry.at)}: “{entry.why}”" if entry else "turned down"
    if candidate.stage == "retired":
        entry = next((e for e in trail if e.kind == "version.retired" and e.subject == version.subject), None)
        return f"retired by {entry.actor} on {moment(entry.at)}: “{entry.why}”" if entry else "retired"
    entry = next((e for e in trail if e.kind in PROMOTIONS and e.body.get("from") == version.version), None)
    words = "former champion"
    if entry is not None and entry.kind == "rollback.granted":
        words += f", rolled back by {entry.actor} on {moment(entry.at)}: “{entry.why}”"
    elif entry is not None:
        words += f", replaced on {moment(entry.at)}"
    return words
