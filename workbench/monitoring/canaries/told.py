"""What is told of a canary: the finding that its acts rest on, and its series for Prometheus.

The figures of a finding of kind "canary", which a policy may ask for: `ratio.errors`, `ratio.slow` (how many
times as often as with the champion, with interval and the chance that it is below the harm), `exposure`
(requests that it answered), `weight`, `harm` (bad outcomes that it cost, at least), and `kpi.NAME` (how much
better it is than with the champion, with interval and the chance that it loses less than the margin).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from workbench.evidence import Figure, Finding
from workbench.ledger import digest
from workbench.monitoring.canaries.counting import Counted
from workbench.monitoring.canaries.steps import Act, Judged
from workbench.serving.exposition import Sample, family
from workbench.stats.canary import State

if TYPE_CHECKING:
    from workbench.evidence import Verdict
    from workbench.monitoring.canaries.reading import Canary

KIND = "canary"
STATES: tuple[State, ...] = ("advance", "hold", "roll back")
VERDICTS: dict[str, Verdict] = {"advance": "pass", "promote": "pass", "roll back": "fail"}


def finding(
    model: str, version: int, counted: Counted, judged: Judged, act: Act, weight: float, now: datetime
) -> Finding:
    """What the judge of a canary has found by the time of an act."""
    state = counted.as_dict()
    figures = {"weight": Figure(weight), "exposure": Figure(float(judged.canary)), "harm": Figure(judged.harm)}
    for name, seen in counted.whole.rates.items():
        ratio = seen.posterior()
        chance = 1 - ratio.chance_harm
        figures[f"ratio.{name}"] = Figure(ratio.median, ratio.low, ratio.high, chance, seen.bar.harm, n=seen.canary)
    for name, kpi in counted.whole.kpis.items():
        gap = kpi.posterior()
        if gap is not None:
            figures[f"kpi.{name}"] = Figure(
                kpi.value, kpi.low, kpi.high, 1 - gap.chance_loss, -kpi.loss, n=kpi.units[0]
            )
    verdict = VERDICTS.get(act.kind, "not enough evidence")
    if act.kind == "advance" and judged.kpis != "advance":
        verdict = "not enough evidence"  # for the next step it is enough, for a promotion not
    return Finding(
        kind=KIND,
        subject=f"{model}/{version}",
        verdict=verdict,
        sentence=act.why,
        figures=figures,
        data_digest=digest([model, version, state["until"], state["whole"]]),
        run_id="",
        at=now.astimezone(UTC).isoformat(),
        details={"code": act.code, "state": judged.state, "step": judged.step, "reasons": list(judged.reasons)}
        | {"judge": state},
    )


def canary_exposition(canaries: Iterable[Canary]) -> str:
    """The canaries in progress in Prometheus's text form."""
    running = [one for one in canaries if one.state == "running" and one.counted is not None]
    return "".join(
        (
            family(
                "workbench_canary_weight", "gauge", "Share of the traffic that it is given.", _each(running, _weight)
            ),
            family(
                "workbench_canary_share", "gauge", "Share of this step's traffic that it got.", _each(running, _share)
            ),
            family("workbench_canary_state", "gauge", "1: what its judge says.", _states(running)),
            family(
                "workbench_canary_log_evidence", "gauge", "Logarithm of the e-value against a claim.", _bets(running)
            ),
            family(
                "workbench_canary_log_evidence_needed", "gauge", "From which the claim is refuted.", _needed(running)
            ),
            family("workbench_canary_ratio", "gauge", "Times as often bad as the champion.", _ratios(running, 0)),
            family("workbench_canary_ratio_lower", "gauge", "Lower bound of the ratio (95 %).", _ratios(running, 1)),
            family("workbench_canary_ratio_upper", "gauge", "Upper bound of the ratio (95 %).", _ratios(running, 2)),
            family(
                "workbench_canary_kpi", "gauge", "KPI above the champion's; below 0: worse.", _kpis(running, "value")
            ),
            family("workbench_canary_kpi_lower", "gauge", "Lower bound, at all looks together.", _kpis(running, "low")),
            family(
                "workbench_canary_kpi_upper", "gauge", "Upper bound, at all looks together.", _kpis(running, "high")
            ),
        )
    )


def _labels(one: Canary) -> dict[str, object]:
    return {"model": one.model, "version": one.version}


def _each(running: Iterable[Canary], of: Callable[[Canary], float]) -> Iterator[Sample]:
    return ((_labels(one), of(one)) for one in running)


def _weight(one: Canary) -> float:
    return one.weight or 0.0


def _share(one: Canary) -> float:
    here = one.judged.here if one.judged else 0
    asked = here + (one.judged.stable if one.judged else 0)
    return here / asked if asked else 0.0


def _states(running: Iterable[Canary]) -> Iterator[Sample]:
    for one in running:
        for state in STATES:
            yield {**_labels(one), "state": state}, int(one.judged is not None and one.judged.state == state)


def _bets(running: Iterable[Canary]) -> Iterator[Sample]:
    for one in running:
        for name, seen in (one.counted.whole.rates if one.counted else {}).items():
            yield {**_labels(one), "measure": name, "claim": "tolerated"}, seen.worst
            yield {**_labels(one), "measure": name, "claim": "harm"}, seen.best
        for name, kpi in (one.counted.whole.kpis if one.counted else {}).items():
            yield {**_labels(one), "measure": name, "claim": "tolerated"}, kpi.worst


def _needed(running: Iterable[Canary]) -> Iterator[Sample]:
    for one in running:
        judge = one.counted.whole if one.counted else None
        for name, part in (judge.parts if judge else {}).items():
            alpha = judge.alpha if judge else 1.0
            yield {**_labels(one), "measure": name, "claim": "tolerated"}, -math.log(part * alpha)
            if judge and name in judge.rates:
                yield {**_labels(one), "measure": name, "claim": "harm"}, -math.log(alpha)


def _ratios(running: Iterable[Canary], end: int) -> Iterator[Sample]:
    for one in running:
        for name, seen in (one.counted.whole.rates if one.counted else {}).items():
            yield {**_labels(one), "measure": name}, seen.posterior()[end]


def _kpis(running: Iterable[Canary], end: str) -> Iterator[Sample]:
    for one in running:
        for name, kpi in (one.counted.whole.kpis if one.counted else {}).items():
            value = getattr(kpi, end)
            if value is not None and kpi.error is not None:
                yield {**_labels(one), "measure": name}, value
