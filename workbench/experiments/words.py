"""Results in plain words: numbers first, no jargon, never more certain than they are.

Shares are told as "37 %", with a no-break space, so that no line ends between a number and its sign.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from workbench.experiments.design import Metric
    from workbench.experiments.results import Analysis, ArmResult, Guard, MetricResult
    from workbench.experiments.segments.strata import Within


ENDLESS = "So few units leave what a wrong choice costs on average without end."
UNTRUSTED = "No arm wins or loses by what follows; it only helps to find out what went wrong."


def number(value: float) -> str:
    """A number to three significant digits, thousands grouped, no exponent where one can be avoided.

    >>> number(1234.5), number(0.01234), number(-37.81), number(0)
    ('1,234', '0.0123', '−37.8', '0')
    """
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        text = f"{size:,.0f}"
    elif size < 1e-6:
        text = f"{size:.1e}"
    else:
        digits = max(0, 2 - int(f"{size:e}".partition("e")[2]))
        text = f"{size:.{digits}f}"
    return ("−" if value < 0 else "") + text


def signed(value: float) -> str:
    """A number with its sign.

    >>> signed(0.0061), signed(-2.0)
    ('+0.00610', '−2.00')
    """
    return ("+" if value > 0 else "") + number(value)


def share(value: float) -> str:
    """The size of a share in per cent, short.

    >>> print(share(-0.37), share(0.0321), share(0.0004), sep=", ")
    37\u00a0%, 3.2\u00a0%, 0.04\u00a0%
    """
    size = 100 * abs(value)
    return f"{size:.0f}\u00a0%" if size >= 10 else f"{size:.1f}\u00a0%" if size >= 0.1 else f"{size:.1g}\u00a0%"


def chance(probability: float) -> str:
    """A probability as people say it; never 0 or 100 %.

    >>> print(chance(0.9999), chance(0.934), chance(0.00001), sep=", ")
    over 99.9\u00a0%, 93\u00a0%, below 0.1\u00a0%
    """
    if probability > 0.999:
        return "over 99.9\u00a0%"
    if probability < 0.001:
        return "below 0.1\u00a0%"
    share = 100 * probability
    return f"{share:.1f}\u00a0%" if share > 99 or share < 1 else f"{share:.0f}\u00a0%"


def signed_share(value: float) -> str:
    """A share in per cent with its sign.

    >>> print(signed_share(0.061), signed_share(-0.2), sep=", ")
    +6.1\u00a0%, −20\u00a0%
    """
    return ("−" if value < 0 else "+") + share(value)


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "experiment"), counted(1234, "experiment")
    ('1 experiment', '1,234 experiments')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def arm_sentence(metric: Metric, result: ArmResult, control: str, prior: str = "") -> str:
    """What one arm did to one metric, its range and how sure that is; beside a prior, what the data alone has."""
    said = _arm_sentence(metric, result, control)
    if result.raw is None:
        return said
    alone = signed(result.raw.effect)
    if result.raw.relative is not None and result.relative is not None:
        alone = f"{signed_share(result.raw.relative)}, with the prior {signed_share(result.relative)}"
    return f"{said[:-1]} (the data alone: {alone}; prior: {prior})."


def _arm_sentence(metric: Metric, result: ArmResult, control: str) -> str:
    side = "lower" if result.effect < 0 else "higher"
    amount = number(abs(result.effect)) + (f" ({share(result.relative)})" if result.relative is not None else "")
    span = between(result.low, result.high)
    opening = f"{result.arm} against {control}: {metric.called} {side} by {amount}, {span}"
    if result.verdict == "not enough evidence":
        return f"{opening}; not enough evidence to say which is better, {more(result.needed)}."
    if result.verdict == "no difference that matters" and result.rope is not None:
        within = f"within {100 * result.rope.size:g}\u00a0%"
        return f"{opening}; the chance that this is {within}, too little to matter, is {chance(result.rope.inside)}."
    sure = max(result.chance_to_win, 1 - result.chance_to_win)
    return f"{opening}; the chance that it is truly {side} is {chance(sure)}."


def guard_sentence(metric: Metric, guard: Guard, control: str) -> str:
    """Whether an arm keeps a guardrail, of which something can be said."""
    side = "lower" if metric.better == "higher" else "higher"
    how = "keeps" if guard.passed else "breaks" if guard.broken else "is not shown to keep"
    harm = f"{metric.called} {side} than {control}'s by more than {100 * guard.margin:g}\u00a0%"
    still = "" if guard.passed or guard.broken else "still "
    sure = chance(1.0 if guard.chance_of_harm is None else guard.chance_of_harm)
    return f"Arm {guard.arm} {how} the guardrail {metric.name}: the chance of {harm} is {still}{sure}."


def unproven(metric: Metric, arm: str, reason: str) -> str:
    """That nothing can be said of a guardrail, and why."""
    return f"Arm {arm} is not shown to keep the guardrail {metric.name}: {reason}, so that no harm can be told from it."


def choice(result: MetricResult, threshold: float | None, held: Collection[str], *, broken: bool) -> list[str]:
    """What the loss threshold and the guardrails let one choose; nothing where no threshold was stated.

    Args:
        result: The first metric, in all arms.
        threshold: Of the expected loss, as a share of the control's mean.
        held: Arms that a guardrail holds back.
        broken: Whether a check says that nothing can be trusted.
    """
    if threshold is None:
        return []
    if broken:
        return ["No arm can be chosen while the check above fails."]
    losses = {arm: r.expected_loss for arm, r in result.arms.items() if arm not in held and r.expected_loss is not None}
    if not losses:
        return [f"No arm can be chosen yet. {ENDLESS}"]
    best = min(losses, key=losses.__getitem__)
    cost = f"costs {number(losses[best])} {result.metric.called} on average"
    limit = f"{100 * threshold:g}\u00a0% of the control's"
    out = f" ({', '.join(sorted(held))} left out, for want of a guardrail)" if held else ""
    if result.choice is None:
        return [f"No arm can be chosen yet{out}: even {best} {cost}, more than {limit}."]
    return [f"Arm {best} can be chosen{out}: being wrong about it {cost}, below {limit}."]


def followed(kept: bool | None) -> list[str]:
    """Whether the design is the one that was registered."""
    if kept is None:
        return []
    if kept:
        return ["The analysis follows the design that was registered before the data was read."]
    return ["The analysis does not follow the design that was registered before the data was read."]


def metric_sentences(results: Sequence[MetricResult]) -> list[str]:
    """What each metric says; several are told apart by their names."""
    if len(results) == 1:
        return [metric_sentence(results[0])]
    return [f"For {result.metric.name}: {metric_sentence(result)}" for result in results]


def metric_sentence(result: MetricResult) -> str:
    """What a metric says: its best arm, and what is known of the others."""
    others = [r for r in result.arms.values() if r.verdict != "control"]
    best = result.best
    if best.verdict != "better":
        best = max(others, key=lambda r: max(r.chance_to_win, 1 - r.chance_to_win))
    rest = [r for r in others if r is not best]
    said = [best.sentence]
    settled = {"lower": [], "higher": []}  # type: dict[str, list[str]]
    for r in rest:
        if r.verdict in {"better", "worse"}:
            settled["lower" if r.effect < 0 else "higher"].append(f"{r.arm} by {number(abs(r.effect))}")
    for side, named in settled.items():
        if named:
            opening = f"Also {side}" if (side == "lower") == (best.effect < 0) else side.capitalize()
            said.append(f"{opening}: {', '.join(named)}.")
    if open_ := [f"{r.arm} ({between(r.low, r.high)})" for r in rest if r.verdict == "not enough evidence"]:
        said.append(f"Not settled: {', '.join(open_)}.")
    if same := [f"{r.arm} ({between(r.low, r.high)})" for r in rest if r.verdict == "no difference that matters"]:
        said.append(f"No difference that matters: {', '.join(same)}.")
    if result.adjustment is not None:
        by = [*result.adjustment.covariates, *(["segments"] if result.adjustment.strata else [])]
        said.append(f"Adjusted for {' and '.join(by)}.")
    return " ".join(said)


def lessons(analysis: Analysis, within: Mapping[str, Sequence[Within]] | None = None) -> list[str]:
    """What an analysis teaches beyond its answer: what would have been said without its precautions."""
    found = []
    if analysis.cluster is not None:
        widest = max(s.deff_mean for r in analysis.metrics.values() for s in r.samples.values())
        found.append(
            f"Errors respect {analysis.cluster} as what was drawn: taking each {analysis.unit} for itself would have "
            f"made them up to {100 * (1 - widest**-0.5):.0f}\u00a0% too small."
        )
    for name, result in analysis.metrics.items():
        found += _model_lesson(name, result) + _saved_lesson(name, result)
        for w in (within or {}).get(name, ()):
            r = result.arms[w.arm]
            if abs(w.effect - w.plain) > (r.high - r.low) / 4:  # about one standard error
                found.append(
                    f"The arms are mixed differently over segments: within them {w.arm} differs from "
                    f"{analysis.control} by {number(w.effect)} {result.metric.called}, not {number(w.plain)}."
                )
    if analysis.sample_ratio.passed is None:
        agreed = analysis.balance and all(b.passed for b in analysis.balance)
        found.append(
            analysis.sample_ratio.sentence + (" The arms agree on all that was known before." if agreed else "")
        )
    return found


def _saved_lesson(name: str, result: MetricResult) -> list[str]:
    """What was gained by taking out what was known before."""
    if result.adjustment is None:
        return []
    by = [f"adjusting for {', '.join(result.adjustment.covariates)}"] if result.adjustment.covariates else []
    by += [f"comparing {len(result.adjustment.strata)} strata each with itself"] if result.adjustment.strata else []
    saved, more_units = result.adjustment.saved, result.adjustment.worth
    if saved < 0.005:
        grew = f": the variance grew by {share(saved)}" if saved <= -0.005 else ""
        return [f"For {name}, {' and '.join(by)} saved nothing{grew}."]
    gained = f"{share(saved)} of the variance, worth {share(more_units)} more units"
    return [f"For {name}, {' and '.join(by)} saved {gained}."]


def _model_lesson(name: str, result: MetricResult) -> list[str]:
    """What plain means would have said where another model was used."""
    if result.plain is None:
        return []
    pairs = [(p, result.arms[arm]) for arm, p in result.plain.items() if p.verdict != "control"]
    times = [(p.high - p.low) / (r.high - r.low) for p, r in pairs]
    other = [f"{p.arm} ({p.verdict})" for p, r in pairs if p.verdict != r.verdict]
    said = f", and another verdict on {', '.join(other)}" if other else ""
    told = (
        f"For {name}, plain means have intervals {min(times):.1f} to {max(times):.1f} times as wide as "
        f"share above zero × log-normal amounts{said}."
    )
    return [told]


def between(low: float, high: float) -> str:
    """An interval of a difference; its side is named only where it has two.

    >>> between(-1.65, -0.99)
    'between 0.990 and 1.65'
    >>> between(-2.0, 1.0)
    'anything from 2.00 lower to 1.00 higher'
    """
    if high < 0:
        return f"between {number(-high)} and {number(-low)}"
    if low > 0:
        return f"between {number(low)} and {number(high)}"
    return f"anything from {number(-low)} lower to {number(high)} higher"


def more(times: float | None) -> str:
    """How much more data would settle it.

    >>> more(2.4)
    'about 2.4 times as many would be needed if the difference stays as it is'
    """
    if times is None or times > 100:
        return "and far more data would be needed than there is"
    return f"about {times:.1f} times as many would be needed if the difference stays as it is"


def slug(*parts: str) -> str:
    """A dotted name that every tracking store takes.

    >>> slug("visits", "95 %", "effect")
    'visits.95.effect'
    """
    return ".".join(re.sub(r"[^A-Za-z0-9_-]+", "_", part).strip("_") or "_" for part in parts)
