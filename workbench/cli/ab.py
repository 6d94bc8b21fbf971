"""`ab`: what an experiment says, from any table; the sentence first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from workbench.cli.options import json_option, print_json, print_table, workspace_option
from workbench.cli.plans import compared, register_plan
from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from workbench.data import MomentCube
    from workbench.experiments import Analysis, Archive, Design, SegmentResult
    from workbench.experiments.stopping.rules import StoppingRule
    from workbench.experiments.stopping.sequential import SequentialResult
    from workbench.stats.effects import EffectPrior, Scale

FILE = click.Path(dir_okay=False, path_type=Path)
SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.argument("data", type=click.Path(path_type=Path), required=False)
@click.option(
    "--from-log", "logged", metavar="MODEL",
    help="Champion against canary, from the prediction log; columns: answer, label, score, latency_ms and features.",
)  # fmt: skip
@click.option("--variant", metavar="COL", help="Column that says which arm a row is in.")
@click.option("--control", metavar="VALUE", help="Arm that the others are set against.")
@click.option(
    "--metric", "metrics", multiple=True, required=True, metavar="NAME=KIND:COL",
    help="binary:COL, mean:COL, count:COL, revenue:COL, ratio:NUM/DEN or quantile:COL@Q; the first one decides.",
)  # fmt: skip
@click.option("--unit", metavar="COL", help="Column of the unit (visitor); its rows are made one.")
@click.option(
    "--within", type=click.Choice(["sum", "mean", "max", "min"]),
    help="How a unit's rows become one number; default: max for binary, else sum.",
)  # fmt: skip
@click.option("--cluster", metavar="COL", help="Column of what was drawn, where that is larger than the unit.")
@click.option("--segment", "segments", multiple=True, metavar="COL", help="Column that cuts units into groups.")
@click.option("--stratify", is_flag=True, help="Compare each segment with itself (post-stratification).")
@click.option(
    "--day", metavar="COL",
    help="Column of the day: the sample ratio is checked day by day too, and whether the effect fades.",
)  # fmt: skip
@click.option(
    "--rule", metavar="RULE",
    help="When it may stop, as in `workbench power`: obrien-fleming:5, always-valid, chance:0.95; needs --day.",
)  # fmt: skip
@click.option("--days", type=click.IntRange(min=1), help="Days that the rule planned; default: those in the data.")
@click.option(
    "--covariate", "covariates", multiple=True, metavar="COL",
    help="Number known before arms were drawn: arms must agree on it, and it is adjusted for (CUPED).",
)  # fmt: skip
@click.option("--lower", multiple=True, metavar="NAME", help="Metric of which less is better.")
@click.option(
    "--guardrail", "guardrails", multiple=True, metavar="NAME[=MARGIN]",
    help="Metric that must not get worse by more than MARGIN of the control's mean; default: 0.05.",
)  # fmt: skip
@click.option("--cap", "caps", multiple=True, metavar="NAME=VALUE", help="Count a unit's larger values as VALUE.")
@click.option(
    "--prior", "priors", multiple=True, metavar="PRIOR",
    help="weak (default), archive, normal(m,s) or t(df,m,s), of the relative effect; NAME=PRIOR for one metric only.",
)  # fmt: skip
@click.option("--rope", type=SHARE, help="Smallest relative effect that matters, e.g. 0.01.")
@click.option("--loss", "loss_threshold", type=SHARE, help="Largest expected loss at which an arm is chosen, relative.")
@click.option(
    "--shares", default="equal", show_default=True, metavar="ARM=SHARE,…",
    help="Planned shares; unknown: they are not checked.",
)  # fmt: skip
@click.option(
    "--certainty", type=click.FloatRange(0.5, 1, min_open=True, max_open=True), default=0.95, show_default=True,
    help="Probability from which an answer is one.",
)  # fmt: skip
@click.option("--name", help="Name of the experiment; default: the file's.")
@click.option("--register", type=FILE, help="Keep the design in this new file and stop; the data is not read.")
@click.option("--registered", type=FILE, help="A design written by --register: say whether it was followed.")
@click.option("--twin", is_flag=True, help="Show the frequentist tests beside, corrected for their number.")
@click.option("--html", type=FILE, help="Write a page with the picture to this file too.")
@workspace_option
@json_option
def ab(
    data: Path | None,
    logged: str | None,
    priors: Sequence[str],
    shares: str,
    rule: str | None,
    days: int | None,
    name: str | None,
    register: Path | None,
    registered: Path | None,
    twin: bool,
    html: Path | None,
    workspace: Path | None,
    as_json: bool,
    **stated: object,
) -> None:
    """Say what an experiment says: DATA is a Parquet or CSV file with one row a unit, or several.

    \b
    Examples:
      workbench ab visits.csv --variant group --control old --metric signup=binary:signed_up
      workbench ab orders.parquet --variant arm --control a --unit visitor --metric spend=revenue:amount \\
          --metric price=ratio:amount/items --metric slow=quantile:seconds@0.9 --lower slow --guardrail slow=0.02
      workbench ab visits.csv --variant group --control old --metric spend=mean:spend --covariate spend_before \\
          --prior "normal(0,0.02)" --rope 0.01 --json
      workbench ab visits.csv --variant group --control old --metric s=binary:s --day day --rule obrien-fleming:5
      workbench ab visits.csv --variant group --control old --metric s=binary:s --register plan.json
      workbench ab visits.csv --variant group --control old --metric s=binary:s --registered plan.json
      workbench ab --from-log lending --metric yes=binary:answer --metric slow=mean:latency_ms --lower slow
    """
    from workbench.cli.ab_from_log import from_log
    from workbench.experiments.learned import stated_prior

    rows: Any = data
    if logged is not None and data is None:
        taken = from_log(logged, workspace, stated["metrics"], stated["unit"])  # type: ignore[arg-type]
        rows, data, name = taken.rows, Path(taken.name), name or taken.name
        stated |= taken.stated
        shares = taken.shares if shares == "equal" else shares
    if data is None or (rows is data and logged is not None) or not (stated["variant"] and stated["control"]):
        raise Misuse(
            "say what is compared: a file with --variant and --control, or a model with --from-log",
            hint="workbench ab --help shows both",
        )
    priors_of = partial(stated_prior, archive=partial(_archive, workspace), name=name or data.stem, data=data)
    from workbench.experiments.by_day import rule_looks_at
    from workbench.experiments.stopping.rules import parse_rule

    agreed = None if rule is None else parse_rule(rule)
    if agreed is None and days is not None:
        raise Misuse(
            "--days says how long a rule plans for, and there is none", hint="state one: --rule obrien-fleming:5"
        )
    planned = {"rule": "" if agreed is None else agreed.text, "days": days}
    design = _design(name or data.stem, shares, priors, priors_of, **stated, **planned)  # type: ignore[arg-type]
    if agreed is not None and design.day is None:
        raise Misuse(f"the rule {agreed.text} needs the days", hint="name their column: --day COL")
    if agreed is not None:
        rule_looks_at(design.metrics[0])
    if register is not None:
        click.echo(register_plan(design, register, workspace), err=True)
        return
    from workbench.experiments import analyse
    from workbench.experiments.by_day import fading

    plan = compared(design, registered, workspace)
    cube = design.scan(rows)
    source = rows if any(metric.kind == "quantile" for metric in design.metrics) else None
    analysis = analyse(cube, design, source=source, registered=plan.digest)
    if html is not None:
        from workbench.experiments.page import page

        _write(html, page(analysis))
    segments = _beside(lambda: _segments(cube, design, analysis), "no segment is told")
    looked = (
        [] if agreed is None else _beside(lambda: _looked(cube, design, analysis, agreed), "the rule is not followed")
    )
    fades = fading(cube, design, analysis)
    if as_json:
        more: dict[str, object] = {"segments": [found.as_json() for found in segments]} if design.segments else {}
        more |= {"sequential": [found.as_json() for found in looked]} if looked else {}
        more |= (
            {"novelty": {arm: f if isinstance(f, str) else f.as_json() for arm, f in fades.items()}} if fades else {}
        )
        print_json(analysis.as_json() | more | plan.as_json())
    else:
        for found in looked:
            click.echo(f"{found.sentence}\n")
        _tell(analysis, segments, twin=twin)
        for arm, f in fades.items():
            click.echo(f"Whether the effect of {arm} fades cannot be said: {f}." if isinstance(f, str) else f.sentence)
        if plan.at:
            click.echo(f"The design was registered at {plan.at}.")
    if plan.told is False:
        click.echo("the ledger of this workspace knows of no such registration", err=True)
    if plan.differing:
        click.echo(f"it differs from {registered} in: {', '.join(plan.differing)}", err=True)
    if design.shares == "equal" and analysis.sample_ratio.passed is False:
        click.echo("equal shares were taken for planned; state others with --shares a=2,b=1", err=True)


Told = TypeVar("Told")


def _beside(ask: Callable[[], list[Told]], otherwise: str) -> list[Told]:
    """What stands beside the answer; where it cannot be had, why, and the answer stands all the same."""
    try:
        return ask()
    except Misuse as error:
        click.echo(f"{otherwise}: {error.message}" + (f" ({error.hint})" if error.hint else ""), err=True)
        return []


def _looked(cube: MomentCube, design: Design, analysis: Analysis, agreed: StoppingRule) -> list[SequentialResult]:
    from workbench.experiments.by_day import followed_rule

    return followed_rule(cube, design, analysis, agreed, days=design.days)


def _archive(workspace: Path | None) -> Archive:
    """What was tried in a workspace before.

    Raises:
        Misuse: There is no workspace.
    """
    from workbench import open_bench

    try:
        bench = open_bench(workspace)
    except Misuse as error:
        hint = "run this in a workspace with finished experiments, or state one: --prior 'normal(0,0.02)'"
        raise Misuse("there is no archive from which a prior could be learned", hint=hint) from error
    with bench:
        return bench.archive()


def _design(
    name: str,
    shares: str,
    priors: Sequence[str],
    priors_of: Callable[[str, str], EffectPrior | None],
    *,
    variant: str,
    control: str,
    metrics: Sequence[str],
    lower: Sequence[str],
    guardrails: Sequence[str],
    caps: Sequence[str],
    within: str | None,
    covariates: Sequence[str],
    segments: Sequence[str],
    **options: object,
) -> Design:
    from workbench.experiments.design import Design, parse_metrics, parse_shares
    from workbench.experiments.priors import parse_priors

    parsed = parse_metrics(
        metrics,
        lower=",".join(lower),
        within=within,  # type: ignore[arg-type]  # one of click's choices
        guardrails=",".join(guardrails),
        caps=",".join(caps),
    )
    return Design(
        name,
        arm=variant,
        control=control,
        metrics=parsed,
        covariates=tuple(covariates),
        adjust=tuple(covariates),
        segments=tuple(segments),
        shares=None if shares.strip() == "unknown" else parse_shares(shares),
        priors=parse_priors(priors, [metric.name for metric in parsed], priors_of),
        **options,  # type: ignore[arg-type]  # named as the design's fields
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror}", hint="give a folder that is there") from error


def _segments(cube: MomentCube, design: Design, analysis: Analysis) -> list[SegmentResult]:
    """Each arm in every segment on what decides, segments learning from each other; none where none was named."""
    from workbench.experiments.segments.shrunken import MEANS, shrunken_segments

    first = design.metrics[0]
    if not design.segments or first.kind not in MEANS:
        return []
    arms = analysis.metrics[first.name].arms.values()
    scale: Scale = "absolute" if any(r.relative is None for r in arms) else "relative"
    others = [r.arm for r in arms if r.verdict != "control"]
    by, level = design.segments[:3], design.certainty
    return [shrunken_segments(cube, first, design.control, arm, scale=scale, by=by, level=level) for arm in others]


def _tell(analysis: Analysis, segments: Sequence[SegmentResult], *, twin: bool) -> None:
    from workbench.experiments import tables, words
    from workbench.experiments.segments import tables as segment_tables

    click.echo(analysis.sentence)
    click.echo(f"\n{analysis.sample_ratio.sentence}")
    if analysis.sequential is not None:
        click.echo(f"Looked at after each of {len(analysis.days)} days: p = {analysis.sequential.p:.3g}.")
    for rows in (tables.rows(analysis), tables.twin(analysis) if twin else []):
        if rows:
            print_table(list(rows[0]), [list(row.values()) for row in rows])
    for found in segments:
        click.echo(f"{found.arm} by {', '.join(found.columns)}. {found.sentence}")
        rows = segment_tables.rows(found)
        print_table(list(rows[0]), [list(row.values()) for row in rows])
        for name, why in found.left_out.items():
            click.echo(f"{name} is left out: {why}")
    for lesson in words.lessons(analysis):
        click.echo(lesson)
