"""Whether a request has a meaning at all: somebody asks, with a reason, for a version that can go there; pure."""

from __future__ import annotations

from workbench.errors import Misuse
from workbench.promotion.moves import Judgement, Request
from workbench.promotion.stages import CHAMPION, STAGED, Stage, why_not


def check_step(request: Request, judgement: Judgement) -> None:
    """Refuse an act that has no meaning where the version stands.

    Raises:
        Misuse: It has none.
    """
    model, version, hint = request.model, request.version, f"workbench models {request.model}"
    canary = judgement.heads.get("canary")
    if request.fence is not None and (canary is None or canary.generation != request.fence):
        raise Misuse(f"the canary of {model} moved meanwhile; nothing was done", hint="workbench canary status")
    stage: Stage = judgement.document["stage"]
    reason = why_not(request.action, stage)
    if stage == CHAMPION and request.action == "retire":
        raise Misuse(f"{model} {version} is champion; promote another first, or roll back", hint=hint)
    if stage == CHAMPION:
        raise Misuse(f"{model} {version} is champion already", hint=hint)
    if reason is not None:
        raise Misuse(f"{model} {version} cannot be moved so: {reason}", hint=hint)
    if request.action != "stage":
        return
    holder = judgement.held.get(request.slot)
    if holder is not None and holder != version:
        raise Misuse(
            f"{model} {holder} is in {request.slot}; two cannot be",
            hint=f"workbench stage {model} {holder} --out --why …, or promote it",
        )
    head = judgement.heads.get(request.slot)
    if holder == version and head is not None and head.weight == request.weight:
        share = "" if request.weight is None else f" at {request.weight:.4g} of the traffic"
        raise Misuse(f"{model} {version} is in {request.slot}{share} already", hint=hint)
    if request.slot == "shadow" and stage == "canary":
        raise Misuse(
            f"{model} {version} is the canary; it does not go back to shadow",
            hint=f"workbench stage {model} {version} --out --why … first",
        )


def check_share(slot: str, weight: float | None) -> None:
    """Refuse a slot that nobody is staged in, and a share of the traffic that it cannot have.

    Raises:
        Misuse: It cannot be so.
    """
    if slot not in STAGED:
        raise Misuse(f"there is no slot {slot!r} to stage in", hint=f"one of: {', '.join(STAGED)}")
    if slot == "shadow" and weight is not None:
        raise Misuse("a version in shadow answers nobody; it has no share of the traffic", hint="leave it out")
    if slot == "canary" and (weight is None or isinstance(weight, bool) or not 0 < weight < 1):
        raise Misuse(f"the share of a canary is {weight}; it must lie in (0, 1)", hint="0.05 is one in twenty")


def told(actor: str, why: str) -> str:
    """The reason without blanks around it, when there is one and somebody gives it.

    Raises:
        Misuse: Nobody does, there is none, or it is no text.
    """
    if not actor.strip():
        raise Misuse("nobody is named as the one who decides; every decision has a person's name")
    if not why.strip():
        raise Misuse("the reason is empty; every decision needs one", hint='--why "…", in a sentence')
    for name, text in (("name", actor), ("reason", why)):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Misuse(f"the {name} {text!r} is no text of Unicode", hint="is the terminal set to UTF-8?") from error
    return why.strip()
