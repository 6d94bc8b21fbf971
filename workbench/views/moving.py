"""The acts that are open for one version, with what each would do; pure, from what the page has read.

>>> share_of("5"), share_of("5 %"), share_of("0"), share_of("100"), share_of("much")
(0.05, 0.05, None, None, None)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from workbench.promotion import Candidate
from workbench.promotion.stages import AHEAD
from workbench.views.acting import Act
from workbench.views.deciding import Acts, Wish, You

NO_SHARE = "The share must be a number of percent, above 0 and below 100."


def share_of(text: str) -> float | None:
    """A share of the traffic in (0, 1), as a person writes percent; None where it is none."""
    try:
        percent = float(text.strip().removesuffix("%").strip().replace(",", "."))
    except ValueError:
        return None
    return percent / 100 if 0 < percent < 100 else None


def open_for(candidate: Candidate, others: Sequence[Candidate], you: You, acts: Acts, share: str) -> list[Act]:
    """What a person may do with a version; what their role does not let them do is not among it.

    Args:
        candidate: The version.
        others: All versions of its model.
        you: Who looks.
        acts: What can be set in motion.
        share: The share that was typed for a canary, in percent.
    """
    found: list[Act] = []
    if candidate.stage in {"champion", "retired"}:
        return found
    if "ask" in you.may:
        found += _promotion(candidate, others, acts)
        found += _stages(candidate, others, acts, share)
    if "approve" in you.may and candidate.stage in AHEAD:
        number = candidate.version.version
        wish = Wish("reject", candidate.version.model, number)
        found.append(Act(f"Reject version {number}", partial(acts.do, wish), look="wb-grave"))
    if "ask" in you.may:
        found.append(_retirement(candidate, acts))
    return found


def _promotion(candidate: Candidate, others: Sequence[Candidate], acts: Acts) -> list[Act]:
    model, number = candidate.version.model, candidate.version.version
    champion = _holder(others, "champion")
    if champion is None:
        effect = f"This makes version {number} the first champion of {model}."
    else:
        effect = f"This moves {model} from version {champion.version.version} to version {number}."
    closed = ""
    if candidate.decision is None:
        closed = "Promotion is closed: the policy has not been asked."
    elif candidate.decision.decision == "deny":
        closed = "Promotion is closed: the policy says no."
    again = candidate.stage == "former champion"
    return [
        _act(
            Wish("promote", model, number),
            acts,
            f"Promote version {number} again" if again else f"Promote version {number}",
            f"{effect} From then on version {number} answers every request.",
            f"Yes, make version {number} champion",
            closed=closed,
            look="wb-first",
        )
    ]


def _stages(candidate: Candidate, others: Sequence[Candidate], acts: Acts, share: str) -> list[Act]:
    model, number = candidate.version.model, candidate.version.version
    champion = _holder(others, "champion")
    rest = f"version {champion.version.version}" if champion else "nobody"
    found = []
    if candidate.stage not in {"shadow", "canary"}:
        found.append(
            _act(
                Wish("stage", model, number, "shadow"),
                acts,
                "Into shadow",
                f"Version {number} of {model} then answers beside {rest}; nobody gets its answers.",
                f"Yes, put version {number} into shadow",
                closed=_taken(candidate, others, "shadow"),
            )
        )
    weight = share_of(share)
    percent = "" if weight is None else f"{100 * weight:.4g} %"
    same = weight is not None and candidate.weight is not None and abs(weight - candidate.weight) < 1e-9
    closed = _taken(candidate, others, "canary") or (NO_SHARE if weight is None else "")
    found.append(
        _act(
            Wish("stage", model, number, "canary", weight),
            acts,
            f"Canary at {percent or '…'}",
            f"Version {number} of {model} then answers {percent} of the requests, {rest} the others.",
            f"Yes, give version {number} {percent} of the traffic",
            closed=closed or (f"Version {number} has {percent} already: write another share." if same else ""),
        )
    )
    if candidate.stage in {"shadow", "canary"}:
        served = f"{rest.capitalize()} then answers every request." if candidate.stage == "canary" else ""
        found.append(
            _act(
                Wish("clear", model, number, candidate.stage),
                acts,
                f"Take out of {candidate.stage}",
                f"This takes version {number} of {model} out of {candidate.stage}. {served}".strip(),
                f"Yes, take version {number} out",
            )
        )
    return found


def _retirement(candidate: Candidate, acts: Acts) -> Act:
    model, number = candidate.version.model, candidate.version.version
    return _act(
        Wish("retire", model, number, ""),
        acts,
        f"Retire version {number}",
        f"This takes version {number} of {model} out of use for good. What is served by others stays as it is.",
        f"Yes, retire version {number}",
        look="wb-grave",
    )


def _act(wish: Wish, acts: Acts, words: str, effect: str, sure: str, *, closed: str = "", look: str = "") -> Act:
    return Act(
        words,
        partial(acts.do, wish),
        effect=effect,
        sure=sure,
        judge=partial(acts.judge, wish),
        closed=closed,
        look=look,
    )


def _taken(candidate: Candidate, others: Sequence[Candidate], slot: str) -> str:
    held = _holder(others, slot)
    if held is None or held.version == candidate.version:
        return ""
    return f"Version {held.version.version} is in {slot}; take it out first."


def _holder(others: Sequence[Candidate], stage: str) -> Candidate | None:
    return next((c for c in others if c.stage == stage), None)
