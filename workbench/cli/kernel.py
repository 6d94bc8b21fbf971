"""`workbench kernel`: warm kernels for JupyterLab and Voila, and the zygote that they are forked from."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from workbench.cli.options import Commands, json_option, print_json, print_table, workspace_option
from workbench.errors import EngineError

MB = 1 << 20


@click.group(cls=Commands)
def kernel() -> None:
    """Warm kernels: ready in a moment, because their libraries are imported already."""


@kernel.command()
@click.option("--sys-prefix", "place", flag_value="prefix", help="Into this environment, for all who use it.")
@click.option("--user", "place", flag_value="user", default=True, help="For this user (the default).")
@click.option("--name", default="workbench", show_default=True, help="Name of the kernelspec.")
@json_option
def install(place: str, name: str, as_json: bool) -> None:
    """Install the kernelspec, so that JupyterLab offers warm kernels in its launcher.

    \b
    Example:
      workbench kernel install --sys-prefix
    """
    with tempfile.TemporaryDirectory() as folder:
        from jupyter_client.kernelspec import KernelSpecManager

        from workbench.engines.jupyter import write_kernelspec

        write_kernelspec(Path(folder))
        try:
            where = KernelSpecManager().install_kernel_spec(
                folder, name, user=place == "user", prefix=sys.prefix if place == "prefix" else None
            )
        except (OSError, ValueError) as error:
            raise EngineError(f"the kernelspec cannot be installed: {error}", hint="try --user") from error
    if as_json:
        print_json({"name": name, "folder": where})
    else:
        click.echo(f"kernel {name} is installed in {where}")
        click.echo("choose it in JupyterLab's launcher as: Workbench (warm)", err=True)


@kernel.command()
@workspace_option
@json_option
def status(workspace: Path | None, as_json: bool) -> None:
    """Show the zygote of this environment, the kernels forked from it and what they take.

    \b
    Example:
      workbench kernel status
    """
    found = _zygote(workspace)
    told = found.status()
    rows: list[dict[str, Any]] = []
    if told is not None:
        rows = [_row("zygote", told["pid"]), *(_row("kernel", pid) for pid in told["children"])]
    if as_json:
        print_json({"running": told is not None, "log": str(found.identity.log), "processes": rows})
        return
    if told is None:
        click.echo("no zygote runs; the next run starts it: workbench kernel start", err=True)
        return
    print_table(
        ["process", "pid", "memory of its own", "its share in all"],
        [(row["process"], row["pid"], f"{row['own_mb']} MB", f"{row['share_mb']} MB") for row in rows],
    )
    said = found.identity.log.read_text("utf-8", "replace").strip()
    if said:
        click.echo(said, err=True)


@kernel.command()
@workspace_option
@json_option
def start(workspace: Path | None, as_json: bool) -> None:
    """Start the zygote now, so that the first kernel is warm too.

    \b
    Example:
      workbench kernel start
    """
    from workbench.batch.warm import Unavailable

    found = _zygote(workspace)
    try:
        found.start()
    except Unavailable as why:
        raise EngineError(
            f"there are no warm kernels here: {why}", hint="runs start cold; nothing else differs"
        ) from why
    told = found.status() or {}
    if as_json:
        print_json({"pid": told.get("pid")})
    else:
        click.echo(f"the zygote runs, pid {told.get('pid')}")


@kernel.command()
@workspace_option
@json_option
def stop(workspace: Path | None, as_json: bool) -> None:
    """End the zygote; kernels that run go on.

    \b
    Example:
      workbench kernel stop
    """
    stopped = _zygote(workspace).stop()
    if as_json:
        print_json({"stopped": stopped})
    else:
        click.echo("stopped" if stopped else "no zygote runs")


def _zygote(workspace: Path | None) -> Any:
    """The zygote of a workspace's settings, or the usual one."""
    from workbench.bench import bench_if_any, usual_zygote

    bench = bench_if_any(workspace)
    try:
        return (bench and bench.zygote) or usual_zygote()
    except OSError as error:
        raise EngineError(f"there can be no warm kernels: {error}", hint="runs start cold") from error


def _row(process: str, pid: int) -> dict[str, Any]:
    """What a process takes: its own memory, and its share where pages are shared."""
    share = own = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                share = int(line.split()[1])
            elif line.startswith("Private"):
                own += int(line.split()[1])
    except OSError:
        pass
    return {"process": process, "pid": pid, "own_mb": own * 1024 // MB, "share_mb": share * 1024 // MB}
