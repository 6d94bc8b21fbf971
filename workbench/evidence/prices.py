"""What a price experiment found, as a finding: revenue a visitor, and what moving prices is worth.

Figures are "gain" (a visitor, of the best known prices over those charged before), "gain.SEGMENT" (over what
is charged now), "revenue.SEGMENT" (a visitor at the best known price) and "exploring" (what it has cost).
The verdict is "pass" where the gain is above zero with the certainty asked for, and never "fail": a best
known price is at worst the one that was charged.
"""

from __future__ import annotations

from datetime import UTC, datetime

from workbench.evidence.finding import Figure, Finding
from workbench.experiments.prices.table import PriceTable
from workbench.experiments.words import slug


def price_finding(table: PriceTable, *, certainty: float, run_id: str, at: datetime) -> Finding:
    """A price experiment's finding.

    Args:
        table: The table that would be served next.
        certainty: Probability of a gain from which the verdict is "pass", in (0.5, 1).
        run_id: The run that found it.
        at: When.
    """
    reading = table.reading
    seen = sum(segment.visitors for segment in reading.segments.values())
    figures = {
        "gain": Figure(*reading.gain, probability=reading.chance_of_gain, target=0.0, n=seen),
        "exploring": Figure(*reading.exploring, target=table.design.budget, n=seen),
    }
    for name, segment in reading.segments.items():
        chance = segment.chance_of_gain
        figures[f"gain.{slug(name)}"] = Figure(*segment.gain, probability=chance, target=0.0, n=segment.visitors)
        figures[f"revenue.{slug(name)}"] = Figure(*segment.at_best, n=segment.visitors)
    return Finding(
        kind="pricing",
        subject=f"pricing/{table.design.name}",
        verdict="pass" if reading.chance_of_gain >= certainty else "not enough evidence",
        sentence=f"{reading.sentence} {table.note}",
        figures=figures,
        data_digest=reading.state.digest,
        run_id=run_id,
        at=at.astimezone(UTC).isoformat(),
        details={"certainty": certainty, "table": table.decisions.version, "sentences": reading.sentences},
    )
