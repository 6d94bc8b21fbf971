"""The page of drift: every model's last look at its inputs, the worst first, all columns on one axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from workbench.views.audit_style import AUDIT_STYLE
from workbench.views.drawing import sparkline
from workbench.views.drift_columns import columns_table, longest
from workbench.views.evidence import folded, mark
from workbench.views.listing import Kind, Listing
from workbench.views.words import counted, listed, moment, safe, sentence, share

if TYPE_CHECKING:
    from workbench.monitoring import DriftedModel
    from workbench.views.parts import Parts

FIRST = 12  # columns shown before the rest is folded away
LOOKS = {  # looks and words
    "fail": ("no", "Drifted"),
    "not enough evidence": ("open", "Not sure yet"),
    "pass": ("yes", "No drift"),
    "": ("open", "Not looked at"),
}


def drift_listing(refresh: Callable[[], Sequence[DriftedModel]]) -> Listing[DriftedModel]:
    """The page's parts.

    Args:
        refresh: Reads the models, the worst first.
    """
    kind: Kind[DriftedModel] = Kind(
        noun="model",
        style=AUDIT_STYLE,
        name=lambda one: one.model,
        key=lambda one: one.model,
        lead=_lead,
        line=lambda one, _: line(one),
        closely=_closely,
    )
    return Listing(kind, refresh)


def line(one: DriftedModel) -> str:
    """A model in a line: its verdict, the sentence, and how the share of drifted columns went."""
    verdict = one.finding.verdict if one.finding else ""
    look, words = LOOKS[verdict]
    told = one.finding.sentence if one.finding else "Nobody has looked at what it is asked yet"
    when = f' <span class="wb-quiet">{safe(moment(one.finding.at))}</span>' if one.finding else ""
    now = ""
    if one.share is not None:
        columns = counted(len(one.columns), "column")
        now = f'<div class="wb-measure"><b>{share(one.share)}</b><span>of {columns}</span></div>'
    return (
        '<div class="wb-looked"><div>'
        f'<span class="wb-name">{safe(one.model)}</span> <span class="wb-quiet">version {one.version}</span> '
        f'<span class="wb-badge wb-{look}">{mark(verdict)}{words}</span>{when}<p>{safe(sentence(told))}</p></div>'
        f"<div>{_went(one)}</div>{now}</div>"
    )


def _went(one: DriftedModel) -> str:
    """How the share of drifted columns went, once it is known of two looks."""
    shares = [look.share for look in one.history if look.share is not None]
    if len(shares) < 2:
        return ""
    words = f"share of columns that drifted, {len(shares)} looks: now {share(shares[-1])}, most {share(max(shares))}"
    return f'{sparkline(shares, words)}<span class="wb-gloss">{counted(len(shares), "look")}</span>'


def _closely(parts: Parts, one: DriftedModel, among: Sequence[DriftedModel]) -> list[Any]:
    if one.finding is None:
        way_out = f"workbench run drift_check -p {quote(f'model={one.model}')}"
        return [parts.html(f"<p>Look at what it was asked: <code>{safe(way_out)}</code></p>")]
    most = max(longest(each.columns, each.large) for each in among)
    first, rest = one.columns[:FIRST], one.columns[FIRST:]
    table = (
        columns_table(first, most, large=one.large, axis=True)
        if first
        else '<p class="wb-empty">No column was written down.</p>'
    )
    if rest:
        table += folded(counted(len(rest), "more column"), columns_table(rest, most, large=one.large, axis=True))
    schema = str(one.finding.details.get("schema", ""))
    changed = f"<p><b>{safe(schema)}</b></p>" if schema else ""
    other = "" if one.champion in {None, one.version} else f" Version {one.champion} is champion now."
    rows = f" and {one.rows_before:,} rows of training data" if one.rows_before else ""
    served = next((figure.n for figure in one.finding.figures.values() if figure.n is not None), 0)
    about = f"Version {one.version}: {counted(served, 'row')} served{rows}.{other} All models share one axis."
    return [parts.html(f'{changed}<p class="wb-quiet">{safe(about)}</p>{table}{_history(one)}')]


def _history(one: DriftedModel) -> str:
    rows = "".join(
        f'<tr><th scope="row">{safe(moment(look.at))}</th><td>version {look.version}</td><td>{share(look.share)}</td>'
        f'<td><span class="wb-badge wb-{LOOKS[look.verdict][0]}">{mark(look.verdict)}{LOOKS[look.verdict][1]}</span>'
        "</td></tr>"
        for look in reversed(one.history)
    )
    heads = "".join(f'<th scope="col">{words}</th>' for words in ("Looked", "At", "Columns that drifted", "So"))
    return folded(
        f"All {counted(len(one.history), 'look')}" if len(one.history) > 1 else "The only look",
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>",
    )


def _lead(models: Sequence[DriftedModel]) -> str:
    if not models:
        way_out = "Train and promote the first ones: <code>workbench demo</code>"
        return f'<p class="wb-lead">No model is served, and none was looked at.</p><p>{way_out}</p>'
    verdicts = [one.finding.verdict if one.finding else "" for one in models]
    drifted = [one.model for one, verdict in zip(models, verdicts, strict=True) if verdict == "fail"]
    if drifted:
        names = listed([*drifted[:3], counted(len(drifted) - 3, "other")] if len(drifted) > 3 else drifted)
        said = f"What {names} {'is' if len(drifted) == 1 else 'are'} asked has drifted."
    elif "pass" in verdicts:
        said = "No drift was found."
    else:
        said = "Nothing is known yet."
    parts = [f"{verdicts.count('not enough evidence')} not sure yet" if "not enough evidence" in verdicts else ""]
    parts.append(f"{verdicts.count('')} not looked at" if "" in verdicts else "")
    about = ", ".join([counted(len(models), "model"), *filter(None, parts)])
    return f'<p class="wb-lead">{safe(said)}</p><p class="wb-quiet">{about}.</p>'
