"""Canaries and shadows as Prometheus text: shares, what does not load, copies scored and dropped."""

from __future__ import annotations

from workbench.serving.exposition import family
from workbench.serving.routes import CANARY, Routes
from workbench.serving.shadowing import Shadows


def trials_told(routes: Routes, shadows: Shadows) -> str:
    """What the gateway counts of versions that are on trial."""
    weights = [
        ({"model": model, "version": route.head.version}, route.head.weight or 0.0)
        for (model, slot), route in sorted(routes.others.items())
        if slot == CANARY
    ]
    failing = [({"model": model, "slot": slot}, 1) for model, slot in sorted(routes.other_problems)]
    scored = [({"model": model, "version": version}, n) for (model, version), n in sorted(shadows.rows.items())]
    dropped = [({"model": model}, n) for model, n in sorted(shadows.dropped.items())]
    return "".join(
        (
            family("workbench_canary_weight", "gauge", "Share of the units that the canary answers.", weights),
            family("workbench_trial_failing", "gauge", "1: the version on trial does not load.", failing),
            family("workbench_shadow_rows_total", "counter", "Rows scored by a version in shadow.", scored),
            family("workbench_shadow_dropped_rows_total", "counter", "Copies that the shadow did not get.", dropped),
        )
    )
