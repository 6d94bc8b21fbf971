"""The trail of past decisions as a timeline: who did what, when, why, and what the policy said.

>>> timeline([])
'<p class="wb-empty">Nothing has been decided yet.</p>'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.ledger import Entry
from workbench.policy import Decision
from workbench.promotion import Question, Step
from workbench.views.evidence import folded, reasons
from workbench.views.words import counted, moment, safe, sentence

FIRST = 10  # decisions shown before the rest is folded away
LOOKS = {
    "promotion.granted": "yes",
    "rollback.granted": "back",
    "promotion.denied": "no",
    "rollback.denied": "no",
    "candidate.rejected": "no",
    "stage.granted": "yes",
    "stage.denied": "no",
    "approval.given": "yes",
    "approval.refused": "no",
    "projection.broken": "no",
}


def timeline(trail: Sequence[Entry]) -> str:
    """Decisions, the newest first; older ones folded away."""
    newest = sorted(trail, key=lambda entry: -entry.seq)
    if not newest:
        return '<p class="wb-empty">Nothing has been decided yet.</p>'
    shown = _items(newest[:FIRST])
    rest = newest[FIRST:]
    if not rest:
        return shown
    return shown + folded(counted(len(rest), "older entry", "older entries"), _items(rest))


def act(entry: Entry) -> str:
    """What happened, as plain text.

    >>> from datetime import UTC, datetime
    >>> act(Entry(4, datetime(2026, 1, 1, tzinfo=UTC), "rollback.granted", "lending/1", "analyst", "", {"from": 3},
    ...           None, "", ""))
    'Brought lending back from version 3 to version 1'
    """
    model, version = _subject(entry)
    before, generation = entry.body.get("from"), entry.body.get("generation")
    moved = f" in place of version {before}" if before is not None else ", its first champion"
    slot, asked = entry.body.get("slot", "champion"), entry.body.get("action", "stage")
    weight = entry.body.get("weight")
    share = f" at {100 * weight:.4g} % of the traffic" if isinstance(weight, int | float) else ""
    question = _question(entry)
    told = {
        "promotion.granted": f"Made {model} version {version} champion{moved}",
        "rollback.granted": f"Brought {model} back from version {before} to version {version}",
        "promotion.denied": f"Asked to promote {model} version {version}; the policy said no",
        "stage.granted": f"Put {model} version {version} into {slot}{share}",
        "stage.cleared": f"Took {model} version {version} out of {slot}",
        "stage.denied": f"Asked to {asked} {model} version {version}; the policy said no",
        "version.retired": f"Retired {model} version {version}",
        "approval.requested": f"Asked people to {question}",
        "approval.given": f"Approved {model} version {version}",
        "approval.refused": f"Refused {model} version {version}",
        "approval.withdrawn": f"Took back the approval of {model} version {version}",
        "approval.closed": f"Used the approvals of {model} version {version}",
        "projection.broken": f"MLflow’s record of {model} is damaged",
        "rollback.denied": f"Asked to bring {model} back to version {version}; the policy said no",
        "candidate.rejected": f"Turned down {model} version {version}",
        "projection.repaired": f"Set MLflow’s record of {model} right (generation {generation})",
    }
    return told.get(entry.kind, f"{entry.kind} on {entry.subject}")


def story(steps: Sequence[Step]) -> str:
    """All that happened to one version, the oldest first."""
    items = [
        f'<li class="wb-step wb-step-{LOOKS.get(step.kind, "plain")}">'
        f'<p class="wb-what">{safe(sentence(step.what))}</p>'
        + (f"<blockquote>{safe(step.why)}</blockquote>" if step.why else "")
        + f'<p class="wb-quiet"><b>{safe(step.actor)}</b> · {safe(moment(step.at))} · entry {step.entry}</p></li>'
        for step in steps
    ]
    return f'<ol class="wb-trail">{"".join(items)}</ol>' if items else '<p class="wb-empty">Nothing happened yet.</p>'


def _question(entry: Entry) -> str:
    """What people are asked in an entry that asks them."""
    try:
        return Question.from_body(entry.body["question"]).in_words()
    except (KeyError, TypeError):
        return f"decide on {entry.subject}"


def _items(entries: Sequence[Entry]) -> str:
    return f'<ol class="wb-trail">{"".join(_item(entry) for entry in entries)}</ol>'


def _item(entry: Entry) -> str:
    why = f"<blockquote>{safe(entry.why)}</blockquote>" if entry.why else ""
    return (
        f'<li class="wb-step wb-step-{LOOKS.get(entry.kind, "plain")}">'
        f'<p class="wb-what">{safe(act(entry))}</p>{why}'
        f'<p class="wb-quiet"><b>{safe(entry.actor)}</b> · '
        f'<time datetime="{safe(entry.at.isoformat())}">{safe(moment(entry.at))}</time> · entry {entry.seq}</p>'
        f"{_grounds(entry.body)}</li>"
    )


def _grounds(body: Any) -> str:
    """Why the policy refused, as the ledger kept it."""
    kept = body.get("decision")
    if not kept:
        return ""
    decision = Decision.from_body(kept)
    if decision.allowed:
        return ""
    return folded(counted(len(decision.reasons), "reason"), reasons(decision.reasons))


def _subject(entry: Entry) -> tuple[str, str]:
    model, slash, version = entry.subject.rpartition("/")
    return (model, version) if slash else (entry.subject, "")
