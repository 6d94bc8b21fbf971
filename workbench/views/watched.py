"""One watched model as HTML: the cause first, then its hours on one time axis, its inputs, and how groups fare.

>>> seconds(0.0), seconds(0.0018), seconds(0.25), seconds(1.234)
('0 ms', '1.8 ms', '250 ms', '1.23 s')
>>> span(timedelta(hours=24)), span(timedelta(days=7)), span(timedelta(minutes=90))
('24 hours', '7 days', '90 minutes')
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from workbench.views.drift_columns import columns_table, longest
from workbench.views.evidence import findings_told, mark
from workbench.views.time_axis import Event, Panel, Series, drawn
from workbench.views.words import counted, moment, number, safe, sentence, share

if TYPE_CHECKING:
    from workbench.audits.verdict import Estimate
    from workbench.monitoring.close import Close, GroupRates
    from workbench.monitoring.hour import Hour

WORDS = {  # looks, sign and word
    "act": ("no", "fail", "Act"),
    "watch": ("open", "not enough evidence", "Watch"),
    "unseen": ("open", "not enough evidence", "Unseen"),
    "healthy": ("yes", "pass", "Well"),
}
COLUMNS = 5  # drifting columns shown, worst first
LOOKS = ("a", "b", "c")


def badge(state: str) -> str:
    """A state as a sign with its word."""
    look, sign, word = WORDS[state]
    return f'<span class="wb-badge wb-{look}">{mark(sign)}{word}</span>'


def headline(close: Close, state: str, words: str) -> str:
    """Who it is, how it is, and why: the cause first."""
    subject = close.looked.watched.subject
    since = f"champion since {moment(subject.live_since)}, generation {close.generation}"
    return (
        f'<h2>{safe(subject.model)} <span class="wb-quiet">version {subject.version}, {since}</span></h2>'
        f'<p class="wb-cause">{badge(state)} {safe(sentence(words))}</p>'
    )


def figures(close: Close) -> str:
    """What the window comes to, in numbers."""
    hour, kept = close.looked.watched.hour, close.looked.watched.subject.declared
    yes = share(hour.yes / hour.decided) if hour.decided else "–"
    parts = [
        (f"{hour.asked:,}", "requests"),
        (f"{hour.failed:,}", "failed on our side"),
        (f"{hour.refused:,}", "did not fit, refused"),
        (yes, "of the answers are yes"),
    ]
    for portion in (0.5, kept.latency[0]):
        took = hour.quantile(portion)
        parts.append((seconds(took) if took is not None else "–", f"{portion * 100:g} % answered within"))
    parts.append((f"{hour.labels:,} of {hour.rows:,}", "answers whose truth is known"))
    cells = "".join(f'<div class="wb-part"><b>{safe(got)}</b><span>{safe(words)}</span></div>' for got, words in parts)
    subject = close.looked.watched.subject
    title = f"Version {subject.version} in the last {span(close.looked.watched.window)}"
    return f'<h3>{title}</h3><div class="wb-parts">{cells}</div>'


def axis(close: Close) -> str:
    """Traffic, latency, errors, KPIs and drift on one time axis, with what moved when."""
    hours = close.hours
    if not any(hour.asked for _, hour in hours):
        return '<h3>Hour by hour</h3><p class="wb-empty">Nobody asked it in this time.</p>'
    bad = close.looked.troubles[0].since if close.looked.troubles else None
    bad = bad if bad is None or bad >= hours[0][0] else hours[0][0]
    looks = {"incident": "bad", "back": "bad"}
    events = [Event(each.at, looks.get(each.what, "move")) for each in close.marks]
    picture = drawn([at for at, _ in hours], _panels(close), events, bad_since=bad)
    told = "".join(
        f'<li><b class="wb-event-key wb-event-{event.look}">{place}</b> {moment(each.at)}: {safe(each.words)}</li>'
        for place, (each, event) in enumerate(zip(close.marks, events, strict=True), 1)
    )
    shaded = ' <span class="wb-quiet">Shaded: since it began.</span>' if bad else ""
    marks = f'<ol class="wb-marks">{told}</ol>' if told else '<p class="wb-quiet">No version moved in this time.</p>'
    return f"<h3>Hour by hour, UTC{shaded}</h3>{picture}{marks}"


def inputs(close: Close) -> str:
    """How far what it is asked has moved from what it learned from."""
    watched = close.looked.watched
    title = "<h3>Drift of what it is asked</h3>"
    if watched.drift is None:
        return f'{title}<p class="wb-empty">{safe(sentence(watched.problem)) or "It was not looked at."}</p>'
    drift = watched.drift
    worst = drift.columns[:COLUMNS]
    rest = len(drift.columns) - len(worst)
    more = f'<p class="wb-quiet">{counted(rest, "other column")} moved less.</p>' if rest else ""
    table = columns_table(worst, longest(worst, drift.large), large=drift.large)
    return f"{title}<p>{safe(sentence(drift.sentence))}</p>{table}{more}"


def fairness(close: Close) -> str:
    """How groups fare in what was answered; estimates are marked as such, and so is the last audit's date."""
    said = [signal for signal in close.looked.watched.signals if signal.kind == "fairness"]
    words = "".join(f"<p>{_verdict(signal.verdict)} {safe(signal.sentence)}</p>" for signal in said)
    audit = "" if close.audit is None else f"<h3>Last audit</h3>{findings_told({close.audit.kind: close.audit})}"
    if not close.groups:
        none = "No groups are declared, or no score was kept; fairness cannot be followed between audits."
        return f"<h3>Groups</h3>{words or f'<p class=wb-empty>{none}</p>'}{audit}"
    rows = "".join(_group(group) for group in close.groups)
    unknown = all(group.hit.value is None for group in close.groups)
    assumed = "No case of this version has a label yet to estimate from." if unknown else close.assumption
    estimate = f'<p class="wb-quiet">{safe(assumed)}</p>' if assumed else ""
    return (
        f"<h3>Groups in the last {span(close.looked.watched.window)}</h3>{words}"
        '<table class="wb-groups"><thead><tr><th scope="col">Group</th><th scope="col">Cases</th>'
        '<th scope="col">Get a yes</th><th scope="col">Of those who should get a yes, get one</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{estimate}{audit}"
    )


def seconds(value: float) -> str:
    """A duration as one says it."""
    if value >= 1:
        return f"{value:.2f} s"
    return f"{value * 1000:.0f} ms" if value >= 0.01 or not value else f"{value * 1000:.1f} ms"


def span(window: timedelta) -> str:
    """A window of time in its natural unit."""
    minutes = round(window.total_seconds() / 60)
    if minutes % 1440 == 0 and minutes > 1440:
        return counted(minutes // 1440, "day")
    return counted(minutes // 60, "hour") if minutes % 60 == 0 else counted(minutes, "minute")


def ago(since: datetime | None, now: datetime) -> str:
    """How long ago something began, in one unit.

    >>> ago(datetime(2026, 1, 1, 9), datetime(2026, 1, 1, 12)), ago(None, datetime(2026, 1, 1))
    ('3 h', '')
    """
    if since is None:
        return ""
    minutes = max(0, round((now - since).total_seconds() / 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 2880 else f"{minutes // 1440} days"


def _panels(close: Close) -> list[Panel]:
    hours = [hour for _, hour in close.hours]
    kept = close.looked.watched.subject.declared
    portion, limit = kept.latency
    asked: list[float | None] = [float(hour.asked) for hour in hours]
    if any(asked[:-1]):
        asked[-1] = None  # the hour that runs is no fall of traffic
    found = [
        Panel("Requests an hour", [Series("", asked)], _whole, filled=True),
        Panel(
            "Answered within",
            [
                Series("half", [hour.quantile(0.5) for hour in hours], "b"),
                Series(f"{portion * 100:g} %", [hour.quantile(portion) for hour in hours], "a"),
            ],
            seconds,
            limit=limit,
        ),
        Panel("Failed on our side", [Series("", [_of(hour.failed, hour.asked) for hour in hours])], _percent,
              limit=kept.errors),
        Panel("Answers that are yes", [Series("", [_of(hour.yes, hour.decided) for hour in hours])], _percent),
    ]  # fmt: skip
    for kpi in kept.kpis:
        values = [_kpi(hour, kpi.name) for hour in hours]
        unit = f", {kpi.unit} a case" if kpi.unit else ", a case"
        found.append(Panel(f"{kpi.name}{unit}", [Series("", values)], _plain, zero=False))
    if close.drift:
        lines = [Series(line.column, line.values, look) for line, look in zip(close.drift, LOOKS, strict=False)]
        drift = close.looked.watched.drift
        large = drift.large if drift is not None else None
        found.append(Panel("Drift of inputs, PSI above chance", lines, _plain, limit=large, limit_words="matters from"))
    return found


def _kpi(hour: Hour, name: str) -> float | None:
    kpi = hour.kpis.get(name)
    return kpi.mean if kpi is not None and kpi.n else None


def _group(group: GroupRates) -> str:
    kind = f"counted, {group.labelled:,} labelled" if group.labelled else "estimate"
    hit = f"{_rate(group.hit)} <span class='wb-quiet'>{kind}</span>" if group.hit.value is not None else "–"
    return (
        f'<tr><th scope="row">{safe(group.group)} <span class="wb-quiet">{safe(group.attribute)}</span></th>'
        f"<td>{group.n:,}</td><td><b>{share(group.yes)}</b></td><td>{hit}</td></tr>"
    )


def _verdict(verdict: str) -> str:
    look, words = {"fail": ("no", "Too far apart"), "pass": ("yes", "Near enough")}.get(
        verdict, ("open", "Not shown yet")
    )
    return f'<span class="wb-badge wb-{look}">{mark(verdict)}{words}</span>'


def _rate(rate: Estimate) -> str:
    ends = ""
    if rate.low is not None and rate.high is not None:
        ends = f' <span class="wb-range">{share(rate.low)} to {share(rate.high)}</span>'
    return f"<b>{share(rate.value)}</b>{ends}"


def _of(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _percent(value: float) -> str:
    return f"{100 * value:.2g} %" if value < 0.995 else f"{100 * value:.0f} %"


def _plain(value: float) -> str:
    return number(value, 2)


def names(models: Sequence[str], most: int = 3) -> str:
    """Some names, and how many more there are.

    >>> names(["a", "b", "c", "d", "e"])
    'a, b, c and 2 others'
    """
    shown, rest = list(models[:most]), len(models) - most
    if rest > 0:
        shown.append(counted(rest, "other"))
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
