"""A canary in progress as HTML: its share of the traffic, what each measure shows, and what is believed of it.

The bars say how much of the evidence is there that it takes to go back, and to advance; the curve is for people
to read and decides nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workbench.views.evidence import mark
from workbench.views.words import moment, number, safe, sentence, share

if TYPE_CHECKING:
    from workbench.monitoring.canary_status import CanaryStatus
    from workbench.stats.canary import Arrivals
    from workbench.stats.canary_judge import Judge

STATES = {
    "advance": ("yes", "pass", "Shown to do no harm"),
    "hold": ("open", "not enough evidence", "Not shown either way yet"),
    "roll back": ("no", "fail", "Shown to be worse"),
}
NAMES = {"errors": "Errors", "slow": "Slow answers"}
WIDTH, TALL = 300, 64  # of a curve, in its own units
LEAST, MOST = 0.25, 16.0  # ratios that the curve spans


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
    top = max((w for _, w in kept), default=1.0) or 1.0
    points = " ".join(f"{_x(r):.1f},{TALL - 16 - (TALL - 20) * w / top:.1f}" for r, w in kept)
    base = TALL - 16
    marks = "".join(
        f'<line class="{look}" x1="{_x(at):.1f}" x2="{_x(at):.1f}" y1="2" y2="{base}"/>'
        for at, look in ((seen.bar.tolerated, "wb-grid"), (seen.bar.harm, "wb-limit"))
    )
    axis = "".join(
        f'<text class="wb-tick" x="{_x(at):.1f}" y="{TALL - 3}" text-anchor="middle">{at:g}×</text>'
        for at in (0.5, 1.0, 2.0, 4.0, 8.0)
    )
    ratio = seen.posterior()
    words = (
        f"{name}: {number(ratio.median, 1)} times as often as in the champion, 95 % between {number(ratio.low, 1)} "
        f"and {number(ratio.high, 1)}; worse with a chance of {share(ratio.chance_worse)}"
    )
    return (
        f'<svg class="wb-belief" role="img" viewBox="0 0 {WIDTH} {TALL}" aria-label="{safe(words)}">{marks}'
        f'<polygon class="wb-fill" points="{_x(LEAST):.1f},{base} {points} {_x(MOST):.1f},{base}"/>'
        f'<polyline class="wb-line-a" points="{points}"/>'
        f'<line class="wb-base" x1="0" x2="{WIDTH}" y1="{base}" y2="{base}"/>{axis}</svg>'
    )


def _measure(judge: Judge, name: str) -> str:
    state = judge.states[name]
    look, sign, words = STATES[state]
    title = NAMES.get(name, name)
    badge = f'<span class="wb-badge wb-{look}">{mark(sign)}{words}</span>'
    if name not in judge.rates:
        told = next((reason for reason in judge.reasons if reason.startswith(f"{name}:")), "")
        return f'<div class="wb-judged"><p><b>{safe(title)}</b> {badge}</p><p>{safe(sentence(told))}</p></div>'
    seen = judge.rates[name]
    back, ahead = seen.nearness(len(judge.rates) + len(judge.kpis))
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
        f"{_bar(back, 'to go back', 'no')}{_bar(ahead, 'to advance', 'yes')}</div>"
    )


def _bar(part: float, words: str, look: str) -> str:
    said = f"{share(round(part, 3))} of the evidence it takes {words}"
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
        f"To advance, {' and '.join(missing)} must still be shown to do no harm; "
        "it goes back at once when any measure is shown to be worse."
    )


def _x(ratio: float) -> float:
    return WIDTH * math.log(ratio / LEAST) / math.log(MOST / LEAST)
