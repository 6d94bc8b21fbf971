"""Segments in plain words: whether they differ, what became of the apparent winner, what was assumed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.experiments import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.experiments.segments.shrunken import Segment, SegmentResult
    from workbench.stats.effects import EffectPrior, Scale
    from workbench.stats.hierarchy import SpreadPrior

ALIKE, DIFFERENT = 0.5, 0.05  # chance that segments are alike, from which and up to which it is said so
NAMED = 5  # segments named in one sentence


def amount(value: float, scale: Scale) -> str:
    """A difference with its sign.

    >>> amount(0.123, "relative"), amount(-1.5, "absolute")
    ('+12 %', '−1.50')
    """
    if scale == "absolute":
        return ("+" if value > 0 else "") + words.number(value)
    size = abs(100 * value)
    digits = 0 if size >= 10 else 1
    return f"{'−' if value < 0 else '+'}{size:.{digits}f} %"


def sentence(result: SegmentResult) -> str:
    """What segments say, in four sentences at most."""
    return " ".join(filter(None, [_whole(result), _disagrees(result), _differ(result), _left_out(result)]))


def lessons(result: SegmentResult) -> list[str]:
    """What learning from each other changed."""
    own = [s.raw for s in result.segments if s.raw is not None]
    if len(own) < 2:
        return []
    seen = [s.effect for s in result.segments]
    scale = result.scale
    alone, after = (f"from {amount(min(v), scale)} to {amount(max(v), scale)}" for v in (own, seen))
    told = [f"By their own numbers {len(own)} segments range {alone}; after seeing all, {after}."]
    wide = sorted((s.high - s.low) / (s.raw_high - s.raw_low) for s in result.segments)[len(result.segments) // 2]
    if wide < 0.9:
        told.append(
            f"What the others say makes the middle segment's interval {100 * (1 - wide):.0f} % narrower, "
            f"as {wide**-2:.1f} times its units would."
        )
    return told


def _whole(result: SegmentResult) -> str:
    whole = result.whole
    span = f"between {amount(whole.low, result.scale)} and {amount(whole.high, result.scale)}"
    return (
        f"{result.arm} against {result.control}: over the segments the change of {result.metric.called} is "
        f"{amount(whole.value, result.scale)} ({span})."
    )


def _disagrees(result: SegmentResult) -> str:
    inside = result.whole_within
    if result.agrees or inside is None:
        return ""
    span = f"between {amount(inside.low, result.scale)} and {amount(inside.high, result.scale)}"
    return (
        f"All units together, each segment compared with itself, say {amount(inside.value, result.scale)} ({span}): "
        "the two do not agree, trust neither before it is known why."
    )


def _differ(result: SegmentResult) -> str:
    if len(result.segments) == 1:
        return "There is one segment only; nothing can be learned from others."
    ranked = sorted((s for s in result.segments if s.raw is not None), key=lambda s: s.raw or 0.0)
    if not ranked:
        return ""
    winner = ranked[0] if result.metric.better == "lower" else ranked[-1]
    told = f"{winner.called!r} ({amount(winner.raw or 0.0, result.scale)} by its own numbers)"
    to = amount(winner.effect, result.scale)
    if result.chance_alike >= ALIKE:
        return f"Nothing says that segments differ; the apparent winner {told} shrinks to {to}."
    if result.chance_alike > DIFFERENT:
        return f"Segments may differ, but the data cannot tell; the apparent winner {told} shrinks to {to}."
    sure = [s for s in result.segments if not 1 - result.level < s.chance_above < result.level]
    opening = f"Segments differ; the best by its own numbers is {told}, {to} after seeing all."
    return f"{opening} Surely other than the whole: {_named(sure, result)}." if sure else opening


def _named(segments: Sequence[Segment], result: SegmentResult) -> str:
    furthest = sorted(segments, key=lambda s: -abs(s.effect - result.whole.value))
    named = ", ".join(f"{s.called!r} ({amount(s.effect, result.scale)})" for s in furthest[:NAMED])
    return named + (f" and {len(furthest) - NAMED} more" if len(furthest) > NAMED else "")


def _left_out(result: SegmentResult) -> str:
    if not result.left_out:
        return ""
    named = "; ".join(f"{name!r}: {why}" for name, why in list(result.left_out.items())[:NAMED])
    more = len(result.left_out) - NAMED
    return f"Not compared: {named}{f'; and {more} more' if more > 0 else ''}."


def note(
    columns: Sequence[str], exact: int, prior: SpreadPrior, mean: EffectPrior | None, scale: Scale, called: str
) -> str:
    """What was assumed."""
    unit = "of the control's mean" if scale == "relative" else called
    size = f"{100 * prior.scale:.3g} % {unit}" if scale == "relative" else f"{words.number(prior.scale)} {unit}"
    reach = "with two thirds of the belief below" if prior.family == "half-normal" else "with half of the belief below"
    what = "True effects of segments spread about their mean"
    if len(columns) > 1:
        what = f"Effects are those of each {', each '.join(columns)}, and what is left of a cell; each spread"
    parts = [f"{what}, {reach} {size} ({prior.family})."]
    parts.append("A segment's error comes from its mean over both arms and the scatter of all.")
    parts.append("Nothing is assumed of the mean." if mean is None else f"The mean: {mean.source}.")
    if exact:
        how = "by their exact likelihood" if len(columns) == 1 else "by a normal that stands for their likelihood"
        few = "few events" + (" or a control mean that is not sharp" if scale == "relative" else "")
        parts.append(f"{exact} with {few} enter {how}.")
    return " ".join(parts)
