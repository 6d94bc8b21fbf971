"""What an experiment compares: arms, metrics and which way is good, stated before the data is read.

>>> parse_metrics("sign-up = binary:signed, revenue = revenue:dollars", lower="")[1].kind
'revenue'
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from typing import Any, Literal, get_args

from workbench.data.moments import Measure, MomentCube
from workbench.data.scans import Within
from workbench.errors import Misuse
from workbench.experiments.typed import bare, cut, listed
from workbench.stats.comparison import Better
from workbench.stats.effects import Component, EffectPrior

REGISTERED = "registered_at"  # beside a design's fields in a file: when that was written
MARGIN = 0.05  # of a guardrail that states none

Kind = Literal["binary", "mean", "count", "revenue", "ratio", "quantile"]


@dataclass(frozen=True)
class Metric:
    """One thing that is measured on every unit."""

    name: str
    kind: Kind  # binary: 0 or 1; revenue: zeros, then log-normal amounts; ratio: of two sums; the others by their means
    column: str
    better: Better = "higher"
    within: Within = "sum"  # how a unit's rows become one number
    noun: str = ""  # what one of it is called in a sentence, e.g. "visits a year"; the name by default
    denominator: str = ""  # column; of a ratio only
    quantile: float | None = None  # of kind quantile only, in (0, 1)
    cap: float | None = None  # a unit's larger values are counted as this (winsorised); None: as they are
    guardrail: bool = False  # must not get worse; it decides nothing else
    margin: float = MARGIN  # of a guardrail: harm that is tolerated, as a share of the control's mean

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise Misuse(f"{self.name} is of kind {self.kind!r}; it must be one of {', '.join(get_args(Kind))}")
        if self.better not in get_args(Better):
            raise Misuse(f"better is {self.better!r} for {self.name}; it must be 'higher' or 'lower'")
        if (self.kind == "ratio") != bool(self.denominator):
            raise Misuse(
                f"{self.name} is of kind {self.kind} with the denominator {self.denominator!r}",
                hint="a ratio names two columns, as in price=ratio:revenue/orders; no other kind does",
            )
        if (self.kind == "quantile") != (self.quantile is not None) or not 0 < (self.quantile or 0.5) < 1:
            raise Misuse(
                f"{self.name} is of kind {self.kind} with the quantile {self.quantile}; it must lie in (0, 1)",
                hint="write it as in slow=quantile:seconds@0.9; no other kind takes one",
            )
        if self.cap is not None and self.kind in {"binary", "quantile"}:
            raise Misuse(f"{self.name} is of kind {self.kind}, which no cap can change", hint="leave the cap out")
        if not 0 <= self.margin < 1:
            raise Misuse(f"the margin of {self.name} is {self.margin}; it must lie in [0, 1)")

    @property
    def measure(self) -> Measure:
        """What the cube has to hold for it."""
        return Measure(self.name, self.column, self.within, self.cap, logs=self.kind == "revenue")

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The same with a ratio's denominator, called "NAME per COLUMN"."""
        if not self.denominator:
            return (self.measure,)
        name = f"{self.name} per {self.denominator}"
        return self.measure, Measure(name, self.denominator, self.within, logs=False)

    @property
    def called(self) -> str:
        """Its noun, or its name."""
        return self.noun or self.name


@dataclass(frozen=True)
class Design:
    """An experiment as it was planned."""

    name: str
    arm: str  # column
    control: str  # arm that the others are set against
    metrics: tuple[Metric, ...]  # the first one decides
    arms: tuple[str, ...] = ()  # those compared, control included; all by default
    unit: str | None = None  # column; what a number is taken of
    cluster: str | None = None  # column; what was drawn, where that is larger than the unit
    segments: tuple[str, ...] = ()  # columns
    covariates: tuple[str, ...] = ()  # columns known before the arms were drawn: there the arms must agree
    shares: Mapping[str, float] | Literal["equal"] | None = None  # planned, of units by arm; None: not known
    certainty: float = 0.95  # probability from which an answer is one, in (0.5, 1); also inside the intervals
    day: str | None = None  # column
    adjust: tuple[str, ...] = ()  # those covariates that take out what was known before (CUPED)
    stratify: bool = False  # whether segments are compared each with itself (post-stratification)
    priors: Mapping[str, EffectPrior] = field(default_factory=dict)  # of effects, by metric; absent: weak
    rope: float | None = None  # smallest relative effect that matters, in (0, 1)
    loss_threshold: float | None = None  # largest expected loss at which an arm is chosen, as a share of the control
    rule: str = ""  # when it may stop, as text (`stopping.parse_rule`); empty: nothing was agreed
    days: int | None = None  # how long it was planned to last; None: not said

    def __post_init__(self) -> None:
        if not self.metrics:
            raise Misuse("the design has no metric", hint="name one, as in sign-up=binary:signed")
        if not 0.5 < self.certainty < 1:
            raise Misuse(f"certainty is {self.certainty}; it must lie in (0.5, 1)")
        if self.arms and self.control not in self.arms:
            raise Misuse(f"control is {self.control!r}; the arms are {', '.join(self.arms)}")
        if self.metrics[0].guardrail:
            raise Misuse(f"{self.metrics[0].name} decides and cannot be a guardrail", hint="name another metric first")
        for name, value in (("rope", self.rope), ("loss_threshold", self.loss_threshold)):
            if value is not None and not 0 < value < 1:
                raise Misuse(f"{name} is {value}; it must lie in (0, 1), as a share of the control's mean")
        if unknown := [name for name in self.adjust if name not in self.covariates]:
            raise Misuse(f"adjust names {unknown[0]!r}, which is no covariate", hint="name it among the covariates")
        if self.stratify and not self.segments:
            raise Misuse("stratify needs segments, and the design has none", hint="name a segment column")
        names = [metric.name for metric in self.metrics]
        every = names + list(self.covariates)
        if unknown := sorted(set(self.priors) - set(names)):
            raise Misuse(f"there is a prior for {unknown[0]!r}; the metrics are {', '.join(names)}")
        if twice := sorted({name for name in every if every.count(name) > 1}):
            raise Misuse(f"{twice[0]!r} names two metrics or covariates; give each a name of its own")

    @property
    def measures(self) -> tuple[Measure, ...]:
        """All that the scan has to take: metrics, then covariates."""
        metrics = tuple(measure for metric in self.metrics for measure in metric.measures)
        return metrics + tuple(Measure(c, c, "mean", logs=False) for c in self.covariates)

    def planned(self, arms: Sequence[str]) -> Mapping[str, float] | None:
        """The planned shares of those that are compared; None where they are not known.

        Where the design names its arms, shares of others say nothing of how these were filled.
        """
        if self.shares == "equal":
            return dict.fromkeys(arms, 1.0)
        if self.shares is None or not self.arms:
            return self.shares
        return {arm: share for arm, share in self.shares.items() if arm in self.arms}

    def as_json(self) -> str:
        """The design as text, to be kept beside its result; a normal part of a prior has no `df`."""
        fields = asdict(self)
        for prior in fields["priors"].values():
            prior["components"] = [{k: v for k, v in c.items() if v != inf} for c in prior["components"]]
        return json.dumps(fields, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the design, so that a result can say which plan it followed."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Design:
        """The design that `as_json` wrote.

        Raises:
            Misuse: The text is no design.
        """
        try:
            fields = json.loads(text)
            fields.pop(REGISTERED, None)
            fields["metrics"] = tuple(Metric(**metric) for metric in fields["metrics"])
            fields["priors"] = {name: _prior(prior) for name, prior in fields.get("priors", {}).items()}
            lists = ("arms", "segments", "covariates", "adjust")
            return cls(**fields | {name: tuple(fields.get(name, ())) for name in lists})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Misuse(f"this is no design: {error}", hint="workbench ab … --register FILE writes one") from error

    def differing(self, registered: str) -> tuple[str, ...]:
        """Fields in which this design differs from one that was registered, as `as_json` wrote it; the time is none.

        Raises:
            Misuse: The text is no design.
        """
        try:
            then, now = json.loads(registered), json.loads(self.as_json())
            return tuple(name for name in {**now, **then} if name != REGISTERED and then.get(name) != now.get(name))
        except (json.JSONDecodeError, AttributeError, TypeError) as error:
            raise Misuse("the registered design is no design", hint="workbench ab … --register FILE") from error

    def scan(self, source: Any, *, digest: str | None = None) -> MomentCube:
        """The cube that this design asks for, in one scan of a frame or file.

        Raises:
            Misuse: The source does not fit the design.
        """
        return MomentCube.scan(
            source,
            arm=self.arm,
            measures=self.measures,
            unit=self.unit,
            cluster=self.cluster,
            segments=self.segments,
            day=self.day,
            arms=self.arms or None,
            needed=self.arms or (self.control,),
            digest=digest,
        )


def parse_metric(
    text: str,
    *,
    better: Better = "higher",
    within: Within | None = None,
    noun: str = "",
    cap: float | None = None,
    margin: float | None = None,
) -> Metric:
    """A metric from text as people type it: `NAME=KIND:COL`, `NAME=ratio:COL/COL`, `NAME=quantile:COL@Q`.

    Args:
        text: Its name, kind and columns; a name with a mark in it stands in double quotes.
        better: Which way is good.
        within: How a unit's rows become one number; None: the largest for a yes or no, else the sum.
        noun: What one of it is called in a sentence.
        cap: A unit's larger values are counted as this.
        margin: Harm that is tolerated, which makes it a guardrail; None: it is none.

    Raises:
        Misuse: The text is not of this form.

    >>> parse_metric("price = ratio:revenue/orders").denominator
    'orders'
    >>> parse_metric('price = ratio:"net, gross"/"a/b"').denominator
    'a/b'
    """
    name, rest = cut(text, "=")
    kind, of = cut(rest or "", ":")
    if not (name and kind and of):
        raise Misuse(f"{text!r} is no metric", hint="write NAME=KIND:COLUMN, as in spend=revenue:dollars")
    column, denominator, quantile = bare(of), "", None
    if kind == "ratio":
        column, below = cut(of, "/", last=True)
        if not (column and below):
            raise Misuse(f"{text!r} is no ratio", hint="name two columns, as in price=ratio:revenue/orders")
        denominator = bare(below)
    elif kind == "quantile":
        column, share = cut(of, "@", last=True)
        quantile = _number(share or "", f"{text!r} names no quantile", "write it as in slow=quantile:seconds@0.9")
    return Metric(
        name,
        kind,  # type: ignore[arg-type]  # checked there
        column,
        better,
        within or ("max" if kind == "binary" else "sum"),
        noun,
        denominator,
        quantile,
        cap,
        margin is not None,
        MARGIN if margin is None else margin,
    )


def parse_metrics(
    text: str | Sequence[str],
    *,
    lower: str = "",
    within: Within | None = None,
    nouns: Mapping[str, str] | None = None,
    guardrails: str = "",
    caps: str = "",
) -> tuple[Metric, ...]:
    """Metrics from text as people type it: `NAME=KIND:COLUMN, …`.

    Args:
        text: One or more, separated by commas, or one text each; the first one decides.
        lower: Names of those of which less is better, separated by commas.
        within: How a unit's rows become one number; None: the largest for a yes or no, else the sum.
        nouns: What one of a metric is called in a sentence, by name.
        guardrails: Names of those that must not get worse, `NAME` or `NAME=MARGIN`, separated by commas.
        caps: Values above which a unit counts as that value, `NAME=VALUE`, separated by commas.

    Raises:
        Misuse: A part is not of this form, or names something else.
    """
    less, capped, guarded = set(listed(lower)), parse_numbers(caps), _guardrails(guardrails)
    metrics = []
    for part in listed(text) if isinstance(text, str) else text:
        name = cut(part, "=")[0]
        better: Better = "lower" if name in less else "higher"
        noun, cap, margin = (nouns or {}).get(name, ""), capped.get(name), guarded.get(name)
        metrics.append(parse_metric(part, better=better, within=within, noun=noun, cap=cap, margin=margin))
    names = {metric.name for metric in metrics}
    for what, named in (("lower", less), ("a guardrail", set(guarded)), ("a cap", set(capped))):
        if unknown := sorted(named - names):
            raise Misuse(f"{what} names {unknown[0]!r}; the metrics are {', '.join(m.name for m in metrics)}")
    return tuple(metrics)


def parse_shares(text: str) -> dict[str, float] | Literal["equal"] | None:
    """Planned shares from `ARM=SHARE, …` or "equal"; None where nothing was stated.

    Raises:
        Misuse: A part is not of this form, or a share is no finite number.

    >>> parse_shares('a=1, "x, y"=2')
    {'a': 1.0, 'x, y': 2.0}
    """
    if text.strip() == "equal":
        return "equal"
    return parse_numbers(text, "planned share", "write ARM=SHARE, as in control=1, new=1") or None


def parse_numbers(text: str, what: str = "number", hint: str = "write NAME=NUMBER") -> dict[str, float]:
    """Numbers by name from `NAME=NUMBER, …`.

    Raises:
        Misuse: A part is not of this form, or names no finite number.

    >>> parse_numbers("spend=500")
    {'spend': 500.0}
    """
    numbers = {}
    for part in listed(text):
        name, value = cut(part, "=", last=True)
        numbers[name] = _number(value or "", f"{part!r} is no {what}", hint)
    return numbers


def parse_pairs(text: str) -> dict[str, str]:
    """Texts by name from `NAME=TEXT, …`.

    Raises:
        Misuse: A part has no "=".

    >>> parse_pairs("visits=visits a year")
    {'visits': 'visits a year'}
    """
    pairs = {}
    for part in listed(text):
        name, value = cut(part, "=")
        if value is None:
            raise Misuse(f"{part!r} is no pair", hint="write NAME=TEXT")
        pairs[name] = bare(value)
    return pairs


def _guardrails(text: str) -> dict[str, float]:
    """Margins by name."""
    found = {}
    for part in listed(text):
        name, margin = cut(part, "=")
        refusal = f"{part!r} is no guardrail"
        found[name] = MARGIN if margin is None else _number(margin, refusal, "write NAME=MARGIN")
    return found


def _prior(fields: Mapping[str, Any]) -> EffectPrior:
    return EffectPrior(tuple(Component(**c) for c in fields["components"]), fields["scale"], fields["source"])


def _number(text: str, refusal: str, hint: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise Misuse(refusal, hint=hint) from error
    if not isfinite(number):
        raise Misuse(f"{refusal}: {number:g} is not finite", hint=hint)
    return number
