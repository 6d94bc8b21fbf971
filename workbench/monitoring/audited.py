"""What fairness audits said of the versions that are in use or wait: their groups, and the trend over versions.

Read from the ledger alone; a table that somebody wrote in another form is left out. A version that was never
audited is among them and says so; of one that was audited again the last audit counts.

>>> attribute = attributes_of({"disparate_impact.race": Figure(0.9, 0.86, 0.94, probability=0.99, target=0.8)}, {})[0]
>>> attribute.name, attribute.verdict, attribute.groups
('race', 'pass', ())
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from workbench.evidence import Figure, Finding, Verdict
from workbench.ledger import Ledger, ModelVersion
from workbench.promotion import DECIDED, Stage, stage
from workbench.promotion.stages import AHEAD

if TYPE_CHECKING:
    from workbench.audits.lattice import Comparison

IMPACT = "disparate_impact"
SHOWN: tuple[Stage, ...] = ("champion", *AHEAD)
GROUP = {"group", "n", "compared", "rates"}
KNOWN = {field.name for field in fields(Figure)}


@dataclass(frozen=True)
class AuditedGroup:
    """One group of an attribute, or of several crossed."""

    name: str  # its values, joined
    n: int  # cases
    compared: bool  # False: too small, or unknown
    rates: Mapping[str, Figure]  # by metric: "selection_rate", "tpr", "fpr", …


@dataclass(frozen=True)
class AuditedAttribute:
    """One attribute, or several crossed."""

    name: str  # "race", "race*sex"
    impact: Figure  # lowest selection rate as a share of the highest
    distances: Mapping[str, Figure]  # the other distances between its groups, by name
    verdict: Verdict  # on the disparate impact
    more_cases: int | None  # that would decide it; 0: decided; None: not known
    groups: tuple[AuditedGroup, ...]

    @property
    def crossed(self) -> bool:
        """Whether it is several attributes together."""
        return "*" in self.name


@dataclass(frozen=True)
class Point:
    """The disparate impact that one version of a model had."""

    version: int
    impact: Figure


@dataclass(frozen=True)
class AuditedVersion:
    """A champion or a candidate with its last fairness audit."""

    version: ModelVersion
    stage: Stage
    finding: Finding | None  # None: it was never audited
    by: tuple[AuditedAttribute, ...]  # single attributes first
    trend: Mapping[str, tuple[Point, ...]]  # by single attribute, over all versions of the model, the oldest first
    compared: str = ""  # what the lattice of all crossings said; empty: it was not written down
    differences: tuple[Comparison, ...] = ()  # those of its comparisons that show one, the surest first


def audited(ledger: Ledger) -> list[AuditedVersion]:
    """Every model's champion and candidates, by model, the newest version first.

    Args:
        ledger: Who is champion, and what was found.
    """
    models: dict[str, list[ModelVersion]] = {}
    for version in ledger.versions():
        models.setdefault(version.model, []).append(version)
    return [one for versions in models.values() for one in _model(ledger, versions)]


def attributes_of(figures: Mapping[str, Figure], details: Mapping[str, Any]) -> tuple[AuditedAttribute, ...]:
    """What a finding says of each attribute, single ones first.

    Args:
        figures: The finding's; those of disparate impact name the attributes.
        details: The tables behind them.
    """
    from workbench.audits.verdict import verdict_of

    aggregates, groups = details.get("aggregates", {}), details.get("groups", ())
    found = []
    for figure, impact in figures.items():
        family, _, name = figure.partition(".")
        if family != IMPACT:
            continue
        told = aggregates.get(name, {})
        found.append(
            AuditedAttribute(
                name=name,
                impact=impact,
                distances={key: _figure(of) for key, of in told.items() if isinstance(of, dict) and key != IMPACT},
                verdict=told.get("verdict") or verdict_of(impact.probability),
                more_cases=told.get("more_cases"),
                groups=tuple(_group(group) for group in groups if group.get("by") == name and group.keys() >= GROUP),
            )
        )
    return tuple(sorted(found, key=lambda attribute: attribute.name.count("*")))


def _model(ledger: Ledger, versions: list[ModelVersion]) -> list[AuditedVersion]:
    entries = ledger.entries(prefix=f"{versions[0].model}/", kind=(*DECIDED, "evidence.recorded"))
    found = {  # the last one counts
        entry.subject: Finding.from_body(entry.body)
        for entry in entries
        if entry.kind == "evidence.recorded" and entry.body["kind"] == "fairness"
    }
    ordered = sorted(versions, key=lambda version: version.version)
    trend: dict[str, list[Point]] = {}
    for version in ordered:
        figures = found[version.subject].figures if version.subject in found else {}
        for name, figure in figures.items():
            family, _, about = name.partition(".")
            if family == IMPACT and "*" not in about:
                trend.setdefault(about, []).append(Point(version.version, figure))
    points = {name: tuple(of) for name, of in trend.items()}
    told = []
    for version in reversed(ordered):
        standing = stage(version.model, version.version, entries)
        if standing in SHOWN:
            finding = found.get(version.subject)
            by = attributes_of(finding.figures, finding.details) if finding else ()
            compared, differences = lattice_of(finding.details) if finding else ("", ())
            told.append(AuditedVersion(version, standing, finding, by, points, compared, differences))
    return told


def lattice_of(details: Mapping[str, Any]) -> tuple[str, tuple[Comparison, ...]]:
    """What a finding says of the lattice: its sentence, and the comparisons that show a difference."""
    from workbench.audits.lattice import Comparison

    told = details.get("lattice")
    if not isinstance(told, Mapping):
        return "", ()
    names = {field.name for field in fields(Comparison)}
    rows = [row for row in told.get("shown", ()) if isinstance(row, Mapping) and names <= row.keys()]
    return str(told.get("sentence", "")), tuple(
        Comparison(
            **{name: row[name] for name in names}
            | {"attributes": tuple(map(str, row["attributes"])), "group": tuple(map(str, row["group"]))}
        )
        for row in rows
    )


def _group(told: Mapping[str, Any]) -> AuditedGroup:
    rates = {metric: _figure(of) for metric, of in told["rates"].items()}
    return AuditedGroup(", ".join(told["group"]), told["n"], told["compared"], rates)


def _figure(told: Mapping[str, Any]) -> Figure:
    return Figure(**{name: value for name, value in told.items() if name in KNOWN})
