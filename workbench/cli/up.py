"""`workbench up`: JupyterLab, the pages, MLflow and the gateway of a workspace, in one command."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.options import json_option, print_json, workspace_option
from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from workbench.bench import Bench
    from workbench.bench.settings import Settings
    from workbench.engines.servers import Server, Servers

PORT = click.IntRange(1, 65535)
PREFIX = re.compile(r"/(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/)*")
ORIGIN = re.compile(r"https?://[A-Za-z0-9._-]+(:\d{1,5})?")
ASKED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Address:
    """One line of the table."""

    name: str
    url: str  # with its token: opens by a click
    server: str


@click.command()
@click.option("--lab-port", default=8888, show_default=True, type=PORT, help="Port of JupyterLab.")
@click.option("--pages-port", default=8866, show_default=True, type=PORT, help="Port of the pages.")
@click.option("--mlflow-port", default=5000, show_default=True, type=PORT, help="Port of MLflow.")
@click.option("--gateway-port", default=8000, show_default=True, type=PORT, help="Port of the gateway.")
@click.option("--wait", default=180.0, show_default=True, help="Seconds in which all must answer.")
@workspace_option
@json_option
def up(
    lab_port: int,
    pages_port: int,
    mlflow_port: int,
    gateway_port: int,
    wait: float,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Start JupyterLab, the pages, MLflow and the gateway on this machine; Ctrl-C stops them all.

    They listen on 127.0.0.1 only, each behind a token of its own that is new at every start; the gateway takes
    keys too (workbench key create), which stay: Alertmanager has one. A gateway that ends, or leaves three
    questions whether it is alive unanswered, is started again. Pages and JupyterLab's new notebooks have warm
    kernels, whose libraries are imported already; the process that they are forked from is stopped too, unless
    it ran before.

    \b
    Examples:
      workbench up --workspace workbench-demo
      workbench up --lab-port 8889
    """
    from workbench import open_bench
    from workbench.engines.ports import Wanted, check_ports
    from workbench.engines.servers import Servers

    check_ports(
        [
            Wanted(lab_port, "JupyterLab", "workbench up --lab-port"),
            Wanted(pages_port, "the pages", "workbench up --pages-port"),
            Wanted(mlflow_port, "MLflow", "workbench up --mlflow-port"),
            Wanted(gateway_port, "the gateway", "workbench up --gateway-port"),
        ]
    )
    with (
        open_bench(workspace) as bench,
        _run_folder(bench.root) as run,
        _asked_to_stop() as asked,
        _warm(bench),
    ):
        planned, addresses = _plan(bench, run, lab_port, pages_port, mlflow_port, gateway_port)
        _note_links(run, addresses)
        with Servers(planned, stopped=lambda process: bench.loads.leave(process)) as servers:
            servers.start()
            if servers.wait(wait, on_answer=_tell, given_up=asked):
                _show(bench.root, servers, addresses, as_json)
                _watch(servers, asked)
            click.echo("stopping …", err=True)
    click.echo("all stopped", err=True)


def _plan(
    bench: Bench, run: Path, lab_port: int, pages_port: int, mlflow_port: int, gateway_port: int
) -> tuple[list[Server], list[Address]]:
    """The servers to run, and where each is to be found."""
    from workbench.bench import shipped
    from workbench.bench.identity import page_headers
    from workbench.engines import jupyter, mlflow_ui
    from workbench.engines.servers import Server

    settings = bench.settings
    _check(settings)
    kernels = _kernels(bench, run)
    tokens = {name: _new_token(run, name) for name in ("lab", "pages", "mlflow", "gateway")}
    apps = shipped("notebooks") / "apps"
    here, root = "http://127.0.0.1", bench.root
    at = {  # where a browser finds them; a proxy takes MLflow's prefix off
        "lab": f"{_origin(settings, lab_port)}{settings.lab_prefix}",
        "pages": f"{_origin(settings, pages_port)}{settings.pages_prefix}",
        "mlflow": f"{_origin(settings, mlflow_port)}{'/' if settings.proxy == 'none' else settings.mlflow_prefix}",
    }
    proxy = None if settings.proxy == "none" else settings.proxy
    environ = {**bench.environ, "WORKBENCH_MLFLOW": at["mlflow"].rstrip("/")}  # pages link to runs
    tracking, artifacts = bench.tracking
    program = [sys.executable, "-m"]
    servers = [
        jupyter.lab(
            root,
            settings=shipped("templates") / "jupyterlab",
            kernels=kernels,
            port=lab_port,
            token_file=run / "lab.token",
            environ=environ,
            log=run / "lab.log",
            prefix=settings.lab_prefix,
            proxied=proxy is not None,
        ),
        jupyter.pages(
            root,
            apps=apps,
            template=shipped("templates"),
            headers=page_headers(settings.identity),
            prefix=settings.pages_prefix,
            kernels=kernels,
            places=jupyter.Places(
                most=settings.page_kernels,
                gb=settings.page_gb,
                idle=60 * settings.page_minutes,
            ),
            port=pages_port,
            token=tokens["pages"],
            run=run,
            environ=environ,
            log=run / "pages.log",
        ),
        Server(
            name="MLflow",
            argv=[
                *program,
                "workbench.engines.mlflow_ui",
                *_given(uri=tracking, artifacts=artifacts, port=mlflow_port, token_file=run / "mlflow.token"),
            ],
            probe=f"{here}:{mlflow_port}/health",
            environ={**environ, **mlflow_ui.environment(tracking, artifacts, proxy=proxy)},
            cwd=root,
            log=run / "mlflow.log",
        ),
        Server(
            name="Gateway",
            argv=[
                *program,
                "workbench",
                "serve",
                "--keys",
                *_given(workspace=root, port=gateway_port, token_file=run / "gateway.token"),
            ],
            probe=f"{here}:{gateway_port}/healthz",
            environ=environ,
            cwd=root,
            log=run / "gateway.log",
            kept=True,
        ),
    ]
    addresses = [
        Address("JupyterLab", f"{at['lab']}lab?token={tokens['lab']}", "JupyterLab"),
        *(
            Address(
                path.stem.capitalize(),
                f"{at['pages']}voila/render/{path.name}?token={tokens['pages']}",
                "Pages",
            )
            for path in sorted(apps.glob("*.ipynb"))
        ),
        Address("MLflow", f"{at['mlflow']}?token={tokens['mlflow']}#/experiments", "MLflow"),
        Address("Gateway", f"{here}:{gateway_port}/v1/models?token={tokens['gateway']}", "Gateway"),
    ]
    return servers, addresses


def _check(settings: Settings) -> None:
    """Refuse what cannot be an address of a proxy, or a path at it.

    Raises:
        Misuse: So it is.
    """
    for name in ("pages_prefix", "lab_prefix", "mlflow_prefix"):
        if not PREFIX.fullmatch(prefix := getattr(settings, name)):
            raise Misuse(
                f"{name} is {prefix!r}; it must be a path of letters, digits, -, _ and . between slashes",
                hint=f'e.g. {name} = "/team/{name.removesuffix("_prefix")}/"',
            )
    if settings.proxy != "none" and not ORIGIN.fullmatch(settings.proxy):
        raise Misuse(
            f"proxy is {settings.proxy!r}; it must be a scheme and a host, without a path",
            hint='e.g. proxy = "https://data.example"',
        )


def _origin(settings: Settings, port: int) -> str:
    return f"http://127.0.0.1:{port}" if settings.proxy == "none" else settings.proxy


def _kernels(bench: Bench, run: Path) -> Path | None:
    """The folder with the kernelspec of this workspace's warm kernels; None where it wants cold ones."""
    from workbench.engines import jupyter

    if bench.settings.kernel == "cold":
        return None
    spec = jupyter.kernelspec(bench.settings.preload.split(), 60 * bench.settings.warm_minutes)
    jupyter.write_kernelspec(run / "jupyter" / "kernels" / jupyter.KERNEL, spec)
    return run / "jupyter"


@contextmanager
def _warm(bench: Bench) -> Iterator[None]:
    """Warm kernels get ready while the servers start; what was started for them ends with us."""
    from workbench.batch.warm import Unavailable
    from workbench.engines.servers import dies_with_its_parent

    started = None
    try:
        if bench.settings.kernel != "cold" and bench.zygote is not None:
            started = bench.zygote.begin(first=dies_with_its_parent())
    except (Unavailable, OSError) as why:
        click.echo(f"kernels start cold: {why}", err=True)
    try:
        yield
    finally:
        if started is not None:
            started.terminate()  # it goes when the last that was forked from it has gone


def _note_links(run: Path, addresses: list[Address]) -> None:
    """Leave the pages' addresses where JupyterLab's launcher finds them, for this user alone."""
    from workbench.bench.lab import LINKS

    file = run / LINKS
    file.touch(mode=0o600)
    file.write_text(json.dumps([{"name": a.name, "url": a.url} for a in addresses if a.server in {"Pages", "MLflow"}]))


def _given(**options: object) -> list[str]:
    """Options as a command line has them."""
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def _show(root: Path, servers: Servers, addresses: list[Address], as_json: bool) -> None:
    if as_json:
        pids = servers.pids
        print_json(
            {
                "workspace": str(root),
                "servers": [{"name": a.name, "url": a.url, "pid": pids.get(a.server)} for a in addresses],
            }
        )
        return
    width = max(len(address.name) for address in addresses)
    click.echo("")
    for address in addresses:
        click.echo(f"  {address.name:<{width}}  {address.url}")
    click.echo(f"\nLogs are in {root / '.run'}; Ctrl-C stops everything.", err=True)


def _tell(server: Server, seconds: float) -> None:
    click.echo(f"  {server.name:<12} answers after {seconds:.1f} s", err=True)


def _watch(servers: Servers, asked: Callable[[], bool]) -> None:
    """Keep the gateway, and say what ends by itself, until one is asked to stop.

    Raises:
        EngineError: All ended.
    """
    while not asked():
        for said in servers.watch():
            click.echo(said, err=True)
        if not servers.pids:
            raise EngineError("all servers ended", hint="look at the logs above, then start again")
        for _ in range(10):
            if asked():
                break
            time.sleep(0.1)


def _new_token(run: Path, name: str) -> str:
    """A random token, also in a file that this user alone can read."""
    token = secrets.token_hex(24)
    file = run / f"{name}.token"
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
        written.write(token)
    return token


@contextmanager
def _run_folder(root: Path) -> Iterator[Path]:
    """The folder for tokens and logs, held by one `up` at a time; the tokens go when it ends.

    Raises:
        Misuse: Another `up` runs in this workspace.
        EngineError: The workspace cannot be written.
    """
    from filelock import FileLock, Timeout

    run = root / ".run"
    try:
        run.mkdir(mode=0o700, exist_ok=True)
        run.chmod(0o700)
        lock = FileLock(run / "up.lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        raise Misuse(f"workbench up runs in {root} already", hint="stop it first, or use another workspace") from error
    except OSError as error:
        raise EngineError(
            f"{run} cannot be written: {error.strerror or error}",
            hint="whoever it belongs to runs workbench up here; ask them for the addresses",
        ) from error
    try:
        yield run
    finally:
        for file in (*run.glob("*.token"), *run.glob("*.json")):
            file.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _asked_to_stop() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C, SIGTERM or the end of the terminal has asked this process to stop."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in ASKED}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
