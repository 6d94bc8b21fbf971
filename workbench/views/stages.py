"""The board by stage: where every version stands on its way, as columns; plain HTML.

>>> columns([])
''
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.policy import Decision
from workbench.promotion import Candidate, by_stage
from workbench.promotion.stages import AHEAD, Stage
from workbench.views.evidence import mark
from workbench.views.words import safe

MOST = 8  # versions of one column that are shown
COLUMNS: tuple[tuple[str, tuple[Stage, ...]], ...] = (
    ("Registered", ("registered",)),
    ("Candidate", ("candidate",)),
    ("Shadow", ("shadow",)),
    ("Canary", ("canary",)),
    ("Champion", ("champion",)),
    ("Out of use", ("former champion", "rejected", "retired")),
)


def columns(candidates: Sequence[Candidate]) -> str:
    """Every stage with the versions that stand there, those that wait for a yes first; nothing where there are none."""
    if not candidates:
        return ""
    held = by_stage(candidates)
    cells = "".join(_column(head, [c for stage in stages for c in held[stage]]) for head, stages in COLUMNS)
    return f'<div class="wb-stages">{cells}</div>'


def says(decision: Decision | None) -> tuple[str, str, str]:
    """A look, a sign and a word for what the policy says to promoting a version."""
    if decision is None:
        return "", "", ""
    if decision.allowed:
        return "yes", "pass", "policy: yes"
    if decision.decision == "needs-people":
        return "open", "people", "policy: people first"
    return "no", "fail", "policy: no"


def _column(head: str, candidates: Sequence[Candidate]) -> str:
    candidates = sorted(candidates, key=lambda one: one.decision is None or one.decision.decision == "deny")
    items = "".join(_item(candidate) for candidate in candidates[:MOST])
    more = f'<li class="wb-quiet">and {len(candidates) - MOST} more</li>' if len(candidates) > MOST else ""
    inside = f"<ul>{items}{more}</ul>" if items else '<p class="wb-quiet">none</p>'
    return f'<div class="wb-stage"><h3>{safe(head)} <span class="wb-quiet">{len(candidates)}</span></h3>{inside}</div>'


def _item(candidate: Candidate) -> str:
    version = candidate.version
    look, sign, words = says(candidate.decision if candidate.stage not in {"former champion", "rejected"} else None)
    told = words or ("policy: not asked yet" if candidate.stage in AHEAD else "")
    if candidate.weight is not None:
        told = f"{100 * candidate.weight:.4g} % of the traffic · {told}"
    elif candidate.stage in {"former champion", "rejected", "retired"}:
        told = candidate.stage
    if candidate.doubt:
        look, sign, told = "no", "fail", f"doubted · {told}".removesuffix(" · ")
    badge = f'<span class="wb-policy wb-{look}">{mark(sign)}</span>' if sign else ""
    under = f'<span class="wb-gloss">{safe(told)}</span>' if told else ""
    return f"<li><b>{safe(version.model)} {version.version}</b> {badge}{under}</li>"
