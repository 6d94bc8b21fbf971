"""What an audit of fairness said, as HTML: a version's line, its groups, its distances, the trend over versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.evidence import Figure
from workbench.views.drawing import Scale, certainty, interval, scale_over, spoken
from workbench.views.evidence import folded, mark
from workbench.views.words import counted, figure_name, moment, number, safe, sentence, share

if TYPE_CHECKING:
    from workbench.monitoring import AuditedVersion
    from workbench.monitoring.audited import AuditedAttribute, AuditedGroup, Point

LOOKS = {  # looks and words
    "pass": ("yes", "Shown to be fair"),
    "fail": ("no", "Not fair"),
    "not enough evidence": ("open", "Not shown"),
    "": ("open", "Not audited"),
}
RATES = {  # by metric, with what it is called by others
    "selection_rate": ("Selected", "of all"),
    "tpr": ("Of true yeses", "true positive rate"),
    "fpr": ("Of true noes", "false positive rate"),
    "accuracy": ("Right", "accuracy"),
}
DISTANCES = {
    "demographic_parity_difference": "Selection rates, highest less lowest",
    "equal_opportunity_difference": "Selected of true yeses, highest less lowest",
    "equalized_odds_difference": "Error rates, the larger of both gaps",
}
ERRORS = {  # the lattice's metrics
    "fnr": "Refused of true yeses",
    "fpr": "Selected of true noes",
    "selection_rate": "Selected of all",
    "precision": "True yeses of the selected",
}
MOST = 10  # differences that are shown
TREND = (240, 96)  # width and height of a trend, in pixels


def lead(versions: Sequence[AuditedVersion]) -> str:
    """The page's first words."""
    if not versions:
        way_out = "Train and audit the first ones: <code>workbench demo</code>"
        return f'<p class="wb-lead">No model is in use or waits.</p><p>{way_out}</p>'
    verdicts = [_verdict(one) for one in versions]
    unfair = [one for one, verdict in zip(versions, verdicts, strict=True) if verdict == "fail"]
    champions = [one.version.subject.replace("/", " ") for one in unfair if one.stage == "champion"]
    if champions:
        said = f"In use and not fair: {', '.join(champions)}."
    else:
        said = f"{verdicts.count('pass')} of {counted(len(versions), 'version')} shown to be fair."
    parts = [
        f"{len(unfair)} not fair" if unfair else "",
        f"{verdicts.count('not enough evidence')} not shown to be" if "not enough evidence" in verdicts else "",
        f"{verdicts.count('')} not audited" if "" in verdicts else "",
    ]
    models = counted(len({one.version.model for one in versions}), "model")
    about = ", ".join([f"{counted(len(versions), 'version')} of {models}", *filter(None, parts)])
    return f'<p class="wb-lead">{safe(said)}</p><p class="wb-quiet">{about}.</p>'


def line(one: AuditedVersion, among: Sequence[AuditedVersion]) -> str:
    """A version: its verdict, the sentence, and the disparate impact by each attribute on an axis that all share."""
    verdict = _verdict(one)
    look, words = LOOKS[verdict]
    told = one.finding.sentence if one.finding else "Nobody has audited it yet"
    scale = scale_over(attribute.impact for each in among for attribute in each.by)
    rows = "".join(_impact(attribute, scale, axis=attribute is one.by[-1]) for attribute in one.by)
    heads = (
        '<thead><tr><th scope="col">Disparate impact</th><th scope="col" class="wb-plot"><span class="wb-legend">'
        '<span class="wb-key wb-key-ours">with 95 % interval</span><span class="wb-key wb-key-limit">limit</span>'
        '</span></th><th scope="col">Value</th><th scope="col">So</th></tr></thead>'
    )
    table = f'<table class="wb-impacts">{heads}<tbody>{rows}</tbody></table>' if rows else ""
    return (
        f'<div><span class="wb-name">{safe(one.version.model)}</span> '
        f'<span class="wb-quiet">version {one.version.version}, {safe(one.stage)}</span> '
        f'<span class="wb-badge wb-{look}">{mark(verdict)}{words}</span>'
        f"<p>{safe(sentence(told))}</p>{table}</div>"
    )


def trend(one: AuditedVersion) -> str:
    """The disparate impact of the model's versions, one picture an attribute; nothing of fewer than two."""
    drawn = {name: points for name, points in one.trend.items() if len(points) > 1}
    if not drawn:
        return ""
    scale = scale_over(point.impact for points in drawn.values() for point in points)
    pictures = "".join(_trend(name, points, scale, one.version.version) for name, points in drawn.items())
    return f'<h3>Over the versions of {safe(one.version.model)}</h3><div class="wb-trends">{pictures}</div>'


def groups(attribute: AuditedAttribute) -> str:
    """Each group's rates with their intervals; a rate of nobody is undefined, and a group too small is grey."""
    if not attribute.groups:
        return f'<p class="wb-empty">No rates by {safe(attribute.name)} were written down.</p>'
    scale = scale_over(group.rates["selection_rate"] for group in attribute.groups if "selection_rate" in group.rates)
    rows = "".join(
        _group(group, scale, axis=place == len(attribute.groups) - 1) for place, group in enumerate(attribute.groups)
    )
    name = figure_name(f"x.{attribute.name}").partition(" by ")[2]
    heads = "".join(
        f'<th scope="col">{words}<span class="wb-gloss">{called}</span></th>' for words, called in RATES.values()
    )
    return (
        f'<div class="wb-wide"><table class="wb-groups"><thead><tr><th scope="col">{safe(name.capitalize())}</th>'
        f'<th scope="col">Cases</th><th scope="col" class="wb-plot"></th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def distances(attribute: AuditedAttribute) -> str:
    """The other distances between an attribute's groups, folded away."""
    known = {name: figure for name, figure in attribute.distances.items() if name in DISTANCES}
    if not known:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{DISTANCES[name]}</th><td class="wb-number">{_with_range(figure)}</td>'
        f"<td>{_within(figure)}</td></tr>"
        for name, figure in known.items()
    )
    return folded("Other distances", f"<table><tbody>{rows}</tbody></table>")


def differences(one: AuditedVersion) -> str:
    """Who fares otherwise than one attribute explains, the surest first; nothing where no lattice was kept."""
    if not one.compared:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{safe(row.name)}<span class="wb-gloss">{safe(" and ".join(row.attributes))}</span></th>'
        f"<td>{safe(ERRORS.get(row.metric, row.metric))}</td>"
        f'<td class="wb-number"><b>{share(row.value)}</b><span class="wb-gloss">of {counted(row.n, "case")}</span></td>'
        f'<td class="wb-number">{share(row.others_value)}<span class="wb-gloss">{safe(row.others)}</span></td>'
        f'<td class="wb-number">{share(abs(row.difference))} {"more" if row.difference > 0 else "less"}'
        f'<span class="wb-gloss">surely {share(row.sure)}</span></td></tr>'
        for row in one.differences[:MOST]
    )
    heads = "".join(f'<th scope="col">{words}</th>' for words in ("Group", "What", "There", "Beside", "Difference"))
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    wide = f'<div class="wb-wide">{table}</div>' if rows else ""
    return f"<h3>Who fares otherwise than one attribute explains</h3><p>{safe(one.compared)}</p>{wide}"


def particulars(one: AuditedVersion) -> str:
    """Where the audit comes from, folded away."""
    if one.finding is None:
        return ""
    told = [("Audited", moment(one.finding.at)), ("By run", one.finding.run_id), ("Data", one.finding.data_digest)]
    told.append(("Evidence", one.finding.digest))
    cells = "".join(f"<dt>{name}</dt><dd>{safe(value)}</dd>" for name, value in told)
    return folded("Where it comes from", f'<dl class="wb-particulars">{cells}</dl>')


def _verdict(one: AuditedVersion) -> str:
    return one.finding.verdict if one.finding else ""


def _impact(attribute: AuditedAttribute, scale: Scale, *, axis: bool) -> str:
    look, words = LOOKS[attribute.verdict]
    name = figure_name(f"x.{attribute.name}").partition(" ")[2]
    more = f"; {counted(attribute.more_cases, 'more case')} would decide it" if attribute.more_cases else ""
    sure = certainty(attribute.impact)
    gloss = f'<span class="wb-gloss">{safe(sure + more)}</span>' if sure else ""
    ends = f'<span class="wb-axis"><span>{number(scale.low, 2)}</span><span>{number(scale.high, 2)}</span></span>'
    return (
        f'<tr><th scope="row">{safe(name)}</th>'
        f'<td class="wb-plot">{interval(attribute.impact, scale)}{ends if axis else ""}</td>'
        f'<td class="wb-number">{_with_range(attribute.impact)}</td>'
        f'<td><span class="wb-badge wb-{look}">{mark(attribute.verdict)}{words}</span>{gloss}</td></tr>'
    )


def _group(group: AuditedGroup, scale: Scale, *, axis: bool) -> str:
    undefined = Figure(None)
    selected = group.rates.get("selection_rate", undefined)
    note = "" if group.compared else '<span class="wb-gloss">not compared</span>'
    ends = f'<span class="wb-axis"><span>{share(scale.low)}</span><span>{share(scale.high)}</span></span>'
    rates = "".join(f"<td class='wb-number'>{_rate(group.rates.get(name, undefined))}</td>" for name in RATES)
    look = "" if group.compared else ' class="wb-left-out"'
    return (
        f'<tr{look}><th scope="row">'
        f'{safe(group.name)}{note}</th><td class="wb-number">{group.n:,}</td>'
        f'<td class="wb-plot">{interval(selected, scale)}{ends if axis else ""}</td>{rates}</tr>'
    )


def _rate(figure: Figure) -> str:
    if figure.value is None:
        return '<span class="wb-quiet">undefined: nobody</span>'
    told = f"<b>{share(figure.value)}</b>"
    if figure.low is not None and figure.high is not None:
        told += f'<span class="wb-gloss">{share(figure.low)} to {share(figure.high)}</span>'
    return told


def _with_range(figure: Figure) -> str:
    told = f"<b>{number(figure.value)}</b>"
    if figure.low is not None and figure.high is not None:
        told += f' <span class="wb-range">{number(figure.low)} to {number(figure.high)}</span>'
    return told


def _within(figure: Figure) -> str:
    if figure.probability is None or figure.target is None:
        return ""
    return f"{number(figure.target, 2)} or less with a probability of {share(figure.probability)}"


def _trend(name: str, points: Sequence[Point], scale: Scale, own: int) -> str:
    """One attribute: a point and its interval a version; the version that is looked at is filled."""
    width, height = TREND
    drawn = []
    target = points[-1].impact.target
    if target is not None:
        y = _up(target, scale)
        drawn.append(f'<line class="wb-limit" x1="0" x2="{width}" y1="{y}" y2="{y}"/>')
    for place, point in enumerate(points):
        x = round(width * (place + 0.5) / len(points), 1)
        figure = point.impact
        if figure.low is not None and figure.high is not None:
            ends = f'y1="{_up(figure.low, scale)}" y2="{_up(figure.high, scale)}"'
            drawn.append(f'<line class="wb-ours" x1="{x}" x2="{x}" {ends}/>')
        if figure.value is not None:
            look = "wb-ours" if point.version == own else "wb-other"
            drawn.append(f'<circle class="{look}" cx="{x}" cy="{_up(figure.value, scale)}" r="5"/>')
    told = "; ".join(f"version {point.version}: {spoken(point.impact)}" for point in points)
    title = figure_name(f"x.{name}").partition(" ")[2]
    marks = "".join(
        f'<span>{number(point.impact.value, 2)}<span class="wb-gloss">version {point.version}</span></span>'
        for point in points
    )
    return (
        f'<div class="wb-trend"><b>{safe(title.capitalize())}</b><svg role="img" viewBox="0 0 {width} {height}" '
        f'aria-label="{safe(f"Disparate impact {title}; {told}")}">{"".join(drawn)}</svg>'
        f'<p class="wb-numbers">{marks}</p></div>'
    )


def _up(value: float, scale: Scale) -> float:
    height = TREND[1]
    return round(height - 6 - (height - 12) * scale.at(value) / 100, 1)
