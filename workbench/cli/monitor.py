"""`workbench monitor`: one pass of the watch; and the rules and dashboards that Prometheus and Grafana are given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.options import json_option, print_json, print_table, workspace_option
from workbench.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.monitoring.passes import Pass

WRONG = 1  # exit code: something calls for action


@click.group(invoke_without_command=True)
@click.option("--model", "models", multiple=True, metavar="NAME", help="Look at this model only; may be repeated.")
@click.option(
    "--hours",
    type=click.FloatRange(min=0, min_open=True),
    help="How far to look back; default: monitoring_hours of the settings.",
)
@click.option("--act", "acting", is_flag=True, help="Roll back where a model is declared so (declare --rollback).")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Open and resolve no incident, and roll nothing back; summaries are kept in any case.",
)
@click.option("--rebuild", is_flag=True, help="Make the summaries anew from the prediction log first.")
@click.option("--quiet", is_flag=True, help="Say nothing where all is in order.")
@workspace_option
@json_option
@click.pass_context
def monitor(
    context: click.Context,
    models: tuple[str, ...],
    hours: float | None,
    acting: bool,
    dry_run: bool,
    rebuild: bool,
    quiet: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Look at every served model once, worst first: what is wrong, why, and since when.

    Brings the hourly summaries up to date, judges errors, latency, drift, fairness, accuracy and KPIs
    against what each model is declared to keep to, and keeps one incident for each cause in the ledger.
    Exit code 0: nothing calls for action; 1: something does.

    \b
    Examples:
      workbench monitor                          one pass; put it into cron every few minutes
      workbench monitor --model lending --json
      workbench monitor --dry-run || echo wrong  in CI
      workbench monitor --act                    and roll back what is declared to be rolled back by itself
    """
    if context.invoked_subcommand is not None:
        return
    from workbench import open_bench

    with open_bench(workspace) as bench:
        if rebuild:
            bench.watch.rebuild(models)
        done = bench.watch.once(models=models, hours=hours, write=not dry_run)
        acted = bench.watch.act(done, models=models, dry_run=dry_run) if acting else []
    if as_json:
        print_json(_as_plain(done) | ({"acted": [one.as_dict() for one in acted]} if acting else {}))
    elif not quiet or done.wrong or any(line.state == "act" for line in done.standings):
        _print(done)
    for one in acted if not as_json else ():
        back = f"back on version {one.back_to}" if one.done else f"version {one.version} stays"
        click.echo(f"{one.model}, {back}: {one.why}")
    for problem in done.problems if not as_json else ():
        click.echo(f"could not be looked at: {problem}", err=True)
    if any(line.state == "act" for line in done.standings):
        context.exit(WRONG)


@monitor.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write into; made if absent.",
)
@click.option("--target", default="127.0.0.1:8000", show_default=True, help="Where Prometheus finds the gateway.")
@click.option(
    "--webhook",
    default="http://127.0.0.1:8000/v1/alerts",
    show_default=True,
    help="Where Alertmanager sends what calls for action.",
)
@click.option(
    "--webhook-token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the key that Alertmanager sends along (workbench key create alertmanager --alerts); its path is "
    "written down, not its content.",
)
@click.option("--check", "checked", is_flag=True, help="Have promtool and amtool check what was written.")
@workspace_option
@json_option
def rules(
    out: Path,
    target: str,
    webhook: str,
    webhook_token_file: Path | None,
    checked: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Write Prometheus's rules, their tests and the two servers' configurations.

    The alerts come from the models' declared objectives: burn rates of errors and of slow answers over
    several windows, and bounds of drift, fairness and accuracy. Alertmanager needs a key of its own: one made
    with --alerts opens POST /v1/alerts alone, at every gateway that takes keys (workbench up, serve --keys).

    \b
    Examples:
      workbench key create alertmanager --alerts > alertmanager.key
      workbench monitor rules --out prometheus --webhook-token-file alertmanager.key --check
      prometheus --config.file=prometheus/prometheus.yml
    """
    from workbench import open_bench
    from workbench.monitoring.declared import objectives
    from workbench.monitoring.rules import files

    with open_bench(workspace) as bench:
        served = [head.model for head in bench.ledger.heads() if head.slot == "champion"]
        token = str(webhook_token_file.absolute()) if webhook_token_file else ""
        written = files(objectives(bench.ledger), served, target=target, webhook=webhook, token_file=token)
    paths, said = _write(out, written), None
    if checked:
        from workbench.engines.prometheus import check

        said = check(out)
    if as_json:
        print_json({"files": paths, "checked": said})
        return
    click.echo("\n".join(paths))
    if said is not None:
        click.echo(said, err=True)


@monitor.command()
@workspace_option
@json_option
def metrics(workspace: Path | None, as_json: bool) -> None:
    """Look at every served model once and print Prometheus's text; opens and resolves no incident.

    The gateway tells the same under /metrics; this is for a collector of text files, or to have a look.

    \b
    Examples:
      workbench monitor metrics
      workbench monitor metrics > /var/lib/node_exporter/workbench.prom
    """
    from workbench import open_bench

    with open_bench(workspace) as bench:
        text = bench.watch.exposition()
    if as_json:
        print_json({"exposition": text})
    else:
        click.echo(text, nl=False)


@monitor.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder to write into; made if absent.",
)
@json_option
def dashboards(out: Path, as_json: bool) -> None:
    """Write Grafana's dashboards as JSON: all models, worst first, and one model closely.

    \b
    Example:
      workbench monitor dashboards --out grafana
    """
    from workbench.monitoring.dashboards import files

    paths = _write(out, files())
    if as_json:
        print_json({"files": paths})
    else:
        click.echo("\n".join(paths))


def _print(done: Pass) -> None:
    print_table(
        ["model", "version", "state", "since (UTC)", "requests", "why", "incidents"],
        [
            (
                line.model,
                line.version,
                line.state,
                f"{line.since:%Y-%m-%d %H:%M}" if line.since else "",
                f"{line.requests:,}" + (f" ({line.share:.3g} of all)" if line.share < 1 else ""),
                line.sentence,
                ", ".join(line.incidents),
            )
            for line in done.standings
        ],
    )
    opened = f"{len(done.opened)} opened, {len(done.resolved)} resolved"
    models = "1 model" if len(done.models) == 1 else f"{len(done.models)} models"
    click.echo(f"{models} looked at; incidents: {opened}; hours summed: {done.summarised}", err=True)
    if not done.models:
        click.echo("no model is served yet; workbench promote makes a champion", err=True)


def _as_plain(done: Pass) -> dict[str, object]:
    return {
        "at": done.at.isoformat(),
        "models": [
            {
                "model": line.model,
                "version": line.version,
                "state": line.state,
                "sentence": line.sentence,
                "since": line.since.isoformat() if line.since else None,
                "requests": line.requests,
                "share_logged": line.share,
                "incidents": list(line.incidents),
                "signals": [
                    {
                        "signal": signal.key,
                        "verdict": signal.verdict,
                        "value": signal.value,
                        "low": signal.low,
                        "high": signal.high,
                        "target": signal.target,
                        "sentence": signal.sentence,
                        "since": signal.since.isoformat() if signal.since else None,
                    }
                    for signal in looked.watched.signals
                ],
            }
            for line, looked in zip(done.standings, done.models, strict=True)
        ],
        "opened": [one.as_dict() for one in done.opened],
        "resolved": [one.id for one in done.resolved],
        "problems": list(done.problems),
        "hours_summed": done.summarised,
    }


def _write(out: Path, written: Mapping[str, str]) -> list[str]:
    """Write files into a folder; their paths."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            (out / name).write_text(text, "utf-8")
    except OSError as error:
        raise EngineError(
            f"{out} cannot be written: {error.strerror or error}", hint="choose another folder"
        ) from error
    return [str(out / name) for name in written]
