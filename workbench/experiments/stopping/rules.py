"""When an experiment may stop, stated before it starts.

A rule is text that people can agree on and a result can be held to. Every rule, whatever it is called,
says at each look how far from nothing a difference must be. Rules of the rules:

- boundaries depend on how much is known at each look, never on what was found;
- planned looks spend their error by the number of the look, so that nothing need be known of how
  many units are still to come, and traffic that differs from the plan costs no error; a look that was
  skipped spends nothing, and the next one spends for both;
- futility is advice: efficacy does not count on its being followed.

>>> rule = parse_rule("obrien-fleming:5, futility:0.8")
>>> rule.look_days(14), [round(z, 2) for z in rule.boundaries([0.05, 0.036, 0.029]).upper]
((3, 6, 9, 12, 14), [4.88, 3.36, 2.68])
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np

from workbench.errors import Misuse
from workbench.stats import always_valid
from workbench.stats.crossing import Boundaries
from workbench.stats.effects import Component, EffectPrior, Scale
from workbench.stats.group_sequential import (
    Spending,
    obrien_fleming_spending,
    pocock_spending,
    power_spending,
    spending_boundaries,
    with_futility,
)
from workbench.stats.operating import always_valid_boundaries, chance_boundaries, information, loss_boundaries

Kind = Literal["fixed", "obrien-fleming", "pocock", "power", "always-valid", "chance", "loss", "peeking"]
PLANNED = ("obrien-fleming", "pocock", "power")  # the number of looks is part of the rule
BELIEF = ("chance", "loss")
FORMS = "fixed, obrien-fleming:5, pocock:4, power:5:2, always-valid, chance:0.95, loss:0.0005"
FLAT = EffectPrior.flat()
MANY = 20  # looks, to half of which an always-valid interval is tuned, where none are stated


@dataclass(frozen=True)
class StoppingRule:
    """When an experiment may stop."""

    kind: Kind
    looks: int | None = None  # planned, evenly over the days; None: one a day; always-valid: what it is tuned for
    alpha: float = 0.05  # chance of stopping for a difference where there is none (not of chance and loss)
    threshold: float | None = None  # chance: least probability; loss: largest expected loss; power: exponent
    futility: float | None = None  # the power that stopping early for want of success is planned for; None: it is not
    prior: EffectPrior = FLAT  # of chance and loss; its scale is that of the looks
    two_sided: bool = True  # whether "worse" is looked for as well

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise Misuse(f"{self.kind!r} is no stopping rule", hint=f"write one of: {FORMS}")
        if self.kind == "fixed" and self.looks not in {None, 1}:
            raise Misuse(f"a fixed plan looks once, not {self.looks} times", hint="for more looks: obrien-fleming:5")
        if self.kind in PLANNED and self.looks is None:
            raise Misuse(f"{self.kind} needs its number of looks", hint=f"write {self.kind}:5")
        if self.looks is not None and not (isinstance(self.looks, int) and 1 <= self.looks <= 1000):
            raise Misuse(f"looks is {self.looks}; it must be a whole number from 1 to 1000")
        if not 0 < self.alpha < 0.5:
            raise Misuse(f"alpha is {self.alpha:g}; it must lie in (0, 0.5)")
        if self.futility is not None and (self.kind not in PLANNED or not 0.5 < self.futility < 1):
            raise Misuse(
                f"futility {self.futility:g} does not go with {self.kind}",
                hint=f"it is a power in (0.5, 1), planned for by {', '.join(PLANNED)}",
            )
        if not self.two_sided and self.kind in {"always-valid", *BELIEF}:
            raise Misuse(f"{self.kind} looks both ways; one-sided goes with fixed, {', '.join(PLANNED)}")
        self._check_threshold()

    def _check_threshold(self) -> None:
        given = self.threshold
        allowed = {
            "chance": (given is not None and 0.5 < given < 1, "a probability in (0.5, 1), as in chance:0.95"),
            "loss": (given is not None and given > 0, "a loss above zero, as in loss:0.0005"),
            "power": (given is not None and given > 0, "an exponent above zero, as in power:5:2"),
        }
        right, needs = allowed.get(self.kind, (given is None, "no number"))
        if not right:
            raise Misuse(f"{self.kind} is given {given}; it needs {needs}")

    @property
    def text(self) -> str:
        """The rule as `parse_rule` reads it; a mixture as prior has no such form and is named."""
        numbers = [self.looks, self.threshold] if self.kind in PLANNED else [self.threshold, self.looks]
        parts = [":".join([self.kind, *(f"{n:g}" for n in numbers if n is not None)])]
        if self.alpha != 0.05 and self.kind not in BELIEF:
            parts.append(f"alpha:{self.alpha:g}")
        if self.futility is not None:
            parts.append(f"futility:{self.futility:g}")
        scale = "relative " if self.prior.scale == "relative" else ""
        if not self.prior.components and scale:
            parts.append(f"prior:{scale}flat")
        if self.prior.components:
            one, *more = self.prior.components
            simple = not more and np.isinf(one.df)
            parts.append(f"prior:{scale}normal({one.mean:g}, {one.sd:g})" if simple else f"prior:{self.prior.source}")
        return ", ".join(parts + ([] if self.two_sided else ["one-sided"]))

    def as_json(self) -> str:
        """The rule as text, every number to its last bit."""
        body = asdict(self)
        for part in body["prior"]["components"]:
            part["df"] = None if np.isinf(part["df"]) else part["df"]
        return json.dumps(body, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> StoppingRule:
        """The rule that `as_json` wrote.

        Raises:
            Misuse: The text is no rule.
        """
        try:
            body = json.loads(text)
            prior = body["prior"]
            parts = (Component(c["weight"], c["mean"], c["sd"], c["df"] or np.inf) for c in prior["components"])
            return cls(**body | {"prior": EffectPrior(tuple(parts), prior["scale"], prior["source"])})
        except (KeyError, TypeError, ValueError) as error:
            raise Misuse(f"this is no stopping rule: {error}", hint=f"write one of: {FORMS}") from error

    def shared(self, comparisons: int) -> StoppingRule:
        """The rule for one of several arms compared with the same control: each gets its part of alpha (Bonferroni).

        >>> StoppingRule("fixed").shared(2).text
        'fixed, alpha:0.025'
        """
        return self if comparisons == 1 or self.kind in BELIEF else replace(self, alpha=self.alpha / comparisons)

    def mixed(self, first: float) -> float:
        """Standard deviation of the effects that an always-valid rule mixes, given the first look's error.

        It makes the interval narrowest when half of the looks are done.
        """
        return always_valid.tuned_scale(first / np.sqrt((self.looks or MANY) / 2), alpha=self.alpha)

    @property
    def ends_at(self) -> int | None:
        """The number of the last look; None: it may go on for ever."""
        if self.kind == "fixed":
            return 1
        return None if self.kind == "always-valid" else self.looks

    def look_days(self, days: int) -> tuple[int, ...]:
        """On which days of the plan, counted from 1, it looks.

        Raises:
            Misuse: There is no day.

        >>> StoppingRule("pocock", looks=4).look_days(14)
        (4, 7, 11, 14)
        """
        if days < 1:
            raise Misuse(f"days is {days}; an experiment lasts at least one")
        count = 1 if self.kind == "fixed" else min(self.looks or days, days)
        return tuple(-(-days * k // count) for k in range(1, count + 1))

    def boundaries(
        self, errors: Sequence[float], known: Sequence[float] | None = None, numbers: Sequence[int] | None = None
    ) -> Boundaries:
        """How far from nothing a difference must be at each look so far.

        Args:
            errors: Standard error of the difference at each look.
            known: What each look knows, in any unit that adds (units of both arms together); by
                default one over the squared error.
            numbers: Which of the planned looks each is, counted from 1; by default none was skipped.

        Raises:
            Misuse: There are more looks than were planned, they are out of order, or a look knows no more
                than the one before.
        """
        order = tuple(range(1, len(errors) + 1)) if numbers is None else tuple(numbers)
        if len(order) != len(errors) or any(b <= a for a, b in zip((0, *order), order, strict=False)):
            raise Misuse(f"looks are numbered {order}", hint="number the planned looks from 1, each once, in order")
        if self.ends_at is not None and order[-1:] > (self.ends_at,):
            raise Misuse(
                f"{order[-1]} looks; {self.text} planned {self.ends_at}",
                hint="look on the planned days only (look_days), or plan with always-valid",
            )
        try:
            given = tuple(map(float, known)) if known is not None else information(errors)
            if self.kind in PLANNED:
                return self._planned(given, order)
            parts = [self._alone(error, errors[0]) for error in errors]
            lower = tuple(p.lower[0] if self.two_sided else -np.inf for p in parts)
            return Boundaries(given, tuple(p.upper[0] for p in parts), lower)
        except ValueError as error:
            raise Misuse(str(error), hint="each look needs more data than the one before") from error

    def _planned(self, known: tuple[float, ...], numbers: tuple[int, ...]) -> Boundaries:
        plan = [number / (self.looks or numbers[-1]) for number in numbers]
        spend = self._spending(self.alpha / 2 if self.two_sided else self.alpha)
        made = spending_boundaries(known, self.alpha, spend, two_sided=self.two_sided, plan=plan)
        if self.futility is None:
            return made
        futility = (*_futility(self)[:-1], np.inf)
        asked = [futility[number - 1] for number in numbers]
        return replace(made, futility=tuple(min(pair) for pair in zip(asked, made.upper, strict=True)))

    def _spending(self, error: float) -> Spending:
        if self.kind == "obrien-fleming":
            return obrien_fleming_spending(error)
        return pocock_spending if self.kind == "pocock" else power_spending(self.threshold or 1.0)

    def _alone(self, error: float, first: float) -> Boundaries:
        """A look's values where they depend on nothing but its error."""
        if self.kind == "chance":
            return chance_boundaries([error], self.prior, self.threshold or 0.95)
        if self.kind == "loss":
            return loss_boundaries([error], self.prior, self.threshold or 0.0)
        if self.kind == "always-valid":
            return always_valid_boundaries([error], scale=self.mixed(first), alpha=self.alpha)
        z = spending_boundaries([1.0], self.alpha, pocock_spending, two_sided=self.two_sided)
        return replace(z, information=information([error]))


def parse_rule(text: str) -> StoppingRule:
    """A rule from text as people type it: `KIND[:NUMBER…][, OPTION:VALUE]…`.

    Numbers are the looks for planned kinds (then the exponent, for `power`); for `chance` and `loss`
    their threshold, then the looks; for `always-valid` and `peeking` the looks. Options are `alpha:0.05`,
    `futility:0.8`, `one-sided`, and `prior:normal(mean, sd)` or `prior:flat` with an optional scale
    (`prior:relative normal(0, 0.02)`), which is that of a loss as well.

    Raises:
        Misuse: The text is no rule.

    >>> parse_rule("chance:0.95:14, prior:normal(0, 0.01)").looks
    14
    """
    head, *options = (part.strip() for part in re.split(r",(?![^(]*\))", text))
    kind, *numbers = (part.strip() for part in head.split(":"))
    given: dict[str, Any] = {}
    if kind in BELIEF:
        given["threshold"] = _number(numbers.pop(0), head) if numbers else None
    if numbers:
        given["looks"] = _count(numbers.pop(0), head)
    if kind == "power" and numbers:
        given["threshold"] = _number(numbers.pop(0), head)
    if numbers:
        raise Misuse(f"{head!r} has a number too many", hint=f"write one of: {FORMS}")
    for option in options:
        name, _, value = (part.strip() for part in option.partition(":"))
        if name in given:
            raise Misuse(f"{name} is given twice in {text!r}")
        if option == "one-sided":
            given["two_sided"] = False
        elif name in {"alpha", "futility"}:
            given[name] = _number(value, option)
        elif name == "prior":
            given["prior"] = _prior(value)
        else:
            raise Misuse(
                f"{option!r} is no option of a rule", hint="alpha:0.05, futility:0.8, prior:normal(0, 0.02), one-sided"
            )
    return StoppingRule(kind, **given)  # type: ignore[arg-type]


@lru_cache(maxsize=64)
def _futility(rule: StoppingRule) -> tuple[float, ...]:
    """Values of futility, planned for looks that know evenly more."""
    plan = [k / (rule.looks or 1) for k in range(1, (rule.looks or 1) + 1)]
    even = replace(rule, futility=None).boundaries([1 / np.sqrt(share) for share in plan])
    power = rule.futility or 0.8
    return with_futility(even, power, rule._spending(1 - power))[0].futility or ()


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Misuse(f"{text!r} in {whole!r} is no number", hint=f"write one of: {FORMS}") from None


def _count(text: str, whole: str) -> int:
    if not text.isdecimal():
        raise Misuse(f"{text!r} in {whole!r} is no number of looks", hint=f"write one of: {FORMS}")
    return int(text)


def _prior(text: str) -> EffectPrior:
    found = re.fullmatch(r"(?:(absolute|relative)\s+)?(?:flat|normal\(([^,()]+),([^,()]+)\))", text)
    if not found:
        raise Misuse(f"{text!r} is no prior", hint="write prior:normal(0, 0.02) or prior:relative normal(0, 0.02)")
    named, mean, sd = found.groups()
    scale: Scale = "relative" if named == "relative" else "absolute"
    if mean is None:
        return EffectPrior.flat(scale=scale)
    try:
        return EffectPrior.normal(_number(mean, text), _number(sd, text), scale=scale)
    except ValueError as error:
        raise Misuse(str(error), hint="write prior:normal(0, 0.02)") from error
