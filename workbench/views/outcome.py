"""What a run came to as HTML: the sentence, the numbers, what was found, and what changed since the last run.

>>> changes([Change("metric", "f1", 0.93, 0.91)]).count("<tr>")
2
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from workbench.batch import Outcome
from workbench.views.acting import confirmed, refused
from workbench.views.evidence import mark
from workbench.views.words import counted, difference, number, safe, sentence

BADGES = {"pass": "wb-yes", "fail": "wb-no"}
FEW = 12  # metrics that are shown at once; more are folded
SAME = "The same parameters and the same metrics as in the last run."


@dataclass(frozen=True)
class Change:
    """What differs between a run and the one before it."""

    kind: Literal["parameter", "metric"]
    name: str
    before: Any  # plain JSON; None: it was not there
    after: Any


@dataclass(frozen=True)
class Place:
    """Where a run is to be found."""

    report: str  # its path as a person sees it, below the workspace
    report_link: str = ""  # where a browser opens it; empty: nowhere
    run_link: str = ""  # where MLflow shows it; empty: not known


def told(outcome: Outcome, place: Place) -> str:
    """What came out, or what went wrong."""
    if outcome.status == "failed":
        return refused(sentence(outcome.sentence), _way_out(outcome, place)) + _where(outcome, place)
    words = outcome.sentence or f"{outcome.name} ran to its end."
    return confirmed(words) + _because(outcome) + _found(outcome) + _metrics(outcome.metrics) + _where(outcome, place)


def changes(found: Sequence[Change]) -> str:
    """What changed since the last run, parameters first."""
    if not found:
        return f'<p class="wb-quiet">{SAME}</p>'
    rows = "".join(
        f"<tr><th scope='row'>{safe(change.name)}</th><td>{_value(change.before)}</td>"
        f"<td>{_value(change.after)}</td><td>{_by(change)}</td></tr>"
        for change in sorted(found, key=lambda change: change.kind != "parameter")
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("", "before", "now", "difference"))
    return f'<table class="wb-numbers"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _because(outcome: Outcome) -> str:
    """Why it ran, or why nothing did."""
    if outcome.reused:
        which = f": {safe(outcome.because)}" if outcome.because else ""
        return f"<p>It ran before; this is what it came to then. Nothing was run{which}.</p>"
    return f'<p class="wb-quiet">{safe(sentence(outcome.because))}</p>' if outcome.because else ""


def _way_out(outcome: Outcome, place: Place) -> str:
    notebook = PurePath(place.report).with_name(outcome.notebook.name)
    return f'<div class="wb-hint">What helps: it is kept as far as it came in <code>{safe(notebook)}</code></div>'


def _found(outcome: Outcome) -> str:
    items = [
        f'<li><span class="wb-badge {BADGES.get(str(finding["verdict"]), "wb-open")}">'
        f"{mark(str(finding['verdict']))}{safe(finding['verdict'])}</span> "
        f"{safe(finding['kind'])} of {safe(finding['subject'])}{_said(finding, outcome)}</li>"
        for finding in outcome.findings
    ]
    items += [f"<li>Registered: <b>{safe(model)} {version}</b></li>" for model, version in outcome.versions]
    return f'<ul class="wb-findings">{"".join(items)}</ul>' if items else ""


def _said(finding: Mapping[str, Any], outcome: Outcome) -> str:
    """What a finding says, where it is not what the whole run says."""
    words = str(finding["sentence"])
    return "" if words == outcome.sentence else f": {safe(sentence(words))}"


def _metrics(metrics: Mapping[str, float]) -> str:
    if not metrics:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{safe(name)}</th><td>{number(value, places=4)}</td></tr>'
        for name, value in metrics.items()
    )
    table = f'<table class="wb-numbers"><tbody>{rows}</tbody></table>'
    unfolded = " open" if len(metrics) <= FEW else ""
    return f"<details class='wb-more'{unfolded}><summary>{counted(len(metrics), 'metric')}</summary>{table}</details>"


def _where(outcome: Outcome, place: Place) -> str:
    rows = [
        ("Report", link(place.report_link, place.report)),
        ("MLflow run", link(place.run_link, outcome.run_id)),
    ]
    told = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return f'<dl class="wb-particulars">{told}</dl>'


def link(address: str, words: str) -> str:
    """Words that lead to an address, where it is one; Jupyter serves no file to a link without a referrer."""
    if address.startswith(("/", "http://", "https://")) and not address.startswith("//"):
        return f'<a href="{safe(address)}" target="_blank" rel="noopener">{safe(words)}</a>'
    return f"<code>{safe(words)}</code>"


def _value(value: Any) -> str:
    if value is None:
        return '<span class="wb-quiet">none</span>'
    if isinstance(value, float):
        return number(value, places=4)
    if isinstance(value, list | tuple):
        return safe(", ".join(str(item) for item in value))
    return safe(str(value).lower() if isinstance(value, bool) else str(value) or "(empty)")


def _by(change: Change) -> str:
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in (change.before, change.after)):
        return ""
    by = change.after - change.before
    return f"{by:+,}".replace("-", "−") if isinstance(by, int) else difference(by)
