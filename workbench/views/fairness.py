"""The page of fairness: each model's champion and candidates, how far their groups lie apart, and any closely.

It is given versions with their last audits and a way to the threshold table that an audit kept. The explorer
of thresholds moves in the browser; all else is drawn once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.views.acting import failed
from workbench.views.audit_style import AUDIT_STYLE
from workbench.views.evidence import folded
from workbench.views.explorer import explorer
from workbench.views.fairness_told import differences, distances, groups, lead, line, particulars, trend
from workbench.views.listing import Kind, Listing
from workbench.views.words import figure_name, listed, safe

if TYPE_CHECKING:
    from workbench.audits.thresholds import ThresholdCounts
    from workbench.monitoring import AuditedVersion
    from workbench.monitoring.audited import AuditedAttribute
    from workbench.views.parts import Parts

ThresholdsOf = Callable[["AuditedVersion"], "ThresholdCounts | None"]


def fairness_listing(
    refresh: Callable[[], Sequence[AuditedVersion]], *, thresholds_of: ThresholdsOf
) -> Listing[AuditedVersion]:
    """The page's parts.

    Args:
        refresh: Reads the versions, by model, the newest first.
        thresholds_of: What every threshold would have brought in a version's audit; None where that was not kept.
    """

    def closely(parts: Parts, one: AuditedVersion, _: Sequence[AuditedVersion]) -> list[Any]:
        return _closely(parts, one, thresholds_of)

    kind: Kind[AuditedVersion] = Kind(
        noun="version",
        style=AUDIT_STYLE,
        name=lambda one: f"{one.version.model} {one.version.version}",
        key=lambda one: one.version.subject,
        lead=lead,
        line=line,
        closely=closely,
    )
    return Listing(kind, refresh)


def _closely(parts: Parts, one: AuditedVersion, thresholds_of: ThresholdsOf) -> list[Any]:
    named = quote(f"model={one.version.model}")
    again = f"workbench run fairness_audit -p {named} -p version={one.version.version}"
    if one.finding is None:
        return [parts.html(f"<p>Audit it: <code>{safe(again)}</code></p>"), parts.html(trend(one))]
    single = "".join(_told(attribute) for attribute in one.by if not attribute.crossed)
    crossed = "".join(folded(_heading(attribute), _told(attribute)) for attribute in one.by if attribute.crossed)
    return [
        parts.html(trend(one)),
        parts.html(f"<h3>Groups</h3>{single}{crossed}"),
        parts.html(differences(one)),
        parts.html("<h3>What another threshold would bring</h3>"),
        *_explored(parts, one, thresholds_of, again),
        parts.html(particulars(one)),
    ]


def _explored(parts: Parts, one: AuditedVersion, thresholds_of: ThresholdsOf, again: str) -> list[Any]:
    """The explorer, or why there is none; all else on the page stands without it."""
    try:
        table = thresholds_of(one)
    except WorkbenchError as error:
        return [parts.html(failed(error))]
    if table is None:
        words = "This audit kept no table of thresholds. Audit it again: "
        return [parts.html(f'<p class="wb-empty">{words}<code>{safe(again)}</code></p>')]
    limits = {attribute.name: attribute.impact.target for attribute in one.by}
    about = f"By {listed(list(table.attributes))}, on the audit’s own cases. The slider decides nothing."
    shown = explorer(table, own=one.version.threshold, limit=limits.get("*".join(table.attributes)))
    return [parts.html(f'<p class="wb-quiet">{safe(about)}</p>'), shown]


def _told(attribute: AuditedAttribute) -> str:
    return groups(attribute) + distances(attribute)


def _heading(attribute: AuditedAttribute) -> str:
    return f"Groups {figure_name(f'x.{attribute.name}').partition(' ')[2]}"
