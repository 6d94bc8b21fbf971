"""Prometheus's rules and Alertmanager's routes, made from what models are declared to keep to.

Errors and slow answers are budgets: an alert is a budget that burns too fast over a long and a short window
at once, so that it comes soon and goes soon. All else is a bound that the watch exposes. One rule serves all
models; only the objectives are one series a model. Names of models stand in rules as quoted strings.

>>> burns = [alert["alert"] for alert in alerts() if "burn" in alert["labels"]]
>>> burns[:2]
['ErrorBudgetBurnsFast', 'ErrorBudgetBurnsFast']
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.monitoring.declared import Objectives
from workbench.serving.meter import BOUNDS

Rule = dict[str, Any]

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
BURNS = (  # how many times too fast, long window, short window, how grave, for how long
    (14.4, "1h", "5m", "page", "2m"),
    (6.0, "6h", "30m", "page", "15m"),
    (3.0, "1d", "2h", "ticket", "1h"),
    (1.0, "3d", "6h", "ticket", "3h"),
)
BUDGETS = (("Error", "error", "errors", "requests failed"), ("Latency", "slow", "slow", "requests were too slow"))
BOUNDED = (  # name, expression, how grave, cause, in words
    (
        "InputsDrifted",
        "workbench_drift_psi_lower > 0.1",
        "ticket",
        "inputs",
        '{{ $labels.column }} of {{ $labels.model }} has drifted: its index is {{ $value | printf "%.2f" }} at least',
    ),
    (
        "GroupsUnequal",
        "workbench_disparate_impact_ratio_upper < on (model) group_left () model:workbench_objective_impact",
        "page",
        "fairness",
        '{{ $labels.attribute }}: a group gets a yes at most {{ $value | printf "%.2f" }} times as often as another',
    ),
    (
        "AccuracyFell",
        "workbench_accuracy_drop_lower > on (model) group_left () model:workbench_objective_drop",
        "page",
        "performance",
        '{{ $labels.model }} is less accurate by {{ $value | printf "%.3f" }} at least',
    ),
    (
        "KpiFell",
        'workbench_kpi_loss_lower > 0 and on (model) workbench_model_failing{signal="kpi"} == 1',
        "ticket",
        "kpi",
        '{{ $labels.kpi }} of {{ $labels.model }} has fallen by {{ $value | printf "%.3g" }} at least',
    ),
    (
        "IncidentOpen",
        'workbench_incidents{gravity="act"} > 0',
        "ticket",
        "incident",
        "{{ $value }} incidents of {{ $labels.model }} call for action: workbench incidents list",
    ),
    (
        "ChampionDoesNotLoad",
        "max by (model) (workbench_route_failing) == 1",
        "page",
        "load",
        "the champion of {{ $labels.model }} does not load",
    ),
    (
        "PredictionsNotLogged",
        "increase(workbench_log_dropped_rows_total[10m]) > 0",
        "ticket",
        "log",
        "predictions are lost to the log",
    ),
    (
        "WatchStale",
        "time() - workbench_watch_timestamp_seconds > 3 * 3600",
        "ticket",
        "watch",
        "nobody has looked at the models for {{ $value | humanizeDuration }}",
    ),
)
EVERY = "15s"  # between two scrapes
RULES, TESTS, PROMETHEUS, ALERTMANAGER = (
    "workbench.rules.yml", "workbench.test.yml", "prometheus.yml", "alertmanager.yml",
)  # fmt: skip


def files(
    declared: Mapping[str, Objectives], served: Sequence[str], *, target: str, webhook: str, token_file: str = ""
) -> dict[str, str]:
    """The files of a Prometheus and an Alertmanager, by name.

    Args:
        declared: What models are to keep to; who is not among them keeps to what holds for all.
        served: Models that are served.
        target: HOST:PORT of the gateway.
        webhook: Where Alertmanager sends alerts.
        token_file: File with the token that it sends along; "": none.
    """
    return {
        RULES: _yaml(rules(declared, served)),
        TESTS: _yaml(tests(declared, served)),
        PROMETHEUS: _yaml(prometheus(target)),
        ALERTMANAGER: _yaml(alertmanager(webhook, token_file)),
    }


def rules(declared: Mapping[str, Objectives], served: Sequence[str]) -> dict[str, Any]:
    """The rules' file: objectives, ratios over windows, alerts."""
    kept = {model: declared.get(model, Objectives()) for model in sorted({*served, *declared})}
    groups = [
        {"name": "workbench-objectives", "interval": "1m", "rules": _objectives(kept)},
        {"name": "workbench-ratios", "interval": "30s", "rules": _ratios(kept)},
        {"name": "workbench-alerts", "interval": "30s", "rules": alerts()},
    ]
    return {"groups": [group for group in groups if group["rules"]]}


def alerts() -> list[Rule]:
    """The alerts; they are the same whatever models there are."""
    found = []
    for title, name, objective, words in BUDGETS:
        for factor, long, short, severity, lasting in BURNS:
            limit = f"on (model) {factor:g} * model:workbench_objective_{objective}"
            expr = (
                f"model:workbench_{name}_ratio:rate{long} > {limit}\n"
                f"and model:workbench_{name}_ratio:rate{short} > {limit}"
            )
            speed = "Fast" if severity == "page" else "Slowly"
            found.append(
                _alert(
                    f"{title}BudgetBurns{speed}",
                    expr,
                    severity,
                    lasting,
                    f"{{{{ $value | humanizePercentage }}}} of {{{{ $labels.model }}}}'s {words} over {long}",
                    cause="service",
                    burn=f"{factor:g}",
                )
            )
    found += [_alert(name, expr, severity, "5m", words, cause=cause) for name, expr, severity, cause, words in BOUNDED]
    found.append(
        _alert("GatewayDown", 'up{job="workbench"} == 0', "page", "1m", "the gateway is down", cause="service")
    )
    return found


def tests(declared: Mapping[str, Objectives], served: Sequence[str]) -> dict[str, Any]:
    """What `promtool test rules` is to find: a model that burns its budget alerts, one that does not is left alone."""
    model = min({*served, *declared}, default="")
    if not model:
        return {"rule_files": [RULES], "evaluation_interval": "1m", "tests": []}
    kept = declared.get(model, Objectives())
    bad = max(1, round(100 * min(20 * kept.errors, 0.9)))
    burning = [_requests(model, "200", 100 - bad), _requests(model, "500", bad)]
    sound = [_requests(model, "200", 100), _requests(model, "500", 0)]
    drifted = [_gauge("workbench_drift_psi_lower", model, "0.3", column="income")]
    unequal = [_gauge("workbench_disparate_impact_ratio_upper", model, f"{kept.impact / 2:g}", attribute="sex")]
    cases = [
        (burning, 'alertname="ErrorBudgetBurnsFast",burn="14.4"', 1),
        (sound, 'alertname="ErrorBudgetBurnsFast"', 0),
        (drifted, 'alertname="InputsDrifted"', 1),
        (unequal, 'alertname="GroupsUnequal"', 1),
    ]
    told = []
    for series, alert, firing in cases:
        expr = f'count(ALERTS{{{alert},alertstate="firing",model={_quoted(model)}}})'
        samples = [{"labels": "{}", "value": firing}] if firing else []
        asked = [{"expr": expr, "eval_time": "70m", "exp_samples": samples}]
        told.append({"interval": "1m", "input_series": series, "promql_expr_test": asked})
    return {"rule_files": [RULES], "evaluation_interval": "1m", "tests": told}


def prometheus(target: str) -> dict[str, Any]:
    """Prometheus's configuration: scrape the gateway, read the rules, tell Alertmanager."""
    return {
        "global": {"scrape_interval": EVERY, "evaluation_interval": EVERY},
        "rule_files": [RULES],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9093"]}]}]},
        "scrape_configs": [{"job_name": "workbench", "static_configs": [{"targets": [target]}]}],
    }


def alertmanager(webhook: str, token_file: str = "") -> dict[str, Any]:
    """Alertmanager's configuration: one message a model and cause, what is grave at once, and not twice."""
    hook: dict[str, Any] = {"url": webhook, "send_resolved": True}
    if token_file:
        hook["http_config"] = {"authorization": {"type": "Bearer", "credentials_file": token_file}}
    return {
        "route": {
            "receiver": "workbench",
            "group_by": ["model", "cause"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": [
                {"matchers": ['severity="page"'], "receiver": "workbench", "group_wait": "10s", "repeat_interval": "1h"}
            ],
        },
        "inhibit_rules": [
            {
                "source_matchers": ['severity="page"'],
                "target_matchers": ['severity="ticket"'],
                "equal": ["model", "cause"],
            },
            {"source_matchers": ['alertname="GatewayDown"'], "target_matchers": ['cause="watch"'], "equal": ["job"]},
        ],
        "receivers": [{"name": "workbench", "webhook_configs": [hook]}],
    }


def _objectives(kept: Mapping[str, Objectives]) -> list[Rule]:
    return [
        {
            "record": f"model:workbench_objective_{name}",
            "expr": f"vector({value:.9g})",
            "labels": {"model": model},
        }
        for model, told in kept.items()
        for name, value in (
            ("errors", told.errors),
            ("slow", 1 - told.latency[0]),
            ("impact", told.impact),
            ("drop", told.drop),
        )
    ]


def _ratios(kept: Mapping[str, Objectives]) -> list[Rule]:
    by_bound: dict[float, list[str]] = {}
    for model, told in kept.items():
        by_bound.setdefault(_bound(told.latency[1]), []).append(model)
    found = []
    for window in WINDOWS:
        failed = f'sum by (model) (rate(workbench_requests_total{{status=~"5.."}}[{window}]))'
        asked = f"sum by (model) (rate(workbench_requests_total[{window}]))"
        # a model without a failure has no series of failures, and its ratio is zero
        found.append(_record(f"model:workbench_error_ratio:rate{window}", f"({failed} or 0 * {asked}) / {asked}"))
        series = "workbench_request_duration_seconds"
        parts = []
        for bound, models in sorted(by_bound.items()):
            chosen = f"model=~{_quoted('|'.join(map(_pattern, models)))}"
            soon = f'sum by (model) (rate({series}_bucket{{{chosen},le=~"{_le(bound)}"}}[{window}]))'
            parts.append(f"1 - {soon} / sum by (model) (rate({series}_count{{{chosen}}}[{window}]))")
        if parts:
            found.append(_record(f"model:workbench_slow_ratio:rate{window}", "\nor ".join(f"({p})" for p in parts)))
    return found


def _record(name: str, expr: str) -> Rule:
    return {"record": name, "expr": expr}


def _alert(name: str, expr: str, severity: str, lasting: str, words: str, **labels: str) -> Rule:
    return {
        "alert": name,
        "expr": expr,
        "for": lasting,
        "labels": {"severity": severity, **labels},
        "annotations": {"summary": words},
    }


def _bound(seconds: float) -> float:
    """The bucket's bound that stands for an objective: the least that is not below it."""
    return next((bound for bound in BOUNDS if bound >= seconds), BOUNDS[-1])


def _le(bound: float) -> str:
    return f"{bound:g}" if bound != int(bound) else rf"{int(bound)}(\\.0)?"


def _pattern(model: str) -> str:
    return re.sub(r"([^\w ])", r"\\\1", model, flags=re.ASCII) if model.isascii() else re.escape(model)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _requests(model: str, status: str, each_minute: int) -> dict[str, str]:
    labels = f'model={_quoted(model)},status="{status}",job="workbench"'
    return {"series": f"workbench_requests_total{{{labels}}}", "values": f"0+{each_minute}x80"}


def _gauge(name: str, model: str, value: str, **labels: str) -> dict[str, str]:
    more = "".join(f",{key}={_quoted(text)}" for key, text in labels.items())
    return {"series": f'{name}{{model={_quoted(model)},version="1"{more}}}', "values": f"{value}+0x80"}


def _yaml(content: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=110)
    return f"# Written by `workbench monitor rules`; made anew from the models' declarations.\n{text}"
