"""What is to be done with a canary now, by its plan, where it stands and what its judge says; pure.

Harm goes before everything. Whatever is not shown holds, until the plan's time or its budget is used up;
then the canary goes back, so that nothing stays half tried. A step is taken only when this step's own
traffic has shown that no harm is done, at so many looks one after the other, after its time and requests; it
is put forward as champion only when its KPIs, too, are shown to lose nothing that matters.

>>> from datetime import UTC, datetime, timedelta
>>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
>>> standing = Standing(weight=0.05, begun=noon, stepped=noon, agreed=2)
>>> shown = Judged("advance", "advance", ("errors: shown to do no harm",), canary=400, here=400, stable=7600)
>>> next_step(Plan(), standing, shown, noon + timedelta(minutes=10)).told
('advance', 0.1)
>>> next_step(Plan(), standing, shown, noon + timedelta(minutes=9)).told
('hold', None)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from workbench.monitoring.canaries.plan import Plan
from workbench.monitoring.shares import percent
from workbench.serving.loads import DEADLY
from workbench.stats.canary import State
from workbench.stats.canary_judge import Judge

Kind = Literal["hold", "advance", "promote", "roll back"]

CLOCK = timedelta(seconds=60)  # that a clock may step back before nothing can be told from times any more
BLIND = timedelta(minutes=10)  # for which its traffic may not be counted
LOADING = timedelta(seconds=30)  # in which a version is loaded before it is expected to answer
SILENT = 20.0  # answers that were expected of a canary which gave none


class Act(NamedTuple):
    """What is to be done, and why."""

    kind: Kind
    code: str  # the rule that says so, for programs
    why: str  # the same for people
    weight: float | None = None  # share of the traffic, of an advance

    @property
    def told(self) -> tuple[Kind, float | None]:
        """Kind and share."""
        return self.kind, self.weight


class Judged(NamedTuple):
    """What the judge says."""

    state: State  # of all the canary's traffic
    step: State  # of this step's alone
    reasons: tuple[str, ...] = ()  # in words, harm first
    canary: int = 0  # requests that the canary answered
    here: int = 0  # at this step
    stable: int = 0  # that the champion answered meanwhile, at this step
    harm: float = 0.0  # bad outcomes that it cost beyond the champion's rate, at least (95 %)
    kpis: State = "advance"  # what all KPIs together have shown

    @classmethod
    def of(cls, whole: Judge, step: Judge, declared: Collection[str] | None = None) -> Judged:
        """What two judges say.

        Args:
            whole: Of all the traffic.
            step: Of this step's.
            declared: KPIs that the model is declared with now, which a promotion waits for; None: all that are watched.
        """
        errors, here = next(iter(whole.rates.values())), next(iter(step.rates.values()))
        harm = 0.0
        for each in whole.rates.values():
            low = each.posterior().low if each.canary_bad else 0.0
            harm += each.canary_bad * (1 - 1 / low) if low > 1 else 0.0
        watched = [name for name in whole.kpis if declared is None or name in declared]
        states = whole.states
        open_ = any(states[name] != "advance" for name in watched)
        kpis: State = "hold" if open_ else "advance"
        return cls(whole.state, step.state, whole.reasons, errors.canary, here.canary, here.stable, harm, kpis)


@dataclass(frozen=True)
class Standing:
    """Where a canary stands."""

    weight: float  # share of the traffic
    begun: datetime  # its first share
    stepped: datetime  # this share
    agreed: int = 0  # looks one after the other that said "advance" of this step
    looked: datetime | None = None  # until when the traffic is counted
    rejected: str = ""  # why somebody turned the version down
    refused: str = ""  # why the policy has just denied the next step
    waiting: str = ""  # for which people the next step waits
    killed: int = 0  # loads of it, one after the other, that ended the process they ran in


def next_step(plan: Plan, standing: Standing, judged: Judged, now: datetime) -> Act:
    """What is to be done now.

    Args:
        plan: What the canary is to go through.
        standing: Where it stands.
        judged: What its judge says.
        now: The time, aware.
    """
    back = _back(plan, standing, judged, now)
    if back is not None:
        return back
    shown = judged.step == "advance"
    following = plan.after(standing.weight)
    missing = _missing(plan, standing, judged, now)
    last = following is None and not plan.promote
    if shown and not missing and not standing.refused and not last:
        said = "; ".join(judged.reasons)
        if following is None:
            return Act("promote", "shown", f"The canary did no harm at {percent(standing.weight)}: {said}.")
        return Act(
            "advance", "shown", f"No harm at {percent(standing.weight)}, on to {percent(following)}: {said}.", following
        )
    if now - standing.begun > timedelta(hours=plan.hours) and not (shown and (standing.waiting or last)):
        why = standing.refused or "it was not shown that it does no harm"
        return Act("roll back", "time", f"Its {plan.hours:g} hours are over: {why}; {_said(judged.reasons)}")
    if standing.refused:
        return Act("hold", "refused", standing.refused)
    if standing.waiting:
        return Act("hold", "people", standing.waiting)
    if shown and last:
        return Act("hold", "done", "All steps are shown; promoting it is for people.")
    return Act("hold", "open" if not shown else "early", missing or _said(judged.reasons))


def _back(plan: Plan, standing: Standing, judged: Judged, now: datetime) -> Act | None:
    """Why the canary must go back now."""
    if standing.rejected:
        return Act("roll back", "rejected", f"The version was turned down: {standing.rejected}.")
    if judged.state == "roll back":
        return Act("roll back", "harm", f"The canary does harm. {judged.reasons[0]}.")
    if standing.killed >= DEADLY:
        return Act("roll back", "deadly", f"Loading it ended the process of its model {standing.killed} times.")
    if standing.looked is not None and now < standing.looked - CLOCK:
        seconds = (standing.looked - now).total_seconds()
        return Act("roll back", "clock", f"The clock went back by {seconds:.0f} s; its traffic can be told no more.")
    if standing.looked is not None and now - standing.looked > BLIND:
        return Act("roll back", "blind", f"Its traffic could not be counted since {standing.looked:%H:%M:%S} UTC.")
    expected = judged.stable * standing.weight / (1 - standing.weight)
    if not judged.here and expected >= SILENT and now - standing.stepped > LOADING:
        why = f"It answered nothing where about {expected:.0f} requests were its share; it may not load."
        return Act("roll back", "silent", why)
    if judged.step == "advance":
        return None
    if judged.harm > plan.harm:
        why = f"It cost at least {judged.harm:.0f} bad outcomes; {plan.harm:g} were granted. {_said(judged.reasons)}"
        return Act("roll back", "budget", why)
    if judged.canary > plan.exposure:
        why = f"It answered {judged.canary:,} requests; {plan.exposure:,} were granted. {_said(judged.reasons)}"
        return Act("roll back", "budget", why)
    return None


def _missing(plan: Plan, standing: Standing, judged: Judged, now: datetime) -> str:
    """What this step lacks besides the evidence; empty: nothing."""
    since = now - standing.stepped
    if since < timedelta(minutes=plan.minutes):
        return f"This step lasts {plan.minutes:g} min; {max(since.total_seconds(), 0) / 60:.1f} are over."
    if judged.here < plan.requests:
        return f"This step needs {plan.requests:,} requests of the canary; there were {judged.here:,}."
    if judged.step == "advance" and standing.agreed < plan.looks:
        return f"{plan.looks} looks must agree; {standing.agreed} did."
    if plan.after(standing.weight) is None and plan.promote and plan.kpis and judged.kpis != "advance":
        return f"Its KPIs must be shown to lose nothing before it is put forward. {_said(judged.reasons)}"
    return ""


def _said(reasons: Sequence[str]) -> str:
    return f"{'; '.join(reasons)}." if reasons else "Nothing was counted yet."
