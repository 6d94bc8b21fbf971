"""`workbench power`: how long an experiment must run, what so many days can find, and what its rule does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import json_option, print_json, print_table
from workbench.errors import Misuse

if TYPE_CHECKING:
    from workbench.experiments.stopping.planning import Traffic

SEED = 20260101  # of the simulated experiments: the same question gets the same answer


@click.command()
@click.option("--baseline", type=float, required=True, help="What the metric is now: a share in (0, 1), or a mean.")
@click.option("--per-day", type=float, required=True, help="New units (visitors, accounts) a day, all arms together.")
@click.option("--effect", type=float, help="Smallest relative change that matters: 0.03 is +3 %, -0.03 is −3 %.")
@click.option("--days", type=click.IntRange(min=1), help="How long the experiment may last.")
@click.option(
    "--rule",
    "rule_text",
    default="fixed",
    show_default=True,
    metavar="RULE",
    help="When it may stop: fixed, obrien-fleming:LOOKS, pocock:LOOKS, power:LOOKS:EXPONENT, always-valid, "
    "chance:P, loss:L; after a comma alpha:A, futility:P, prior:normal(M, SD).",
)
@click.option("--power", type=float, default=0.8, show_default=True, help="Chance to find the effect, in (0.5, 1).")
@click.option(
    "--kind",
    type=click.Choice(["binary", "mean", "count"]),
    default="binary",
    show_default=True,
    help="What the metric is.",
)
@click.option("--variance", type=float, help="Of one unit; needed for a mean, a count's is its mean by default.")
@click.option("--arms", type=int, default=2, show_default=True, help="Arms of one size, the control among them.")
@click.option("--shares", metavar="A,B,…", help="Arms of other sizes, the control first, as in 2,1.")
@click.option("--cluster-size", type=float, default=1.0, help="Mean units in a cluster, where clusters are drawn.")
@click.option("--likeness", type=float, default=0.0, help="Intraclass correlation of the units in a cluster.")
@click.option("--correlation", type=float, default=0.0, help="Of a covariate known before with the metric (CUPED).")
@json_option
def power(
    *,
    effect: float | None,
    days: int | None,
    rule_text: str,
    power: float,
    as_json: bool,
    **given: Any,
) -> None:
    """How many days an effect needs, or which effect so many days can find.

    Give --effect for the days, --days for the effect, or both for the chance to find it. What the
    rule does at this traffic is printed beside it: how often it ships a change that does nothing,
    what it finds, and how long it takes.

    \b
    Examples:
      workbench power --baseline 0.1 --effect 0.03 --per-day 20000
      workbench power --baseline 0.1 --days 14 --per-day 20000 --rule obrien-fleming:5
      workbench power --baseline 24.5 --kind mean --variance 900 --effect 0.02 --per-day 3000
      workbench power --baseline 0.1 --days 28 --per-day 5000 --rule "chance:0.95, prior:relative normal(0, 0.03)"
    """
    import numpy as np

    from workbench.experiments.stopping.planning import (
        WEEKS,
        characteristics,
        days_for,
        effect_after,
        percent,
        power_after,
        reach,
        share,
    )
    from workbench.experiments.stopping.rules import parse_rule

    rule = parse_rule(rule_text)
    if effect is None and days is None:
        raise Misuse("neither an effect nor days are given", hint="add --effect 0.03 for the days, or --days 14")
    if effect == 0:
        raise Misuse("the effect is zero", hint="state the smallest relative change that matters, as in --effect 0.03")
    traffic = _traffic(**given, better="higher" if effect is None or effect > 0 else "lower")
    wanted = None if effect is None else abs(effect)
    chance = power
    if wanted is not None and days is not None:
        chance = power_after(traffic, rule, wanted, days)
    elif wanted is not None:
        days = days_for(traffic, rule, wanted, power=power)
    days = days or 1
    wanted = wanted or effect_after(traffic, rule, days, power=power)
    found = characteristics(rule, traffic, days, [wanted], rng=np.random.default_rng(SEED))
    table = reach(traffic, rule, power=power, days=sorted({*WEEKS, days}))
    if as_json:
        print_json(
            {
                "days": days,
                "units": days * traffic.per_day,
                "units_control": days * traffic.per_day * traffic.split.control,
                "units_treated": days * traffic.per_day * traffic.split.treated,
                "effect": wanted if traffic.better == "higher" else -wanted,
                "power": chance,
                "characteristics": found.as_json(),
                "reach": [vars(row) for row in table],
            }
        )
        return
    units = days * traffic.per_day
    click.echo(
        f"{days} days ({units:,.0f} units, {units * traffic.split.control:,.0f} of them in the control) find a change "
        f"by {percent(wanted, traffic.better)} with a chance of {share(chance)}."
    )
    click.echo(found.sentence)
    print_table(
        ["days", "units", "smallest effect found", "days on average, at that effect"],
        [
            [row.days, f"{row.units:,.0f}", "none", ""]
            if row.effect is None
            else [row.days, f"{row.units:,.0f}", percent(row.effect, traffic.better), f"{row.mean_days:.1f}"]
            for row in table
        ],
    )


def _traffic(
    *,
    baseline: float,
    per_day: float,
    kind: str,
    variance: float | None,
    arms: int,
    shares: str | None,
    cluster_size: float,
    likeness: float,
    correlation: float,
    better: Any,
) -> Traffic:
    from workbench.experiments.stopping.planning import Traffic, stated
    from workbench.stats.power import Split

    base = stated(kind, baseline, variance)
    try:
        base = base.clustered(cluster_size, likeness).adjusted(correlation)
        split = Split.of(_sizes(shares)) if shares else Split.equal(arms)
    except Misuse:
        raise
    except ValueError as error:
        raise Misuse(str(error), hint="workbench power --help shows examples") from error
    return Traffic(base, per_day, split, better)


def _sizes(text: str) -> list[float]:
    """Sizes of arms, the control first.

    Raises:
        Misuse: One is no number.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise Misuse(
            f"shares are {text!r}; each must be a number", hint="name no arms, the control comes first: --shares 2,1"
        ) from error
