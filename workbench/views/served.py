"""One served model as HTML: its line in the list, and its particulars when looked at closely.

>>> seconds(0.0018), seconds(0.25), seconds(1.234)
('1.8 ms', '250 ms', '1.23 s')
>>> span(timedelta(hours=24)), span(timedelta(days=7)), span(timedelta(minutes=90))
('24 hours', '7 days', '90 minutes')
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from workbench.views.drawing import sparkline
from workbench.views.drift_columns import columns_table, longest
from workbench.views.evidence import findings_told, mark
from workbench.views.words import counted, moment, safe, sentence, share

if TYPE_CHECKING:
    from workbench.audits.drift import DriftAudit
    from workbench.monitoring import ServedModel

WORDS = {  # looks, sign and word
    "act": ("no", "fail", "Act"),
    "watch": ("open", "not enough evidence", "Watch"),
    "healthy": ("yes", "pass", "Healthy"),
}
COLUMNS = 5  # drifting columns shown, worst first


def line(model: ServedModel) -> str:
    """A model in one line: how it is, in words, then traffic, errors and latency."""
    look, sign, word = WORDS[model.health]
    latency = seconds(model.latency.p95) if model.latency else "–"
    errors = share(model.error_rate) if model.requests else "–"
    return (
        '<div class="wb-line"><div class="wb-health">'
        f'<span class="wb-name">{safe(model.model)}</span> <span class="wb-quiet">version {model.version}</span> '
        f'<span class="wb-badge wb-{look}">{mark(sign)}{word}</span>'
        f"<p>{safe(sentence(model.sentence))}</p></div>"
        f"<div>{_traffic(model)}</div>"
        f"{_measure(f'{model.requests:,}', 'requests')}{_measure(errors, 'failed')}"
        f"{_measure(latency, '95 % within')}</div>"
    )


def closely(model: ServedModel) -> str:
    """Everything about a served model, in the order in which one asks."""
    return (
        f"{_figures(model)}"
        f"<h3>Traffic in the last {span(model.window)}</h3>{_traffic_told(model)}"
        f"<h3>Drift of what it is asked</h3>{_drift(model.drift, model.drift_note)}"
        f"<h3>Last audit</h3>{_audit(model)}"
    )


def seconds(value: float) -> str:
    """A duration as one says it."""
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1000:.0f} ms" if value >= 0.01 else f"{value * 1000:.1f} ms"


def span(window: timedelta) -> str:
    """A window of time in its natural unit."""
    minutes = round(window.total_seconds() / 60)
    if minutes % 1440 == 0 and minutes > 1440:
        return counted(minutes // 1440, "day")
    return counted(minutes // 60, "hour") if minutes % 60 == 0 else counted(minutes, "minute")


def _figures(model: ServedModel) -> str:
    yes = "–" if model.selection_rate is None else share(model.selection_rate)
    parts = [
        (f"{model.rows:,}", "rows answered"),
        (yes, "of the answers are yes"),
        (f"{model.failed:,}", "requests failed on our side"),
        (f"{model.refused:,}", "did not fit and were refused"),
    ]
    if model.latency is not None:
        parts += [
            (seconds(model.latency.p50), "half answered within"),
            (seconds(model.latency.p95), "95 % answered within"),
            (seconds(model.latency.p99), "99 % answered within"),
        ]
    cells = "".join(f'<div class="wb-part"><b>{safe(got)}</b><span>{safe(words)}</span></div>' for got, words in parts)
    since = f"Version {model.version} has been champion since {moment(model.since)} (generation {model.generation})."
    return f'<p>{safe(since)}</p><div class="wb-parts">{cells}</div>'


def _measure(value: str, words: str) -> str:
    return f'<div class="wb-measure"><b>{safe(value)}</b><span>{safe(words)}</span></div>'


def _traffic(model: ServedModel) -> str:
    words = f"{model.rows:,} rows answered in the last {span(model.window)}"
    if any(model.traffic):
        words += f", at most {max(model.traffic):,} in {_slice(model)}"
    return sparkline(model.traffic, words)


def _traffic_told(model: ServedModel) -> str:
    if not any(model.traffic):
        return f'<p class="wb-empty">Nothing was asked of it in the last {span(model.window)}.</p>'
    return (
        f'<div class="wb-traffic">{_traffic(model)}</div><p class="wb-axis"><span>{span(model.window)} ago</span>'
        f"<span>at most {max(model.traffic):,} rows in {_slice(model)}</span><span>now</span></p>"
    )


def _slice(model: ServedModel) -> str:
    return span(model.window / max(1, len(model.traffic)))


def _drift(drift: DriftAudit | None, note: str) -> str:
    if drift is None:
        return f'<p class="wb-empty">{safe(sentence(note)) or "It was not looked at."}</p>'
    worst = drift.columns[:COLUMNS]
    rest = len(drift.columns) - len(worst)
    more = f'<p class="wb-quiet">{counted(rest, "other column")} moved less.</p>' if rest else ""
    table = columns_table(worst, longest(worst, drift.large), large=drift.large)
    return f"<p>{safe(sentence(drift.sentence))}</p>{table}{more}"


def _audit(model: ServedModel) -> str:
    if model.audit is None:
        return f'<p class="wb-empty">Version {model.version} has no fairness audit yet.</p>'
    return findings_told({model.audit.kind: model.audit})
