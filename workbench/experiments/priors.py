"""Priors of effects as people type them.

>>> parse_prior("normal(0, 0.02)").scale
'relative'
>>> parse_prior("t(3, 0, 5, absolute)").components[0].df
3.0
>>> parse_prior("weak") is None
True
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from workbench.errors import Misuse
from workbench.stats.effects import EffectPrior, Scale

FORM = re.compile(r"(normal|t)\(([^()]*)\)")
HINT = "write weak, normal(MEAN, SD) or t(DF, MEAN, SD), as shares of the control's mean; add ', absolute' for units"


def parse_prior(text: str) -> EffectPrior | None:
    """The prior that a text states; None for the weak one.

    Args:
        text: "weak", "normal(m, s)" or "t(df, m, s)"; relative to the control's mean, unless
            "absolute" stands last.

    Raises:
        Misuse: The text is not of this form.
    """
    text = text.strip()
    if text in {"", "weak"}:
        return None
    found = FORM.fullmatch(text)
    if found is None:
        raise Misuse(f"{text!r} is no prior", hint=HINT)
    parts = [part.strip() for part in found[2].split(",")]
    scale: Scale = "relative"
    if parts[-1] in {"absolute", "relative"}:
        scale = "absolute" if parts.pop() == "absolute" else "relative"
    numbers = _numbers(text, parts, 2 if found[1] == "normal" else 3)
    try:
        if found[1] == "normal":
            return EffectPrior.normal(*numbers, scale=scale, source=f"stated, {text}")
        return EffectPrior.student(*numbers, scale=scale, source=f"stated, {text}")
    except ValueError as error:
        raise Misuse(f"{text!r} is no prior: {error}", hint=HINT) from error


def parse_priors(
    texts: Sequence[str],
    metrics: Sequence[str],
    of: Callable[[str, str], EffectPrior | None] = lambda text, _: parse_prior(text),
) -> dict[str, EffectPrior]:
    """Priors by metric; what is weak is left out.

    Args:
        texts: `METRIC=PRIOR` each, or a prior for all other metrics; of two for the same, the later one wins.
        metrics: Their names.
        of: Makes a prior of its text and the metric's name.

    Raises:
        Misuse: A text names no metric, or is no prior.

    >>> list(parse_priors(["normal(0, 0.02)", "visits=weak"], ["visits", "spend"]))
    ['spend']
    """
    found: dict[str, EffectPrior | None] = {}
    for text in sorted(texts, key=lambda given: "=" in given):
        name, equals, rest = text.partition("=")
        if equals and name.strip() not in metrics:
            raise Misuse(f"a prior is for {name.strip()!r}; the metrics are {', '.join(metrics)}")
        named = [name.strip()] if equals else metrics
        found |= {metric: of(rest if equals else text, metric) for metric in named}
    return {metric: prior for metric, prior in found.items() if prior is not None}


def _numbers(text: str, parts: Sequence[str], count: int) -> list[float]:
    try:
        numbers = [float(part) for part in parts]
    except ValueError as error:
        raise Misuse(f"{text!r} holds something that is no number", hint=HINT) from error
    if len(numbers) != count:
        raise Misuse(f"{text!r} holds {len(numbers)} numbers; it must hold {count}", hint=HINT)
    return numbers
