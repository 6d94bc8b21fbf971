"""The summary of a sweep: `summary.csv` for machines and `index.html` for people, beside its other files.

Both are written anew each time the sweep ends or is stopped. Links lead to the reports of the runs, from
folder to folder, so that a workspace can be moved. All names and texts are of others, and are escaped.
"""

from __future__ import annotations

import csv
import html
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.batch.folders import REPORT, runs_folder, write_whole
from workbench.batch.kinds import shown
from workbench.batch.page import page
from workbench.batch.sweeps.folder import Sweep
from workbench.batch.sweeps.pictures import drawn
from workbench.batch.sweeps.results import Child, SweepResult, columns_of, row_of, runs_told, value_of

SUMMARY = "summary.csv"
MEGABYTE = 1_000_000
SHORT = 24  # letters of a text that is not broken into lines
MOST_VALUES = 8  # of a swept parameter that are written out
WORDS = {"finished": "finished", "failed": "failed", "waiting": "not run yet"}
STYLE = """
main { max-width: 76rem; }
caption { text-align: left; color: #55606f; padding-bottom: .4rem; }
.runs td { max-width: 24rem; overflow-wrap: normal; } .runs .text { min-width: 8rem; }
.runs .short { white-space: nowrap; }
.runs .number { text-align: right; padding-right: 1.4rem; white-space: nowrap; }
.runs th button { all: unset; cursor: pointer; font-weight: 600; white-space: nowrap; }
.runs th button:focus-visible { outline: 3px solid #2463a6; outline-offset: 2px; }
.runs th button:hover { text-decoration: underline; }
.runs th[aria-sort=ascending] button::after { content: " \\2191"; }
.runs th[aria-sort=descending] button::after { content: " \\2193"; }
.runs tr.best td { background: #fdf4ec; font-weight: 600; } .runs .bad { color: #b3261e; }
a { color: #1d5590; } svg { margin: .5rem 0; }
"""
SORT = """
const body = document.querySelector(".runs tbody");
for (const [place, head] of [...document.querySelectorAll(".runs th")].entries()) {
  head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => row.children[place].dataset.value ?? row.children[place].textContent;
    const order = (one, two) => {
      const [a, b] = [value(one), value(two)];
      if (a === "" || b === "") return (a === "") - (b === "");
      const size = isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
      return down ? -size : size;
    };
    body.append(...[...body.children].sort(order));
  });
}
"""


def write_summary(sweep: Sweep, result: SweepResult, *, root: Path) -> None:
    """Write both files, each whole or not at all.

    Args:
        sweep: What was planned.
        result: How it stands.
        root: The workspace's folder.
    """
    write_whole(result.folder / SUMMARY, as_csv(result))
    runs = os.path.relpath(runs_folder(root), result.folder)
    write_whole(result.page, as_page(sweep, result, runs=runs))


def as_csv(result: SweepResult) -> str:
    """One row a run, in the order of the plan."""
    told = io.StringIO()
    lines = csv.writer(told, lineterminator="\n")
    lines.writerow(columns_of(result.swept, result.metrics))
    lines.writerows(row_of(child, result.swept, result.metrics) for child in result.children)
    return told.getvalue()


def as_page(sweep: Sweep, result: SweepResult, *, runs: str) -> str:
    """The page about a sweep.

    Args:
        sweep: What was planned.
        result: How it stands.
        runs: The way from the page to the folder of runs.
    """
    title = f"Sweep of {sweep.name}"
    failed = " failed" if result.count("failed") else ""
    metric = result.measure.metric if result.measure else next(iter(result.metrics), "")
    picture = drawn(result.children, result.swept, metric, result.best)
    body = (
        f'<h1>{html.escape(title)}</h1><p class="said{failed}">{html.escape(in_words(result))}</p>'
        f"{_facts(sweep)}"
        + (f"<h2>{html.escape(metric)} over what was swept</h2>{picture}" if picture else "")
        + f"<h2>Runs</h2>{_table(result, runs)}"
    )
    return page(title, body, scripts=[SORT], style=STYLE)


def in_words(result: SweepResult) -> str:
    """How a sweep stands, in a sentence or two."""
    counts = [
        f"{result.count(status)} {WORDS[status]}"
        for status in ("finished", "failed", "waiting")
        if result.count(status)
    ]
    told = f"{runs_told(len(result.children))}: {', '.join(counts)}"
    if result.reused:
        told += f" ({result.reused} from earlier runs)"
    if result.measure is None:
        return f"{told}."
    metric, way = result.measure.metric, "lowest" if result.measure.lowest else "highest"
    if result.best is None:
        known = ", ".join(result.metrics) or "none at all"
        return f"{told}. No run has the metric {metric}; they have {known}."
    values = ", ".join(f"{name} = {value_of(result.best.parameters, name)}" for name in result.swept)
    return f"{told}. The {way} {metric} is {result.best.metrics[metric]:.6g}, of run {result.best.number}: {values}."


def _facts(sweep: Sweep) -> str:
    plan = sweep.plan
    how = {"grid": "all combinations", "zip": "side by side", "rows": "as listed"}[plan.how]
    rows = [(name, f"swept over {_values([value_of(run, name) for run in plan.runs])}") for name in plan.swept]
    rows += [(name, shown(value)) for name, value in plan.fixed.items()]
    rows += [
        ("how", f"{runs_told(len(plan.runs))}, {how}"),
        ("begun", f"{sweep.began.replace('T', ' ')[:16]} UTC by {sweep.actor}"),
        ("sweep", sweep.id),
        ("notebook", f"{Path(sweep.source).name}, cells {sweep.notebook_digest[:12]}"),
    ]
    told = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>" for name, value in rows)
    return f'<table class="parameters">{told}</table>'


def _values(values: Sequence[str]) -> str:
    told = list(dict.fromkeys(values))
    listed = " · ".join(told[:MOST_VALUES])
    return listed if len(told) <= MOST_VALUES else f"{listed} … {told[-1]} ({len(told)} values)"


def _table(result: SweepResult, runs: str) -> str:
    heads = ["run", *result.swept, *result.metrics, "status", "seconds", "CPU s", "memory MB", "what it said"]
    told = "".join(f'<th scope="col"><button type="button">{html.escape(head)}</button></th>' for head in heads)
    rows = "".join(_row(child, result, runs) for child in result.ranked())
    order = "the best first" if result.measure else "in the order of the plan"
    caption = f"Runs, {order}. A press on a heading sorts by it."
    return (
        f'<table class="runs"><caption>{caption}</caption><thead><tr>{told}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _row(child: Child, result: SweepResult, runs: str) -> str:
    link = f'<a href="{html.escape(quote(f"{runs}/{child.folder}/{REPORT}"))}">{child.number}</a>'
    cells = [f'<td class="number" data-value="{child.number}">{link if child.folder else child.number}</td>']
    cells += [_cell(child.parameters.get(name), value_of(child.parameters, name)) for name in result.swept]
    cells += [_number(child.metrics.get(name)) for name in result.metrics]
    status = WORDS[child.status] + (", from an earlier run" if child.reused else "")
    bad = " bad" if child.status == "failed" else ""
    cells.append(f'<td class="short{bad}">{status}</td>')
    taken = [child.seconds, child.cpu_seconds, child.peak_memory / MEGABYTE]
    cells += [_number(round(value, 1) if value else None) for value in taken]
    cells.append(f'<td class="text{bad}">{html.escape(child.sentence)}</td>')
    best = ' class="best"' if child is result.best else ""
    return f"<tr{best}>{''.join(cells)}</tr>"


def _cell(value: Any, told: str) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="number" data-value="{value!r}">{html.escape(told)}</td>'
    kind = "short" if len(told) <= SHORT else "text"
    return f'<td class="{kind}">{html.escape(told)}</td>'


def _number(value: float | None) -> str:
    return (
        '<td class="number"></td>' if value is None else f'<td class="number" data-value="{value!r}">{value:.6g}</td>'
    )
