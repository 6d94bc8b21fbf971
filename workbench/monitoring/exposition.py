"""The overview as Prometheus series: one line a model, and one a drifted column at most."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.monitoring.overview import ServedModel
from workbench.serving import labels


def exposition(served: Sequence[ServedModel]) -> str:
    """The served models in Prometheus's text format; names carry their unit."""
    lines: list[str] = []
    lines += _series("workbench_model_error_ratio", [(m, {}, m.error_rate) for m in served])
    lines += _series("workbench_model_selection_ratio", [(m, {}, m.selection_rate) for m in served])
    lines += _series("workbench_model_health", [(m, {"health": m.health}, 1.0) for m in served])
    drifts = [(m, {"column": c.column}, c.psi) for m in served if m.drift for c in m.drift.columns]
    lines += _series("workbench_drift_psi", drifts)
    noises = [(m, {"column": c.column}, c.noise) for m in served if m.drift for c in m.drift.columns]
    lines += _series("workbench_drift_psi_noise", noises)
    for end in ("", "_lower", "_upper"):
        lines += _series(f"workbench_disparate_impact_ratio{end}", _impacts(served, end))
    return "\n".join(lines) + "\n"


def _impacts(served: Sequence[ServedModel], end: str) -> list[tuple[ServedModel, dict[str, str], float | None]]:
    found: list[tuple[ServedModel, dict[str, str], float | None]] = []
    for model in served:
        for name, figure in model.audit.figures.items() if model.audit else ():
            if name.startswith("disparate_impact."):
                value = {"": figure.value, "_lower": figure.low, "_upper": figure.high}[end]
                found.append((model, {"attribute": name.removeprefix("disparate_impact.")}, value))
    return found


def _series(name: str, values: Sequence[tuple[ServedModel, dict[str, str], float | None]]) -> list[str]:
    lines = [f"# TYPE {name} gauge"]
    for model, more, value in values:
        if value is not None:
            lines.append(f"{name}{labels(model=model.model, version=model.version, **more)} {value:.6g}")
    return lines
