"""Grafana's dashboards as JSON: all models, worst first, and one model closely.

Each panel asks Prometheus for what the watch, the gateway and the rules expose; nothing is loaded from
elsewhere, and the data source is chosen by whoever imports them. Bounds are drawn beside values, on one axis.

>>> sorted(files())
['workbench-model.json', 'workbench-models.json']
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

Kind = Literal["timeseries", "stat", "table"]

SCHEMA = 39  # of a dashboard, as Grafana 11 writes it
WIDTH, HEIGHT = 24, 8  # of the grid; of a panel
SOURCE = {"type": "prometheus", "uid": "${source}"}
CHOSEN = 'model="$model"'
SERVED = f"workbench_champion_generation{{{CHOSEN}}}"  # by version, and by worker where there are several

OPTIONS: dict[Kind, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
    },
    "table": {"showHeader": True},
}


class Query(NamedTuple):
    """One expression and how its series are called."""

    expr: str
    legend: str
    at_once: bool = False  # only the newest value


class Panel(NamedTuple):
    """One picture."""

    title: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 12
    told: str = ""  # what it shows, for whoever asks


def bounded(series: str, by: str = "", legend: str = "") -> tuple[Query, ...]:
    """A measure of the chosen model with its bounds."""
    label = f"{{{{{by}}}}} " if by else legend
    return tuple(
        Query(f"workbench_{series}{end}{{{CHOSEN}}}", f"{label}{words}".strip() or "value")
        for end, words in (("", ""), ("_lower", "at least"), ("_upper", "at most"))
    )


MODELS: tuple[Panel, ...] = (
    Panel(
        "Models that call for action", "stat", (Query('sum(workbench_model_health{health="act"})', "", True),), width=6
    ),
    Panel("Incidents", "stat", (Query("sum by (gravity) (workbench_incidents)", "{{gravity}}", True),), width=6),
    Panel("Requests a second", "stat", (Query("sum(rate(workbench_requests_total[5m]))", "", True),), "reqps", 6),
    Panel("Last looked", "stat", (Query("time() - workbench_watch_timestamp_seconds", "", True),), "s", 6),
    Panel(
        "Worst first",
        "table",
        (Query("sort_desc(sum by (model) (workbench_model_failing))", "{{model}}", True),),
        told="Kinds of signal that fail, by model.",
    ),
    Panel(
        "Error budgets that burn",
        "timeseries",
        (
            Query(
                "topk(10, model:workbench_error_ratio:rate1h / on (model) model:workbench_objective_errors)",
                "{{model}}",
            ),
        ),
        told="Share of requests that fail, in multiples of what is allowed; above 1 the budget runs out.",
    ),
    Panel(
        "Inputs that drifted most",
        "timeseries",
        (Query("topk(10, max by (model, column) (workbench_drift_psi_lower))", "{{model}} {{column}}"),),
        told="Lower bound of the population stability index; from 0.1 it matters.",
    ),
    Panel(
        "Slow answers that burn",
        "timeseries",
        (
            Query(
                "topk(10, model:workbench_slow_ratio:rate1h / on (model) model:workbench_objective_slow)", "{{model}}"
            ),
        ),
    ),
)

MODEL: tuple[Panel, ...] = (
    Panel("State", "stat", (Query(f"workbench_model_health{{{CHOSEN}}} == 1", "{{health}}", True),), width=6),
    Panel("Version", "stat", (Query(f"max by (version) ({SERVED})", "version {{version}}", True),), width=6),
    Panel("Failing", "table", (Query(f"workbench_model_failing{{{CHOSEN}}} == 1", "{{signal}}", True),), width=12),
    Panel(
        "Requests a second",
        "timeseries",
        (Query(f"sum by (status) (rate(workbench_requests_total{{{CHOSEN}}}[5m]))", "{{status}}"),),
        "reqps",
    ),
    Panel("Latency", "timeseries", (Query(f"workbench_model_latency_seconds{{{CHOSEN}}}", "{{quantile}}"),), "s"),
    Panel("Errors", "timeseries", bounded("model_error_ratio"), "percentunit"),
    Panel("Drift of inputs", "timeseries", bounded("drift_psi", by="column")),
    Panel(
        "Groups", "timeseries", bounded("disparate_impact_ratio", by="attribute"), told="Below 0.8 fails four fifths."
    ),
    Panel(
        "Drop of accuracy",
        "timeseries",
        (*bounded("accuracy_drop"), *bounded("expected_accuracy_drop", legend="expected ")),
    ),
    Panel("Calibration", "timeseries", bounded("calibration_gap"), "percentunit"),
    Panel(
        "Canary: evidence",
        "timeseries",
        (
            Query(f"workbench_canary_log_evidence{{{CHOSEN}}}", "{{measure}} against {{claim}}"),
            Query(f"workbench_canary_log_evidence_needed{{{CHOSEN}}}", "{{measure}} needed against {{claim}}"),
        ),
        told="Against `tolerated`: it goes back where the line is crossed. Against `harm`: it has shown to do none.",
    ),
    Panel(
        "Canary: times as often bad",
        "timeseries",
        (
            Query(f"workbench_canary_ratio{{{CHOSEN}}}", "{{measure}}"),
            Query(f"workbench_canary_ratio_lower{{{CHOSEN}}}", "{{measure}} at least"),
            Query(f"workbench_canary_ratio_upper{{{CHOSEN}}}", "{{measure}} at most"),
        ),
        told="Bad outcomes of the canary as a multiple of the champion's, with the belief's 95 %.",
    ),
    Panel(
        "Canary: share",
        "timeseries",
        (Query(f"workbench_canary_weight{{{CHOSEN}}}", "given"), Query(f"workbench_canary_share{{{CHOSEN}}}", "got")),
        "percentunit",
    ),
    Panel("Loss of KPIs", "timeseries", bounded("kpi_loss", by="kpi")),
)


def files() -> dict[str, str]:
    """The dashboards' JSON, by file name."""
    made = {
        "workbench-models.json": dashboard("workbench-models", "Models", MODELS),
        "workbench-model.json": dashboard("workbench-model", "One model", MODEL, by_model=True),
    }
    return {name: json.dumps(content, indent=2) + "\n" for name, content in made.items()}


def dashboard(uid: str, title: str, panels: Sequence[Panel], *, by_model: bool = False) -> dict[str, Any]:
    """A dashboard as Grafana keeps it.

    Args:
        uid: Its name in addresses.
        title: Its name for people.
        panels: In the order of reading, left to right.
        by_model: Whether one model is chosen.
    """
    variables: list[dict[str, Any]] = [
        {"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0, "refresh": 1}
    ]
    if by_model:
        asked = "label_values(workbench_model_health, model)"
        variables.append(
            {"name": "model", "label": "Model", "type": "query", "datasource": SOURCE, "query": asked, "hide": 0,
             "refresh": 2, "sort": 1, "multi": False, "includeAll": False}
        )  # fmt: skip
    return {
        "uid": uid,
        "title": f"Workbench: {title}",
        "tags": ["workbench"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "refresh": "1m",
        "timezone": "browser",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": variables},
        "annotations": {"list": [_moves()] if by_model else []},
        "panels": _placed(panels),
    }


def expressions(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Each panel's title with each of its expressions, of a dashboard."""
    return [(panel["title"], target["expr"]) for panel in content["panels"] for target in panel["targets"]]


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """The panels in rows, each as high as its highest."""
    x = y = row = 0
    found = []
    for number, panel in enumerate(panels, start=1):
        high = HEIGHT // 2 if panel.kind == "stat" else HEIGHT
        if x + panel.width > WIDTH:
            x, y, row = 0, y + row, 0
        found.append(_panel(number, panel, {"x": x, "y": y, "w": panel.width, "h": high}))
        x, row = x + panel.width, max(row, high)
    return found


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.told,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": OPTIONS[panel.kind],
        "targets": [
            {
                "refId": chr(ord("A") + place_),
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "instant": query.at_once,
                "range": not query.at_once,
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for place_, query in enumerate(panel.queries)
        ],
    }


def _moves() -> dict[str, Any]:
    """Versions as marks on the time axis: where another generation answers."""
    return {
        "name": "Versions",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "blue",
        "target": {
            "refId": "versions",
            "expr": f"max by (version) (changes({SERVED}[1m])) > 0",
            "legendFormat": "version {{version}}",
        },
    }
