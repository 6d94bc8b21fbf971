"""`workbench price`: prices per segment, weighed from what was sold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import Commands, json_option, print_json, print_table
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.experiments.prices.state import PricingState

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(cls=Commands)
def price() -> None:
    """Prices per customer segment, weighed day by day within limits that no table breaks."""


@price.command()
@click.argument("design_file", metavar="DESIGN", type=FILE)
@click.argument("state", metavar="STATE", type=FILE)
@json_option
def start(design_file: Path, state: Path, as_json: bool) -> None:
    """Begin a price experiment: from a DESIGN in JSON, an empty STATE.

    With --json, say what was written, and which version its table has.

    \b
    Example:
      echo '{"format": "workbench.pricing/1", "name": "plans", "prices": [19, 29, 39],
             "start": {"small": 19, "large": 29}, "floor": 19, "budget": 2000}' > plans.json
      workbench price start plans.json state.json
    """
    from workbench.experiments.prices.design import EXAMPLE, PricingDesign
    from workbench.experiments.prices.state import PricingState, state_file
    from workbench.experiments.state_file import read_file

    design = read_file(design_file, PricingDesign.from_json, "the design", f"a design looks like {EXAMPLE}")
    begun = PricingState(design)
    state_file(state).begin(begun)
    if as_json:
        print_json(_told(state, begun))
    click.echo(f"{state} begins without sales", err=True)


@price.command()
@click.argument("state", metavar="STATE", type=FILE)
@click.argument("log", metavar="LOG", type=FILE)
@click.option("--dry-run", is_flag=True, help="Say what would be added and change nothing.")
@json_option
def update(state: Path, log: Path, dry_run: bool, as_json: bool) -> None:
    """Add the sales of LOG to STATE.

    LOG is the log of offers (.jsonl, .csv or .parquet), one record a visitor: unit, leaf (the segment), arm (the
    price), propensity and table_version as the table gave them, reward (price less unit cost, or 0) and day. Or it
    is a CSV file of counts, with columns day, segment, price, seen, bought. What was added before is refused.

    With --json, say what was added, how much there is now, and which version the table has that follows from it.

    \b
    Examples:
      workbench price update state.json offers.jsonl
      workbench price update state.json monday.csv --dry-run
      workbench price update state.json monday.csv --json
    """
    from workbench.experiments.prices.log import read_sold
    from workbench.experiments.prices.state import state_file

    kept = state_file(state)
    known = kept.read()
    sold = read_sold(log, known.design)

    def added(before: PricingState) -> PricingState:
        return before.updated(sold.sales, sold.source)

    after = added(known) if dry_run else kept.change(added)
    seen, bought = sum(row.seen for row in sold.sales), sum(row.bought for row in sold.sales)
    if as_json:
        more = {"written": not dry_run, "added": {"seen": seen, "bought": bought, "left_out": sold.left_out}}
        print_json(_told(state, after) | more)
    verb = "would be" if dry_run else "were"
    click.echo(f"{seen:,} visitors and {bought:,} sales {verb} added; the last day is {after.days[-1]}", err=True)
    if sold.left_out:
        click.echo(f"{sold.left_out:,} visitors of no segment are left out", err=True)


@price.command()
@click.argument("state", metavar="STATE", type=FILE)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the draws.")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Probability inside the intervals.",
)
@json_option
def table(state: Path, seed: int, level: float, as_json: bool) -> None:
    """Weigh the next table of prices from STATE.

    The JSON is what a server needs, a decision table as a bandit's is: the leaf whose condition holds for the
    customer's segment, its prices by their weights; beside it the revenue a visitor of each price, and sentences.
    Whoever is of no segment is offered the lowest price that was charged before the experiment.

    \b
    Examples:
      workbench price table state.json
      workbench price table state.json --json > table.json
    """
    import numpy as np

    from workbench.experiments.prices.reading import price_tag
    from workbench.experiments.prices.state import state_file
    from workbench.experiments.prices.table import weigh

    found = weigh(state_file(state).read(), np.random.default_rng(seed), level=level)
    if as_json:
        click.echo(found.as_json())
        return
    design = found.design
    print_table(
        ["segment", *(price_tag(p, design) for p in design.prices)],
        [
            (name, *(f"{100 * w:.0f}\u00a0%" if w else "" for w in row))
            for name, row in zip(design.segments, found.weights, strict=True)
        ],
    )
    for sentence in (found.reading.sentence, *found.reading.sentences.values(), found.note):
        click.echo(sentence)
    click.echo(f"table {found.decisions.version}")


def _told(path: Path, state: PricingState) -> dict[str, Any]:
    """What a file holds now, as plain JSON."""
    totals = {"days": len(state.days), "seen": int(state.by_day.seen.sum()), "bought": int(state.by_day.bought.sum())}
    design = {"name": state.design.name, "segments": state.design.segments, "prices": state.design.prices}
    return {"state": str(path), **design, "table_version": _version(state), "totals": totals}


def _version(state: PricingState) -> str | None:
    """The version of the table that `workbench price table` would print; None where the limits leave none."""
    import numpy as np

    from workbench.experiments.prices.table import weigh

    try:
        return weigh(state, np.random.default_rng(0)).decisions.version
    except Misuse:
        return None
