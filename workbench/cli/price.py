"""`workbench price`: prices per segment, weighed from what was sold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.options import Commands, json_option, print_json, print_table
from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from workbench.experiments.price_state import PricingState


@click.group(cls=Commands)
def price() -> None:
    """Prices per customer segment, weighed day by day within limits that no table breaks."""


@price.command()
@click.argument("design_file", metavar="DESIGN", type=click.Path(path_type=Path))
@click.argument("state_file", metavar="STATE", type=click.Path(path_type=Path))
def start(design_file: Path, state_file: Path) -> None:
    """Begin a price experiment: from a DESIGN in JSON, an empty STATE.

    \b
    Example:
      echo '{"format": "workbench.pricing/1", "name": "plans", "prices": [19, 29, 39],
             "start": {"small": 19, "large": 29}, "floor": 19, "budget": 2000}' > plans.json
      workbench price start plans.json state.json
    """
    from workbench.experiments.price_state import PricingState
    from workbench.experiments.pricing import PricingDesign

    if state_file.exists():
        raise Misuse(f"{state_file} is there already", hint="workbench price update adds sales to it")
    _write(state_file, PricingState(PricingDesign.from_json(_text(design_file))))
    click.echo(f"{state_file} begins without sales", err=True)


@price.command()
@click.argument("state_file", metavar="STATE", type=click.Path(path_type=Path))
@click.argument("log", metavar="LOG", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would be added and change nothing.")
def update(state_file: Path, log: Path, dry_run: bool) -> None:
    """Add the sales of LOG, a CSV file with columns day, segment, price, seen, bought, to STATE.

    \b
    Examples:
      workbench price update state.json monday.csv
      workbench price update state.json monday.csv --dry-run
    """
    from workbench.experiments.price_state import read_sales

    sales = read_sales(_text(log))
    state = _state(state_file).updated(sales)
    if not dry_run:
        _write(state_file, state)
    seen, bought = sum(row.seen for row in sales), sum(row.bought for row in sales)
    verb = "would be" if dry_run else "were"
    click.echo(f"{seen:,} visitors and {bought:,} sales {verb} added; the last day is {state.days[-1]}", err=True)


@price.command()
@click.argument("state_file", metavar="STATE", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the draws.")
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Probability inside the intervals.",
)
@json_option
def table(state_file: Path, seed: int, level: float, as_json: bool) -> None:
    """Weigh the next table of prices from STATE; with --json, as it is served.

    \b
    Examples:
      workbench price table state.json
      workbench price table state.json --json > table.json
    """
    import json

    import numpy as np

    from workbench.experiments.price_reading import price_tag
    from workbench.experiments.price_table import weigh

    found = weigh(_state(state_file), np.random.default_rng(seed), level=level)
    if as_json:
        print_json(json.loads(found.as_json()))
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


def _state(path: Path) -> PricingState:
    from workbench.experiments.price_state import PricingState

    return PricingState.from_json(_text(path))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"{path} cannot be read: {error}") from error


def _write(path: Path, state: PricingState) -> None:
    whole = path.with_name(f"{path.name}.new")
    try:
        whole.write_text(state.as_json(), "utf-8")
        whole.replace(path)
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror or error}") from error
