"""The overview as Prometheus text: what was measured, with its bounds as series of their own.

Names carry their unit; labels are models, versions, a few columns and audited attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workbench.monitoring.served import ServedModel
from workbench.serving.exposition import Sample, family

COLUMNS = 10  # of a model: the most drifted


def exposition(served: Sequence[ServedModel]) -> str:
    """The served models in Prometheus's text form."""
    gauges: list[tuple[str, str, Iterable[Sample]]] = [
        ("model_window_requests", "Requests in the window.", _each(served, "requests")),
        ("model_window_rows", "Rows answered in the window.", _each(served, "rows")),
        ("model_error_ratio", "Share of requests that failed on our side.", _each(served, "error_rate")),
        ("model_selection_ratio", "Share of answers that were yes.", _each(served, "selection_rate")),
        ("model_latency_seconds", "Time from request to answer.", _latencies(served)),
        ("model_health", "1: the model is so.", _healths(served)),
        ("drift_psi", "Population stability index against the training data.", _drifts(served, "psi")),
        ("drift_psi_lower", "Lower end of its 95 % interval.", _drifts(served, "low")),
        ("drift_psi_upper", "Upper end of its 95 % interval.", _drifts(served, "high")),
        ("disparate_impact_ratio", "Lowest selection rate over the highest.", _impacts(served, "value")),
        ("disparate_impact_ratio_lower", "Lower end of its 95 % interval.", _impacts(served, "low")),
        ("disparate_impact_ratio_upper", "Upper end of its 95 % interval.", _impacts(served, "high")),
    ]
    return "".join(family(f"workbench_{name}", "gauge", told, samples) for name, told, samples in gauges)


def _labels(model: ServedModel) -> dict[str, object]:
    return {"model": model.model, "version": model.version}


def _each(served: Sequence[ServedModel], name: str) -> Iterator[Sample]:
    return ((_labels(model), value) for model in served if (value := getattr(model, name)) is not None)


def _latencies(served: Sequence[ServedModel]) -> Iterator[Sample]:
    for model in served:
        if model.latency is not None:
            for quantile, value in (
                ("0.5", model.latency.p50),
                ("0.95", model.latency.p95),
                ("0.99", model.latency.p99),
            ):
                yield {**_labels(model), "quantile": quantile}, value


def _healths(served: Sequence[ServedModel]) -> Iterator[Sample]:
    for model in served:
        for health in ("healthy", "watch", "act"):
            yield {**_labels(model), "health": health}, int(model.health == health)


def _drifts(served: Sequence[ServedModel], name: str) -> Iterator[Sample]:
    for model in served:
        for column in model.drift.columns[:COLUMNS] if model.drift else ():
            yield {**_labels(model), "column": column.column}, getattr(column, name)


def _impacts(served: Sequence[ServedModel], name: str) -> Iterator[Sample]:
    prefix = "disparate_impact."
    for model in served:
        for figure_name, figure in model.audit.figures.items() if model.audit else ():
            value = getattr(figure, name)
            if figure_name.startswith(prefix) and value is not None:
                yield {**_labels(model), "attribute": figure_name.removeprefix(prefix)}, value
