"""A comparison of two runs as one offline HTML page: what differs first, outputs side by side."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.batch import kinds
from workbench.batch.comparison import Comparison, Metric
from workbench.batch.history import PastRun
from workbench.batch.rendering import page_with, render

STYLE = """
main { max-width: 84rem; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 2rem; }
.pair > div { min-width: 0; } .pair > div + div { border-left: 1px solid #e4e7ec; padding-left: 2rem; }
.pair h4 { margin: 0; font-size: .85rem; font-weight: 500; color: #55606f; }
.pair .figure { min-height: 24rem; }
.diff { background: #f6f7f9; padding: .6rem .9rem; }
.diff .gone { color: #9a1c14; background: #fdf0ef; } .diff .new { color: #14602f; background: #edf8f0; }
.none { color: #55606f; }
@media (max-width: 50rem) { .pair { grid-template-columns: 1fr; }
  .pair > div + div { border-left: 0; padding-left: 0; } }
"""


def comparison_page(comparison: Comparison) -> str:
    """The page as HTML; all that the notebooks put out is cleaned as in a report."""
    before, after = comparison.before, comparison.after
    same_name = before.name == after.name
    title = f"{before.name}: two runs" if same_name else f"{before.name} and {after.name}"
    figures: list[Any] = []
    parts = [
        f"<h1>{_text(title)}</h1>",
        _said(comparison),
        _runs(before, after),
        _section("Parameters", ["parameter", "before", "after"], _parameters(comparison)),
        _section("Metrics", ["metric", "before", "after", "difference", "relative"], _metrics(comparison)),
        _section("Findings", ["finding", "before", "after"], _verdicts(comparison)),
        _list("What else differed", comparison.reasons),
        _cells(comparison),
        _outputs(comparison, figures),
    ]
    return page_with(title, "\n".join(parts), figures, style=STYLE)


def shown(value: Any) -> str:
    """A number or a parameter's value as a person reads it.

    >>> shown(0.123456789), shown(None), shown(["a", "b"]), shown(True)
    ('0.123457', '', 'a, b', 'true')
    """
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else kinds.shown(value)


def signed(metric: Metric) -> tuple[str, str]:
    """A metric's difference, and as a share of what it was.

    >>> signed(Metric("f1", 0.8, 0.9)), signed(Metric("f1", None, 0.9))
    (('+0.1', '+12.5 %'), ('', ''))
    """
    if metric.difference is None:
        return "", ""
    if metric.same:
        return "0", ""
    return f"{metric.difference:+.6g}", "" if metric.relative is None else f"{100 * metric.relative:+.3g} %"


def _said(comparison: Comparison) -> str:
    return f'<p class="said">{_text(comparison.sentence)}</p>'


def _runs(before: PastRun, after: PastRun) -> str:
    rows = [
        ["when (UTC)", *(f"{run.at:%Y-%m-%d %H:%M:%S}" for run in (before, after))],
        ["run", before.short, after.short],
        ["notebook", before.name, after.name],
        ["who", before.actor, after.actor],
        ["status", before.status, after.status],
        ["what came out", before.sentence, after.sentence],
        ["seconds", *(f"{run.seconds:.1f}" for run in (before, after))],
    ]
    return _table(["", "before", "after"], rows)


def _parameters(comparison: Comparison) -> list[list[str]]:
    return [[each.name, shown(each.before), shown(each.after)] for each in comparison.parameters]


def _metrics(comparison: Comparison) -> list[list[str]]:
    metrics = sorted(comparison.metrics, key=lambda each: each.same)  # what differs first
    return [[each.name, shown(each.before), shown(each.after), *signed(each)] for each in metrics]


def _verdicts(comparison: Comparison) -> list[list[str]]:
    rows = []
    for each in comparison.verdicts:
        rows.append([f"{each.kind} of {each.subject}", each.before or "none", each.after or "none"])
        changed = (figure for figure in each.figures if not figure.same)
        rows += [[f"— {figure.name}", shown(figure.before), shown(figure.after)] for figure in changed]
    return rows


def _cells(comparison: Comparison) -> str:
    if not comparison.cells:
        return ""
    parts = ["<h2>Changed cells</h2>"]
    for cell in comparison.cells:
        word = "is new" if cell.before is None else "is gone" if cell.after is None else "changed"
        parts.append(f'<h3>Cell {cell.number} {word}</h3>\n<pre class="diff">{_diff(cell.lines)}</pre>')
    return "\n".join(parts)


def _diff(lines: Sequence[str]) -> str:
    kinds = {"+": "new", "-": "gone"}
    return "\n".join(
        f'<span class="{kinds[line[0]]}">{_text(line)}</span>' if line[:1] in kinds else _text(line) for line in lines
    )


def _outputs(comparison: Comparison, figures: list[Any]) -> str:
    differ = [output for output in comparison.outputs if not output.same]
    parts = ["<h2>Outputs</h2>"]
    alike = len(comparison.outputs) - len(differ)
    if alike:
        words = "One cell put out the same" if alike == 1 else f"{alike} cells put out the same"
        parts.append(f'<p class="none">{words} in both.</p>')
    for output in differ:
        sides = [_rendered(side, figures) for side in (output.before, output.after)]
        parts.append(
            f'<h3>Cell {output.number}</h3>\n<div class="pair"><div><h4>before</h4>{sides[0]}</div>'
            f"<div><h4>after</h4>{sides[1]}</div></div>"
        )
    return "\n".join(parts)


def _rendered(outputs: Sequence[Mapping[str, Any]], figures: list[Any]) -> str:
    import nbformat

    if not outputs:
        return '<p class="none">nothing</p>'
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "id": "outputs",
        "metadata": {},
        "outputs": list(outputs),
        "source": "",
    }
    content = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return render(nbformat.reads(json.dumps(content), as_version=4), figures)  # type: ignore[no-untyped-call]


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return f"<h2>{title}</h2>\n{_table(columns, rows)}" if rows else ""


def _list(title: str, items: Sequence[str]) -> str:
    return f"<h2>{title}</h2>\n<ul>{''.join(f'<li>{_text(item)}</li>' for item in items)}</ul>" if items else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(text: str) -> str:
    return html.escape(str(text))
