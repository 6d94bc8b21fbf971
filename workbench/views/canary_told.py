"""A canary in progress as HTML: its share of the traffic, what each measure shows, and what is believed of it.

The bars say how much of the evidence is there that it takes to go back, and to advance; the curve is for people
to read and decides nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workbench.views.evidence import mark
from workbench.views.words import listed, moment, number, safe, sentence, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.monitoring.canary_status import CanaryStatus
    from workbench.stats.canary import Arrivals
    from workbench.stats.canary_judge import Judge
    from workbench.stats.canary_kpi import Difference, Gap

STATES = {
    "advance": ("yes", "pass", "Shown to do no harm"),
    "hold": ("open", "not enough evidence", "Not shown either way yet"),
    "roll back": ("no", "fail", "Shown to be worse"),
}
NAMES = {"errors": "Errors", "slow": "Slow answers"}
WIDTH, TALL = 300, 64  # of a curve, in its own units
LEAST, MOST = 0.25, 16.0  # ratios that the curve spans
ROOM = 0.18  # of the width beside it, so that the loss that matters has its number
WIDE = 4.0  # standard errors that the curve of a KPI spans on either side


def canary(status: CanaryStatus) -> str:
    """Everything about a canary."""
    judge = status.judge
    look, sign, _ = STATES[judge.state]
    says = {
        "advance": f"Version {status.version} has shown that it does no harm: it may advance.",
        "hold": f"Version {status.version} is held where it is: what it does is not shown either way yet.",
        "roll back": f"Version {status.version} is shown to be worse: it goes back.",
    }[judge.state]
    steps = ", then ".join(f"{share(step.weight)} from {moment(step.at)}" for step in status.steps)
    rows = "".join(_measure(judge, name) for name in judge.states)
    driven = sentence(status.next) or "Nobody drives it by itself: a person moves it, through the gate."
    return (
        f"<h3>Canary: version {status.version} gets {share(status.weight)} of the traffic</h3>"
        f'<p><span class="wb-badge wb-{look}">{mark(sign)}{STATES[judge.state][2]}</span> {safe(says)}</p>'
        f'<p class="wb-quiet">{safe(steps)}; against version {status.stable}. Counted up to {moment(status.until)}.</p>'
        f'<div class="wb-measures">{rows}</div>'
        f"<p>{safe(_way_on(judge))} {safe(driven)}</p>"
    )


def curve(seen: Arrivals, name: str) -> str:
    """What is believed of how many times as often something bad happens, on a scale of doublings."""
    ratios, weight = seen.belief()
    kept = [(float(r), float(w)) for r, w in zip(ratios[::8], weight[::8], strict=True) if LEAST <= r <= MOST]
    ratio = seen.posterior()
    words = (
        f"{name}: {number(ratio.median, 1)} times as often as in the champion, 95 % between {number(ratio.low, 1)} "
        f"and {number(ratio.high, 1)}; worse with a chance of {share(ratio.chance_worse)}"
    )
    return _drawn(
        [(_x(r), w) for r, w in kept],
        words,
        limits=((_x(seen.bar.tolerated), "wb-grid"), (_x(seen.bar.harm), "wb-limit")),
        ticks=[(_x(at), f"{at:g}×") for at in (0.5, 1.0, 2.0, 4.0, 8.0)],
    )


def gap_curve(seen: Difference, gap: Gap, name: str) -> str:
    """What is believed of a KPI's difference, with the champion's level and the loss that matters marked."""
    error = seen.error or 1.0
    high = max(gap.mean + WIDE * error, 0.5 * seen.loss)
    least = min(gap.mean - WIDE * error, -1.2 * seen.loss)
    low = least - ROOM * (high - least)

    def place(at: float) -> float:
        return WIDTH * (at - low) / (high - low)

    steps = [low + (high - low) * k / 120 for k in range(121)]
    points = [(place(at), math.exp(-0.5 * ((at - gap.mean) / error) ** 2)) for at in steps]
    words = (
        f"{name}: {_signed(gap.mean)} beside the champion's {_short(seen.stable)}, 95 % between {_signed(gap.low)} and "
        f"{_signed(gap.high)}; worse with a chance of {share(gap.chance_worse)}"
    )
    return _drawn(
        points,
        words,
        limits=((place(0.0), "wb-grid"), (place(-seen.loss), "wb-limit")),
        ticks=[(place(-seen.loss), _signed(-seen.loss)), (place(0.0), "0")],
        apart=True,
    )


def _drawn(
    points: Sequence[tuple[float, float]], words: str, *, limits: Sequence[tuple[float, str]],
    ticks: Sequence[tuple[float, str]], apart: bool = False,
) -> str:  # fmt: skip
    """A curve of belief over an axis; `apart`: its two numbers stand on either side of their lines."""
    base, top = TALL - 16, max((weight for _, weight in points), default=1.0) or 1.0
    line = " ".join(f"{x:.1f},{base - (TALL - 20) * weight / top:.1f}" for x, weight in points)
    marks = "".join(f'<line class="{look}" x1="{x:.1f}" x2="{x:.1f}" y1="2" y2="{base}"/>' for x, look in limits)
    anchors = (("end", -3), ("start", 3)) if apart else (("middle", 0),) * len(ticks)
    axis = "".join(
        f'<text class="wb-tick" x="{x + aside:.1f}" y="{TALL - 3}" text-anchor="{anchor}">{safe(told)}</text>'
        for (x, told), (anchor, aside) in zip(ticks, anchors, strict=True)
    )
    return (
        f'<svg class="wb-belief" role="img" viewBox="0 0 {WIDTH} {TALL}" aria-label="{safe(words)}">{marks}'
        f'<polygon class="wb-fill" points="0.0,{base} {line} {WIDTH:.1f},{base}"/>'
        f'<polyline class="wb-line-a" points="{line}"/>'
        f'<line class="wb-base" x1="0" x2="{WIDTH}" y1="{base}" y2="{base}"/>{axis}</svg>'
    )


def _measure(judge: Judge, name: str) -> str:
    state = judge.states[name]
    look, sign, words = STATES[state]
    title = NAMES.get(name, name)
    badge = f'<span class="wb-badge wb-{look}">{mark(sign)}{words}</span>'
    if name not in judge.rates:
        return f'<div class="wb-judged"><p><b>{safe(title)}</b> {badge}</p>{_kpi(judge, name)}</div>'
    seen = judge.rates[name]
    back, ahead = seen.nearness(judge.parts[name])
    counts = (
        f"{seen.canary_bad:,} of {seen.canary:,}, in the champion {seen.stable_bad:,} of {seen.stable:,}"
        if seen.canary
        else "nothing was asked of it yet"
    )
    picture, belief = "", ""
    if seen.canary_bad + seen.stable_bad:
        ratio = seen.posterior()
        picture = curve(seen, title)
        belief = (
            f"{number(ratio.median, 1)} times as often [{number(ratio.low, 1)}, {number(ratio.high, 1)}]; "
            f"worse with a chance of {share(ratio.chance_worse)}"
        )
    return (
        f'<div class="wb-judged"><p><b>{safe(title)}</b> {badge}</p><p>{safe(counts)}</p>{picture}'
        f'<p class="wb-quiet">{safe(belief)}</p>'
        f"{_bar(back, _OF_EVIDENCE + 'to go back', 'no')}{_bar(ahead, _OF_EVIDENCE + 'to advance', 'yes')}</div>"
    )


def _kpi(judge: Judge, name: str) -> str:
    """A KPI's difference: its interval, the belief, and how near it is to either end."""
    seen = judge.kpis[name]
    gap = seen.posterior()
    units = f"{seen.units[0]:,} units, of the champion {seen.units[1]:,}"
    if gap is None:
        return f"<p>{safe(units)}: too few whose value is known.</p>"
    told = f"{_signed(seen.value)} beside the champion’s {_short(seen.stable)}; {units}"
    ends = "" if seen.low is None else f"; at all looks together [{_signed(seen.low)}, {_signed(seen.high or 0.0)}]"
    belief = (
        f"believed to be {_signed(gap.mean)} [{_signed(gap.low)}, {_signed(gap.high)}], worse with a chance of "
        f"{share(gap.chance_worse)}{ends}"
    )
    back, ahead = seen.nearness(judge.parts[name])
    matters = f"of the interval lies above a loss of {_short(seen.loss)}"
    return (
        f'<p>{safe(told)}</p>{gap_curve(seen, gap, name)}<p class="wb-quiet">{safe(belief)}</p>'
        f"{_bar(back, _OF_EVIDENCE + 'to go back', 'no')}{_bar(ahead, matters, 'yes')}"
    )


def _signed(value: float) -> str:
    """A difference with its sign.

    >>> _signed(0.1234), _signed(-1234.5), _signed(0.0)
    ('+0.123', '−1,230', '0')
    """
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{_short(abs(value))}"


def _short(value: float) -> str:
    """Three digits.

    >>> _short(1234.5), _short(0.05678)
    ('1,230', '0.0568')
    """
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:g}"


_OF_EVIDENCE = "of the evidence it takes "


def _bar(part: float, words: str, look: str) -> str:
    said = f"{share(round(part, 3))} {words}"
    return (
        f'<svg class="wb-bar" role="img" height="10" aria-label="{safe(said)}">'
        f'<rect class="wb-trough" width="100%" height="6" y="2" rx="2"/>'
        f'<rect class="wb-bar-{look}" width="{100 * part:.1f}%" height="6" y="2" rx="2"/></svg>'
        f'<span class="wb-quiet">{safe(said)}</span>'
    )


def _way_on(judge: Judge) -> str:
    if judge.state == "roll back":
        worse = [NAMES.get(name, name).lower() for name, state in judge.states.items() if state == "roll back"]
        return f"What takes it back: {', '.join(worse)}. That is shown, and stays so."
    missing = [NAMES.get(name, name).lower() for name, state in judge.states.items() if state == "hold"]
    if not missing:
        return "Every measure has shown that it does no harm."
    return (
        f"To advance, {listed(missing)} must still be shown to do no harm; "
        "it goes back at once when any measure is shown to be worse."
    )


def _x(ratio: float) -> float:
    return WIDTH * math.log(ratio / LEAST) / math.log(MOST / LEAST)
