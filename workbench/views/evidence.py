"""The evidence about a version as HTML: what the policy says of it, its figures, the findings behind them.

>>> verdict(Decision("allow", (), "promotion", "p" * 64, "i"), "lending 3").count("The policy says yes")
1
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from workbench.evidence import Figure, Finding
from workbench.ledger import ModelVersion
from workbench.policy import Decision, Reason
from workbench.promotion import side_by_side
from workbench.views.drawing import Scale, certainty, interval, scale_over
from workbench.views.words import GLOSSES, counted, difference, figure_name, listed, moment, number, safe, sentence

FIRST = 6  # figures shown before the rest is folded away
LEADING = {"f1": 1, "disparate_impact": 2, "auc": 3, "accuracy": 4}  # what the policy named stands before them
REST = 5
MARKS = {  # a shape beside each word: nothing rests on colour alone
    "pass": '<path d="M3 8.5l3.2 3.2L13 4.8"/>',
    "fail": '<path d="M4 4l8 8M12 4l-8 8"/>',
    "people": '<path d="M8 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 8 8zM3 13.6c.4-2.6 2.3-3.8 5-3.8s4.6 1.2 5 3.8"/>',
    "not enough evidence": '<path d="M6 6.2a2 2 0 1 1 2.6 1.9c-.4.2-.6.5-.6 1M8 11.6v.2"/>',
}


def mark(verdict: str) -> str:
    """A small sign for a verdict; decoration beside the word, so hidden from screen readers."""
    path = MARKS.get(verdict, MARKS["not enough evidence"])
    return f'<svg class="wb-sign" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">{path}</svg>'


def verdict(decision: Decision | None, name: str) -> str:
    """What the policy says, in words, with what would turn each reason."""
    if decision is None:
        return '<div class="wb-verdict wb-open"><p class="wb-says">The policy has not been asked.</p></div>'
    if decision.allowed:
        return (
            f'<div class="wb-verdict wb-yes"><p class="wb-says">{mark("pass")}The policy says yes</p>'
            f"<p>{safe(name)} meets every condition. A person decides.</p></div>"
        )
    if decision.people is not None:
        return (
            f'<div class="wb-verdict wb-open"><p class="wb-says">{mark("people")}The policy wants people first</p>'
            f"<p>{safe(sentence(decision.people.why))}</p><p>Needed: {safe(decision.people.asked)}.</p></div>"
        )
    return (
        f'<div class="wb-verdict wb-no"><p class="wb-says">{mark("fail")}The policy says no</p>'
        f"{reasons(decision.reasons)}</div>"
    )


def reasons(given: Iterable[Reason]) -> str:
    """The reasons of a denial as a list, each with its way out."""
    items = [
        f"<li>{safe(sentence(reason.message))}"
        + (f'<span class="wb-flip">To pass: {safe(reason.flip.rstrip("."))}.</span>' if reason.flip else "")
        + "</li>"
        for reason in given
    ]
    return f'<ul class="wb-reasons">{"".join(items)}</ul>' if items else "<p>It gave no reason.</p>"


def comparison(
    findings: Mapping[str, Finding],
    against: Mapping[str, Finding],
    *,
    champion: int | None,
    decision: Decision | None = None,
) -> str:
    """The figures of a version with their intervals, beside the champion's."""
    figures, theirs = _figures(findings), _figures(against)
    if not figures:
        return '<p class="wb-empty">No evidence has been recorded about this version yet.</p>'
    named = {reason.metric for reason in decision.reasons} if decision else set()
    first, rest = _told_apart(figures, named)
    table = _table(first, theirs, champion) + _only_theirs(findings, against)
    if not rest:
        return table
    return table + folded(counted(len(rest), "more figure"), _table(rest, theirs, champion))


def _only_theirs(findings: Mapping[str, Finding], against: Mapping[str, Finding]) -> str:
    """What was measured of the champion alone, so that no gap goes unseen."""
    names = [figure_name(row.name) for row in side_by_side(findings, against) if row.candidate is None]
    if not names:
        return ""
    told = listed(names[:FIRST]) if len(names) <= FIRST else f"{', '.join(names[:FIRST])} and {len(names) - FIRST} more"
    return f'<p class="wb-quiet">Measured of the champion, not of this version: {safe(told)}.</p>'


def findings_told(findings: Mapping[str, Finding]) -> str:
    """Each finding's verdict and sentence, with when it was found."""
    items = [
        f'<li><span class="wb-badge wb-{_look(found.verdict)}">{mark(found.verdict)}'
        f"{safe(found.kind.capitalize())}: {safe(found.verdict)}</span> "
        f'{safe(sentence(found.sentence))} <span class="wb-quiet">{safe(moment(found.at))}</span></li>'
        for found in findings.values()
    ]
    return f'<ul class="wb-findings">{"".join(items)}</ul>' if items else ""


def particulars(version: ModelVersion, findings: Mapping[str, Finding], decision: Decision | None) -> str:
    """Where a version comes from, folded away: data, features, threshold, digests."""
    answer = (
        "no threshold" if version.threshold is None else f"yes at a score of {number(version.threshold, 2)} or more"
    )
    rows = [
        ("Answers", answer),
        ("Reads", f"feature set {version.feature_set}"),
        (
            "Settings",
            ", ".join(f"{k} = {v}" for k, v in version.parameters.items() if v not in ("", None)) or "none recorded",
        ),
        ("Registered", f"{moment(version.registered_at)}, by {version.registered_by}"),
        ("Trained in run", version.run_id),
        ("Training data", version.data_digest),
        ("Model files", version.model_digest),
        *((f"{kind.capitalize()} evidence", found.digest) for kind, found in findings.items()),
    ]
    if decision is not None:
        rows.append(("Policy", f"{decision.policy}, {decision.policy_digest}"))
    cells = "".join(f"<dt>{safe(name)}</dt><dd>{safe(value)}</dd>" for name, value in rows)
    return folded("Where it comes from", f'<dl class="wb-particulars">{cells}</dl>')


def folded(words: str, inside: str) -> str:
    """A piece of HTML that is shown when asked for."""
    return f'<details class="wb-more"><summary>{safe(words)}</summary>{inside}</details>'


def headline(findings: Mapping[str, Finding], most: int = 3) -> str:
    """A version's leading figures in one line, of each family the lowest: "F1 0.938 · AUC 0.848"."""
    first, _ = _told_apart(_figures(findings), set())
    lowest: dict[str, tuple[str, float]] = {}
    for name, figure in first.items():
        family = name.partition(".")[0]
        if figure.value is not None and (family not in lowest or figure.value < lowest[family][1]):
            lowest[family] = (name, figure.value)
    told = [f"{safe(figure_name(name))} <b>{number(value)}</b>" for name, value in lowest.values()]
    return " · ".join(told[:most])


def _figures(findings: Mapping[str, Finding]) -> dict[str, Figure]:
    return {name: figure for finding in findings.values() for name, figure in finding.figures.items()}


def _told_apart(figures: Mapping[str, Figure], named: set[str | None]) -> tuple[dict[str, Figure], dict[str, Figure]]:
    """First the families the policy spoke of, then the leading ones; at most `FIRST`, families together."""
    ranks: dict[str, int] = {}
    for name in figures:
        family = name.partition(".")[0]
        ranks[family] = 0 if name in named else min(ranks.get(family, REST), LEADING.get(family, REST))

    def order(name: str) -> tuple[int, str, int]:
        family = name.partition(".")[0]
        return ranks[family], family, name.count("*")

    ordered = sorted(figures, key=order)
    keep = [name for name in ordered if ranks[name.partition(".")[0]] < REST][:FIRST] or ordered[:FIRST]
    return {name: figures[name] for name in keep}, {name: figures[name] for name in ordered if name not in keep}


def _table(figures: Mapping[str, Figure], theirs: Mapping[str, Figure], champion: int | None) -> str:
    heads = '<th scope="col">This version</th>'
    if champion is not None:
        heads += f'<th scope="col">Champion, version {champion}</th>'
    body = "".join(
        line
        for family, names in groupby(figures, key=lambda name: name.partition(".")[0])
        for line in _family(family, list(names), figures, theirs, champion)
    )
    legend = '<span class="wb-key wb-key-ours">this version</span>'
    legend += '<span class="wb-key wb-key-theirs">champion</span>' if champion is not None else ""
    legend += (
        '<span class="wb-key wb-key-limit">limit</span>' if any(f.target is not None for f in figures.values()) else ""
    )
    return (
        f'<table class="wb-figures"><thead><tr><th scope="col">Figure</th>'
        f'<th scope="col" class="wb-plot"><span class="wb-legend">{legend}</span></th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _family(
    family: str,
    names: list[str],
    figures: Mapping[str, Figure],
    theirs: Mapping[str, Figure],
    champion: int | None,
) -> Iterator[str]:
    """Figures of one family share their scale, so that they can be compared by eye."""
    both = [figures[name] for name in names] + [theirs[name] for name in names if name in theirs]
    scale = scale_over(both)
    for place, name in enumerate(names):
        gloss = GLOSSES.get(family, "") if place == 0 else ""
        last = place == len(names) - 1
        yield _row(name, gloss, figures[name], theirs.get(name), scale, champion, axis=last)


def _row(
    name: str, gloss: str, figure: Figure, other: Figure | None, scale: Scale, champion: int | None, *, axis: bool
) -> str:
    under = f'<span class="wb-gloss">{safe(gloss)}</span>' if gloss else ""
    sure = certainty(figure)
    ends = f'<span class="wb-axis"><span>{number(scale.low, 2)}</span><span>{number(scale.high, 2)}</span></span>'
    cells = (
        f'<th scope="row">{safe(figure_name(name))}{under}</th>'
        f'<td class="wb-plot">{interval(figure, scale, other)}{ends if axis else ""}</td>'
        f'<td class="wb-number"><b>{number(figure.value)}</b>{_range(figure)}'
        + (f'<span class="wb-gloss">{safe(sure)}</span>' if sure else "")
        + "</td>"
    )
    if champion is not None:
        cells += f'<td class="wb-number">{_beside(figure, other)}</td>'
    return f"<tr>{cells}</tr>"


def _range(figure: Figure) -> str:
    if figure.low is None or figure.high is None or not (math.isfinite(figure.low) and math.isfinite(figure.high)):
        return ""
    return f' <span class="wb-range">{number(figure.low)} to {number(figure.high)}</span>'


def _beside(figure: Figure, other: Figure | None) -> str:
    if other is None or other.value is None:
        return '<span class="wb-quiet">not measured</span>'
    told = f"{number(other.value)}{_range(other)}"
    if figure.value is None:
        return told
    return f'{told}<span class="wb-gloss">difference {difference(figure.value - other.value)}</span>'


def _look(verdict: str) -> str:
    return {"pass": "yes", "fail": "no"}.get(verdict, "open")
