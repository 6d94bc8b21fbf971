"""The page of lineage: each version with what it came of and what it led to, as a picture and as a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.evidence.tracing import shown
from workbench.ledger.lineage import Difference, Lineage
from workbench.views.evidence import folded
from workbench.views.lineage_graph import STYLE, picture, trace
from workbench.views.listing import Kind, Listing
from workbench.views.words import counted, moment, safe

if TYPE_CHECKING:
    from ipywidgets import Widget

    from workbench.views.parts import Parts


@dataclass(frozen=True)
class Traced:
    """One version with its lineage."""

    model: str
    version: int
    champion: bool  # whether it is the champion now
    registered_at: str  # ISO 8601, UTC
    registered_by: str
    trace: Callable[[], Lineage]  # what it came of and what it led to, drawn up when it is looked at
    changed: Callable[[], Sequence[Difference]]  # upstream, against the version before; read when it is shown
    count: Callable[[], int]  # the answers that it gave

    @property
    def subject(self) -> str:
        """The version's name in the ledger."""
        return f"{self.model}/{self.version}"


def lineage_page(read: Callable[[], Sequence[Traced]]) -> Widget:
    """The page on which one sees where each version comes from and what became of it.

    Args:
        read: The versions with their lineage, the newest first.
    """
    kind: Kind[Traced] = Kind(
        noun="version",
        style=STYLE,
        name=lambda one: f"{one.model} version {one.version}",
        key=lambda one: one.subject,
        lead=_lead,
        line=lambda one, _: _line(one),
        closely=_closely,
    )
    return Listing(kind, read).open()


def _lead(versions: Sequence[Traced]) -> str:
    if not versions:
        return (
            '<p class="wb-lead">No version is registered.</p><p>Train the first: <code>workbench run train</code></p>'
        )
    models = counted(len({one.model for one in versions}), "model")
    return (
        f'<p class="wb-lead">Where {counted(len(versions), "version")} of {models} come from.</p>'
        '<p class="wb-quiet">From the data on the left to decisions and answers on the right. '
        "Each step stands in an entry of the ledger.</p>"
    )


def _line(one: Traced) -> str:
    badge = '<span class="wb-badge wb-yes">Champion</span> ' if one.champion else ""
    changed = one.changed()
    if changed:
        told = ", ".join(shown(each.what, 40) for each in changed[:4])
        more = f" and {len(changed) - 4} more" if len(changed) > 4 else ""
        what = f"Against the version before, other: {safe(told)}{more}."
    else:
        what = "The first version." if one.version == 1 else "Nothing upstream differs from the version before."
    return (
        f'<div><span class="wb-name">{safe(one.model)}</span> '
        f'<span class="wb-quiet">version {one.version}</span> {badge}'
        f'<span class="wb-quiet">{safe(moment(one.registered_at))} by {safe(one.registered_by)}</span>'
        f"<p>{what}</p></div>"
    )


def _closely(parts: Parts, one: Traced, _: Sequence[Traced]) -> list[Any]:
    about = f"version:{one.subject}"
    found, given = one.trace(), one.count()
    answers = f"<p>It gave {counted(given, 'answer')}.</p>" if given else ""
    changed = ""
    if differences := one.changed():
        rows = "".join(
            f'<tr><th scope="row">{safe(shown(d.what))}</th><td>{safe(shown(d.before) or "none")}</td>'
            f"<td>{safe(shown(d.after) or 'none')}</td></tr>"
            for d in differences
        )
        heads = '<th scope="col">What</th><th scope="col">Before</th><th scope="col">Now</th>'
        changed = folded(
            "What changed upstream", f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        )
    told = folded("The same as a list", trace(found, about))
    return [parts.html(f"{picture(found, about)}{answers}{changed}{told}")]
