"""How subscriptions stand, as Prometheus text: lag, throughput and failures, by subscription and model."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from workbench.serving.events.port import Standing
from workbench.serving.exposition import Kind, family

FAMILIES: tuple[tuple[str, Kind, str, Callable[[Standing], float]], ...] = (
    ("workbench_events_lag", "gauge", "Events that wait.", lambda s: s.lag),
    ("workbench_events_scored_total", "counter", "Outputs.", lambda s: s.scored),
    ("workbench_events_duplicate_total", "counter", "Events that had an output already.", lambda s: s.duplicates),
    ("workbench_events_dead", "gauge", "Dead letters of which nothing came yet.", lambda s: s.dead),
    ("workbench_events_failures_total", "counter", "Failures of stream, model or desk.", lambda s: s.failures),
    ("workbench_events_busy_seconds_total", "counter", "Seconds spent on batches.", lambda s: s.busy),
    ("workbench_events_stuck", "gauge", "1: a problem keeps it from going on.", lambda s: int(bool(s.problem))),
    ("workbench_events_consumed", "gauge", "1: a process consumes it.", lambda s: int(bool(s.holder))),
)


def events_exposition(standings: Iterable[Standing]) -> str:
    """The standings in Prometheus's text form."""
    found = list(standings)
    return "".join(
        family(name, kind, told, [(_labels(standing), value(standing)) for standing in found])
        for name, kind, told, value in FAMILIES
    )


def _labels(standing: Standing) -> dict[str, object]:
    return {"subscription": standing.subscription.name, "model": standing.subscription.model}
