"""A pass of the watch as Prometheus text: each measure with its bounds as series of their own.

Alerts are on the bound, not on the value: `_lower` of a harm and `_upper` of a merit. Names carry their unit.
Labels are few by design: models, versions in use, attributes, KPIs, and each model's most drifted columns; what
a client sends is no label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workbench.monitoring.passes import Looked, Pass
from workbench.monitoring.signals import Kind, Signal
from workbench.serving.exposition import Sample, family

COLUMNS = 10  # of a model: the most drifted
QUANTILES = (0.5, 0.95, 0.99)
BOUNDED: tuple[tuple[str, Kind, str, str], ...] = (  # series, kind of signal, label of what it is about, meaning
    ("model_error_ratio", "errors", "", "Share of requests that failed on our side."),
    ("model_slow_ratio", "latency", "", "Share of requests slower than the objective."),
    ("model_refused_ratio", "refused", "", "Share of requests that did not fit."),
    ("drift_psi", "inputs", "column", "Population stability index against the training data, noise taken out."),
    ("disparate_impact_ratio", "fairness", "attribute", "Lowest selection rate over the highest."),
    ("accuracy_drop", "performance", "", "Accuracy of the days before less that of the window."),
    ("expected_accuracy_drop", "expected", "", "The same as it is expected before labels come."),
    ("calibration_gap", "calibration", "", "Share of yes less what the scores promise."),
    ("kpi_loss", "kpi", "kpi", "Loss of a KPI on the last day, in its unit; below zero it gained."),
)


def exposition(done: Pass) -> str:
    """The pass in Prometheus's text form."""
    models = done.models
    found = [
        family(
            "workbench_watch_timestamp_seconds", "gauge", "When the watch last looked.", [({}, done.at.timestamp())]
        ),
        family("workbench_model_window_requests", "gauge", "Logged requests in the window.", _each(models, "asked")),
        family("workbench_model_window_rows", "gauge", "Logged rows answered in the window.", _each(models, "rows")),
        family("workbench_model_logged_ratio", "gauge", "Share of the requests that is logged.", _shares(models)),
        family("workbench_model_selection_ratio", "gauge", "Share of answers that were yes.", _selected(models)),
        family("workbench_model_latency_seconds", "gauge", "Time from request to answer.", _latencies(models)),
        family("workbench_model_health", "gauge", "1: the model is so.", _healths(done)),
        family("workbench_model_failing", "gauge", "1: this kind of signal fails.", _failing(models)),
        family("workbench_incidents", "gauge", "Incidents that are alive.", _incidents(models)),
        family("workbench_objective", "gauge", "What the model is to keep to.", _objectives(models)),
    ]
    for name, kind, about, meaning in BOUNDED:
        for end, ending, words in (("value", "", ""), ("low", "_lower", "Lower"), ("high", "_upper", "Upper")):
            told = f"{words} bound: {meaning[0].lower()}{meaning[1:]}" if words else meaning
            found.append(family(f"workbench_{name}{ending}", "gauge", told, _signals(models, kind, about, end)))
    return "".join(found)


def _labels(looked: Looked) -> dict[str, object]:
    return {"model": looked.watched.subject.model, "version": looked.watched.subject.version}


def _each(models: Sequence[Looked], name: str) -> Iterator[Sample]:
    return ((_labels(one), getattr(one.watched.hour, name)) for one in models)


def _shares(models: Sequence[Looked]) -> Iterator[Sample]:
    return ((_labels(one), one.share) for one in models)


def _selected(models: Sequence[Looked]) -> Iterator[Sample]:
    for one in models:
        if one.watched.hour.decided:
            yield _labels(one), one.watched.hour.yes / one.watched.hour.decided


def _latencies(models: Sequence[Looked]) -> Iterator[Sample]:
    for one in models:
        for share in QUANTILES:
            seconds = one.watched.hour.quantile(share)
            if seconds is not None:
                yield {**_labels(one), "quantile": share}, seconds


def _healths(done: Pass) -> Iterator[Sample]:
    for line in done.standings:
        for health in ("healthy", "watch", "act"):
            yield {"model": line.model, "version": line.version, "health": health}, int(line.state == health)


def _failing(models: Sequence[Looked]) -> Iterator[Sample]:
    for one in models:
        for kind in sorted({signal.kind for signal in one.watched.signals}):
            yield {**_labels(one), "signal": kind}, int(any(s.kind == kind for s in one.watched.failing))


def _incidents(models: Sequence[Looked]) -> Iterator[Sample]:
    for one in models:
        for gravity in ("act", "watch"):
            alive = sum(each.gravity == gravity for each in one.incidents)
            yield {"model": one.watched.subject.model, "gravity": gravity}, alive


def _objectives(models: Sequence[Looked]) -> Iterator[Sample]:
    for one in models:
        kept, model = one.watched.subject.declared, one.watched.subject.model
        for name, value in (
            ("errors", kept.errors),
            ("slow", 1 - kept.latency[0]),
            ("latency_seconds", kept.latency[1]),
            ("accuracy_drop", kept.drop),
            ("disparate_impact", kept.impact),
        ):
            yield {"model": model, "objective": name}, value


def _signals(models: Sequence[Looked], kind: Kind, about: str, end: str) -> Iterable[Sample]:
    for one in models:
        of_kind: list[Signal] = [signal for signal in one.watched.signals if signal.kind == kind]
        for signal in of_kind[:COLUMNS]:  # drift has the most drifted first
            value = getattr(signal, end)
            if value is not None:
                yield {**_labels(one), **({about: signal.about} if about else {})}, value
