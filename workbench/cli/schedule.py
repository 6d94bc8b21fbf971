"""`schedule`: a notebook run again and again by the scheduler that the machine has already."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.batch.schedules.periods import PERIODS, Period
from workbench.cli.options import Commands, json_option, pairs, print_json, print_table, workspace_option
from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from workbench.batch.schedules.schedule import Schedule
    from workbench.bench import Bench

SHOWN = 3  # of the next times


@click.group(cls=Commands)
def schedule() -> None:
    """Have a notebook run again and again, by cron, systemd or Kubernetes."""


@schedule.command()
@click.argument("name")
@click.argument("notebook")
@click.option("--cron", "when", required=True, help='When: minute hour day month weekday, e.g. "0 6 * * 1".')
@click.option(
    "-p", "--parameter", "given", metavar="NAME=VALUE", multiple=True, help="A parameter's value; may be repeated."
)
@click.option(
    "--sweep", "sweeps", metavar="NAME=VALUES", multiple=True, help="A parameter's values, as workbench run takes them."
)
@click.option(
    "--key-by",
    type=click.Choice(PERIODS),
    help="Run once in each, however often it fires; default: the longest that leaves out no time.",
)
@click.option(
    "--as",
    "system",
    type=click.Choice(["cron", "systemd", "kubernetes"]),
    default="cron",
    show_default=True,
    help="Who keeps the time.",
)
@click.option("--memory", metavar="SIZE", help="Memory that a run may take, e.g. 2Gi (systemd, kubernetes).")
@click.option("--image", help="Container image with workbench installed (kubernetes).")
@click.option("--claim", help="Volume claim that holds the workspace (kubernetes).")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the files into this folder; default: print them.",
)
@workspace_option
@json_option
def add(
    name: str,
    notebook: str,
    when: str,
    given: Sequence[str],
    sweeps: Sequence[str],
    key_by: Period | None,
    system: str,
    memory: str | None,
    image: str | None,
    claim: str | None,
    out: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Write down that NOTEBOOK is to be run, for cron, systemd or Kubernetes; nothing is installed.

    Parameters are checked now. What to do with the text is said on stderr.

    \b
    Examples:
      workbench schedule add weekly ab_test --cron "0 6 * * 1" -p seed=7
      workbench schedule add nightly drift_check --cron "30 2 * * *" --as systemd --out units
      workbench schedule add hourly drift_check --cron "0 * * * *" --as kubernetes \\
          --image registry.example/workbench:1 --claim workspace > hourly.yaml
    """
    from workbench import open_bench
    from workbench.batch.schedules.cron import Cron
    from workbench.batch.schedules.schedule import SYSTEMS, Container, Schedule, check, keep, period_for
    from workbench.batch.schedules.writing import written
    from workbench.bench import shipped

    cron = Cron.parse(when)
    with open_bench(workspace) as bench:
        now = _clock(bench, system)
        container = Container(image, claim) if image and claim else None
        if bool(image) != bool(claim):
            raise Misuse("--image and --claim go together", hint="--as kubernetes --image IMAGE --claim VOLUME_CLAIM")
        made = Schedule(
            name=name,
            notebook=_checked(bench, notebook, pairs(given), sweeps),
            cron=cron.text,
            system=next(known for known in SYSTEMS if known == system),
            key_by=period_for(cron, key_by, now),
            parameters=pairs(given),
            sweeps=tuple(sweeps),
            memory=memory,
            container=container,
        )
        check(made)
        program = ["workbench"] if container else [sys.executable, "-m", "workbench"]
        files = written(made, workspace=bench.root, program=program, templates=shipped("templates") / "schedules")
        keep(made, bench.root)
        placed = _place(files, out) if out else []
        if as_json:
            print_json({**_as_json(made, now), "files": files, "written": [str(path) for path in placed]})
        elif placed:
            click.echo("\n".join(str(path) for path in placed))
        else:
            click.echo(
                "\n".join(f"# {file}\n{text}" if len(files) > 1 else text for file, text in files.items()), nl=False
            )
        click.echo(f"{cron.words}; next: {_next(made, now)}{' (UTC)' if container else ''}", err=True)
        click.echo(f"it runs at most once a {made.key_by}, under the key {name}/…", err=True)
        click.echo(_installing(made, out), err=True)


@schedule.command("list")
@workspace_option
@json_option
def list_(workspace: Path | None, as_json: bool) -> None:
    """List the schedules that were added to the workspace, and when they come next.

    \b
    Example:
      workbench schedule list
    """
    from workbench import open_bench
    from workbench.batch.schedules.schedule import kept

    with open_bench(workspace) as bench:
        told = [_as_json(one, _clock(bench, one.system)) for one in kept(bench.root)]
    if as_json:
        print_json(told)
    elif not told:
        click.echo('none yet; workbench schedule add NAME NOTEBOOK --cron "0 6 * * 1"', err=True)
    else:
        columns = ["name", "notebook", "when", "by", "next"]
        rows = [[t["name"], t["notebook"], t["words"], t["system"], f"{t['next'][0]} {t['clock']}"] for t in told]
        print_table(columns, rows)


@schedule.command()
@click.argument("name")
@workspace_option
@json_option
def remove(name: str, workspace: Path | None, as_json: bool) -> None:
    """Forget the schedule NAME; what was installed must be uninstalled, and is named.

    \b
    Example:
      workbench schedule remove weekly
    """
    from workbench import open_bench
    from workbench.batch.schedules.schedule import forget

    with open_bench(workspace) as bench:
        gone = forget(name, bench.root)
    uninstall = {
        "cron": f"crontab -e, and remove the lines of {name}",
        "systemd": f"systemctl --user disable --now workbench-{name}.timer",
        "kubernetes": f"kubectl delete cronjob {name}",
    }
    if as_json:
        print_json({"name": name, "system": gone.system, "uninstall": uninstall[gone.system]})
    click.echo(f"{name} is forgotten; if it was installed: {uninstall[gone.system]}", err=True)


def _checked(bench: Bench, notebook: str, given: Mapping[str, str], sweeps: Sequence[str]) -> str:
    """The notebook as the schedule will name it, once its parameters are known to be good.

    Raises:
        Misuse: There is no such notebook, or a parameter does not fit.
    """
    from workbench.batch.parameters import read

    path, where = bench.notebook(notebook), shlex.quote(notebook)
    if sweeps:
        bench.sweeps().plan(path, pairs(sweeps, "--sweep"), fixed=given, where=where)
    else:
        read(path).validate(given, where=where)
    return str(path.resolve()) if Path(notebook).suffix == ".ipynb" and Path(notebook).is_file() else notebook


def _clock(bench: Bench, system: str) -> datetime:
    """The time on the clock that the schedule is kept by."""
    now = bench.now()
    return (now if system == "kubernetes" else now.astimezone()).replace(tzinfo=None)


def _next(made: Schedule, now: datetime) -> str:
    from workbench.batch.schedules.cron import Cron

    return ", ".join(f"{time:%a %Y-%m-%d %H:%M}" for time in Cron.parse(made.cron).following(now, SHOWN))


def _as_json(made: Schedule, now: datetime) -> dict[str, Any]:
    """A schedule as plain JSON, with its next times."""
    from workbench.batch.schedules.cron import Cron

    cron = Cron.parse(made.cron)
    return {
        "name": made.name,
        "notebook": made.notebook,
        "cron": made.cron,
        "words": cron.words,
        "system": made.system,
        "parameters": dict(made.parameters),
        "sweeps": list(made.sweeps),
        "key_by": made.key_by,
        "clock": "UTC" if made.system == "kubernetes" else "here",
        "next": [f"{time:%Y-%m-%dT%H:%M}" for time in cron.following(now, SHOWN)],
    }


def _place(files: Mapping[str, str], folder: Path) -> list[Path]:
    """Write the files; where they lie.

    Raises:
        EngineError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / file).write_text(text, "utf-8")
    except OSError as error:
        raise EngineError(f"{folder} cannot be written: {error.strerror}", hint="give another --out") from error
    return [folder / file for file in files]


def _installing(made: Schedule, out: Path | None) -> str:
    """How the text comes into force."""
    folder = shlex.quote(str(out)) if out else None
    if made.system == "cron":
        return (
            f"to install: (crontab -l; cat {folder}/{made.name}.cron) | crontab -"
            if folder
            else ("to install: add these lines with crontab -e")
        )
    if made.system == "kubernetes":
        file = f"{made.name}.yaml"
        return f"to install: kubectl apply -f {folder}/{file}" if folder else f"to install: kubectl apply -f {file}"
    unit = f"workbench-{made.name}"
    units = "~/.config/systemd/user"
    copied = f"mkdir -p {units} && cp {folder}/{unit}.* {units}/" if folder else f"save both in {units}"
    return (
        f"to install: {copied}, then systemctl --user daemon-reload && systemctl --user enable --now {unit}.timer\n"
        "to have it run while you are logged out: loginctl enable-linger"
    )
