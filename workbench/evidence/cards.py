"""The model card of a version, and the technical documentation of its model: chosen from what is known, never typed.

The documentation follows the sections of Annex IV of the European AI Act; what no evidence says is a hole.

Source:
    Regulation (EU) 2024/1689, Annex IV, points 1 to 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.evidence import parts
from workbench.evidence.blocks import Hole, Section, as_html, as_markdown, holes
from workbench.evidence.known import Known

NEEDED = ("performance", "fairness")


@dataclass(frozen=True)
class Card:
    """A page about one version: its title, its lead and its sections."""

    title: str
    lead: str
    sections: Sequence[Section]

    @property
    def holes(self) -> list[Hole]:
        """What is missing, in order."""
        return holes(self.sections)

    def as_html(self) -> str:
        """One file of HTML that loads nothing."""
        return as_html(self.title, self.sections, lead=self.lead)

    def as_markdown(self) -> str:
        """The same as Markdown."""
        return as_markdown(self.title, self.sections, lead=self.lead)


def model_card(known: Known) -> Card:
    """The card of a version, for its users."""
    sections = [
        parts.identity(known),
        *parts.findings(known, "performance", "fairness", needed=NEEDED),
        *parts.findings(known, "calibration", "comparison", "skew"),
        *parts.findings(known),
        parts.data(known),
        parts.limits(known),
        parts.oversight(known),
        parts.monitoring(known),
        parts.training(known),
        parts.changes(known),
    ]
    return Card(f"Model card: {known.version.model} {known.version.version}", _lead(known, sections), sections)


def documentation(known: Known) -> Card:
    """The technical documentation of a version, for an authority."""
    evidence = [
        *parts.findings(known, "performance", "fairness", needed=NEEDED),
        *parts.findings(known, "calibration", "comparison", "skew"),
        *parts.findings(known),
    ]
    sections = [
        parts.identity(known),
        parts.training(known),
        parts.data(known),
        *evidence,
        parts.oversight(known),
        parts.limits(known),
        parts.rules(known),
        parts.outside("Risk management", "the description of the risk management system"),
        parts.changes(known),
        parts.outside("Standards", "the list of harmonised standards that are applied"),
        parts.outside("Declaration of conformity", "the EU declaration of conformity"),
        parts.monitoring(known),
    ]
    points = ("1", "2", "2 (d)", *("2 (g), 3, 4" for _ in evidence), "2 (e)", "3", "2 (b)", "5", "6", "7", "8", "9")
    named = [replace(s, title=f"{s.title} (Annex IV, {p})") for s, p in zip(sections, points, strict=True)]
    title = f"Technical documentation: {known.version.model} {known.version.version}"
    return Card(title, _lead(known, named), named)


def _lead(known: Known, sections: Sequence[Section]) -> str:
    missing = len(holes(sections))
    gaps = (
        f"{missing} {'part is' if missing == 1 else 'parts are'} missing and named below"
        if missing
        else "nothing is missing"
    )
    return f"Made {known.at:%Y-%m-%d %H:%M} UTC from the ledger alone, which names each entry; {gaps}."
