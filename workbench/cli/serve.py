"""`workbench serve`: answer with the champions of a workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.options import json_option, workspace_option
from workbench.errors import EngineError, Misuse, WorkbenchError

if TYPE_CHECKING:
    from workbench.bench import Bench
    from workbench.bench.settings import Settings
    from workbench.serving.access_log import Appended
    from workbench.serving.alerting import SentAlert
    from workbench.serving.http import App
    from workbench.serving.workers import Others

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--token-file", type=FILE, help="File with a token that opens everything.")
@click.option("--keys", is_flag=True, help="Clients must send a key of their own (workbench key create).")
@click.option("--tls-cert", type=FILE, help="Certificate with its chain, PEM: speak TLS.")
@click.option("--tls-key", type=FILE, help="The certificate's key, PEM, if it is in another file.")
@click.option("--access-log", type=FILE, help="File for one JSON line a request, without personal data; -: stderr.")
@click.option("--durable", is_flag=True, help="Answer only once the prediction is in the log.")
@click.option("--processes", is_flag=True, help="A process for each model behind this address (setting: serving).")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="So many processes on this address, each with all models (setting: workers).",
)
@click.option("--only", metavar="MODEL", hidden=True, help="Answer for one model.")
@click.option("--socket", type=FILE, hidden=True, help="Listen on a Unix socket, for a gateway in front.")
@click.option("--listen", type=int, multiple=True, hidden=True, help="Descriptor of a socket shared with others.")
@click.option("--restarts", default=0, hidden=True, help="Times that this worker was started again.")
@workspace_option
@json_option
def serve(
    host: str,
    port: int,
    token_file: Path | None,
    keys: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    access_log: Path | None,
    durable: bool,
    processes: bool,
    workers: int | None,
    only: str | None,
    socket: Path | None,
    listen: tuple[int, ...],
    restarts: int,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Answer requests for predictions with the champions of a workspace, until Ctrl-C.

    On any address but this machine's own, clients need a key or the token. A model whose compiled form is
    certified is served by it; one that was never tried is compiled behind the answers (extra `[fast]`). With
    --json the address and the process are one line of JSON on stdout.

    \b
    Examples:
      workbench serve --workspace workbench-demo
      workbench serve --workers 4
      workbench serve --keys --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --access-log access.jsonl
      curl -s localhost:8000/v1/models
      curl -s localhost:8000/v1/models/lending/predict -H 'Content-Type: application/json' -d '{"rows": […]}'
    """
    from workbench import open_bench
    from workbench.engines.ports import Wanted, check_ports
    from workbench.engines.uvicorn import Worker
    from workbench.engines.uvicorn import serve as answer
    from workbench.serving import only_hosts
    from workbench.serving.workers import Others

    token = _token(token_file)
    if socket is None:
        if host not in LOOPBACK and token is None and not keys:
            raise Misuse(
                f"{host} can be reached from other machines; the gateway needs a token there, or keys",
                hint="give --keys or --token-file, or leave --host at 127.0.0.1",
            )
        check_ports([Wanted(port, "the gateway", "workbench serve --port")], host=host)
    with open_bench(workspace) as bench, ExitStack() as stack:
        split, number = _arrangement(bench.settings, processes, workers)
        if number > 1 and socket is None:
            options = {
                "--token-file": token_file,
                "--tls-cert": tls_cert,
                "--tls-key": tls_key,
                "--access-log": access_log,
                "--keys": keys,
                "--durable": durable,
            }
            run = _workers(bench, number, options, listening_at=(host, port), tls=(tls_cert, tls_key))
        else:
            file = stack.enter_context(_opened(access_log)) if access_log else None
            beside = Others(socket, number, restarts=restarts) if listen and socket else None
            split = split and socket is None
            app = _app(bench, token, keys=keys, durable=durable, only=only, split=split, access=file, others=beside)
            app = app if token or keys or only else only_hosts(app)
            run = partial(
                answer,
                app,
                host=host,
                port=port,
                socket=socket if beside is None else None,
                worker=None if beside is None else Worker(listen, beside.socket, beside),
                certificate=tls_cert,
                key=tls_key,
                told_to_stop=bench.loads.leave,
            )
        if socket is None:
            _begin_beside(bench)
            address = f"http{'s' if tls_cert else ''}://{f'[{host}]' if ':' in host else host}:{port}"
            if as_json:
                click.echo(json.dumps({"address": address, "pid": os.getpid()}))
            else:
                click.echo(f"the gateway answers at {address}/v1/models", err=True)
        try:
            run()
        except KeyboardInterrupt:  # raised again once all requests are answered
            click.echo("stopped", err=True)


def _arrangement(settings: Settings, processes: bool, workers: int | None) -> tuple[bool, int]:
    """Whether each model has a process, and how many answer with all of them.

    Raises:
        Misuse: Both are wanted, or a setting is none.
    """
    if settings.serving not in {"one", "processes"}:
        raise Misuse(f"serving is {settings.serving!r}; it must be one or processes", hint="workbench.toml")
    if settings.canary_control not in {"serve", "none"}:
        given = settings.canary_control
        raise Misuse(f"canary_control is {given!r}; it must be serve or none", hint="workbench.toml")
    split = processes or settings.serving == "processes"
    number = workers or (1 if processes else settings.workers)
    if split and number > 1:
        raise Misuse(
            f"a process for each model and {number} workers with all models are two arrangements",
            hint="leave out --processes or --workers (settings: serving, workers)",
        )
    return split, number


def _workers(
    bench: Bench,
    number: int,
    options: Mapping[str, Path | bool | None],
    *,
    listening_at: tuple[str, int],
    tls: tuple[Path | None, Path | None],
) -> Callable[[], None]:
    """Several processes on one address, each a `workbench serve` of its own.

    What each of them would fail on is looked at here first, or they would be started again and again for nothing.

    Args:
        bench: The workspace.
        number: How many.
        options: What each is given on.
        listening_at: Host and port.
        tls: Certificate and key.

    Raises:
        EngineError: Certificate, access log, address or a file of the workspace cannot be had.
    """
    from workbench.engines.ports import listening
    from workbench.engines.servers import dies_with_its_parent
    from workbench.engines.uvicorn import check_certificate
    from workbench.serving.workers import Workers

    certificate, key = tls
    if certificate is not None:
        check_certificate(certificate, key)
    if isinstance(log := options["--access-log"], Path):
        with _opened(log):
            pass
    for look in (lambda: bench.log, lambda: bench.loads, lambda: bench.allowances):
        look()
    program = [sys.executable, "-m", "workbench", "serve", "--workspace", str(bench.root)]
    for name, value in options.items():
        program += [name, str(value)] if isinstance(value, Path) else [name] if value else []
    sockets = listening(*listening_at)
    return Workers(
        program, number, sockets, environ=bench.environ, first=dies_with_its_parent(), stopped=bench.loads.leave
    ).run


def _begin_beside(bench: Bench) -> None:
    """What goes on beside the answers, whoever gives them: MLflow follows the ledger, canaries are looked after."""
    threading.Thread(target=_reconcile, args=(bench,), daemon=True).start()
    if bench.settings.canary_control == "serve":
        threading.Thread(target=_canaries, args=(bench,), daemon=True).start()


def _app(
    bench: Bench,
    token: str | None,
    *,
    keys: bool,
    durable: bool,
    only: str | None,
    split: bool,
    access: Appended | None,
    others: Others | None,
) -> App:
    """The gateway, with all models in this process or with a process each."""
    from workbench.serving import create_app
    from workbench.serving.access_log import AccessLog
    from workbench.serving.processes import behind, create_front

    lines = None if access is None else AccessLog(access, now=bench.now)
    if split:
        from workbench.engines.servers import dies_with_its_parent

        program = [sys.executable, "-m", "workbench", "serve", "--workspace", str(bench.root)]
        return create_front(
            bench.ledger,
            [*program, *(["--durable"] if durable else [])],
            bench.log,
            now=bench.now,
            token=token,
            keys=bench.keys if keys else None,
            policy=bench.log_policy,
            access=lines,
            environ=bench.environ,
            first=dies_with_its_parent(),
            rotate=bench.rotate_aside,
            more_metrics=lambda: _monitored(bench),
            alerts=lambda alerts: _heard(bench, alerts),
            stopped=bench.loads.leave,
            allowances=bench.allowances,
        )
    app = create_app(
        bench.ledger,
        bench.lanes,
        bench.log,
        now=bench.now,
        token=token,
        keys=bench.keys if keys else None,
        durable=durable,
        policy=bench.log_policy,
        access=lines,
        compiler=bench.lanes,
        only=only,
        rotate=None if only else bench.rotate_aside,
        more_metrics=None if only else lambda: _monitored(bench),
        alerts=None if only else lambda alerts: _heard(bench, alerts),
        holding=bench.held.holding(),
        loads=bench.loads,
        allowances=None if only else bench.allowances,
        others=others,
    )
    return app if only is None else behind(app)


def _reconcile(bench: Bench) -> None:
    """Mend MLflow's aliases in a process of its own, which alone imports MLflow, and say what was found."""
    program = [sys.executable, "-m", "workbench", "reconcile", "--workspace", str(bench.root), "--json"]
    ended = subprocess.run(program, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if ended.returncode:
        click.echo(f"MLflow was not brought in line: {ended.stderr.strip()[:500]}", err=True)
        return
    for sentence in json.loads(ended.stdout)["sentences"]:
        click.echo(f"MLflow: {sentence}", err=True)


def _monitored(bench: Bench) -> str:
    from workbench.monitoring.canaries import canary_exposition
    from workbench.serving.events import events_exposition

    canaries = canary_exposition(bench.canaries.status(alive=True))
    return bench.watch.exposition_aside() + canaries + events_exposition(bench.events.standings())


def _canaries(bench: Bench) -> None:
    """Have a controller in a process of its own while a canary is in progress; it shares no moment with answers."""
    from workbench.engines.servers import dies_with_its_parent
    from workbench.monitoring.canaries.reading import running

    program = [sys.executable, "-m", "workbench", "canary", "run", "--until-idle", "--workspace", str(bench.root)]
    with suppress(WorkbenchError):  # the bench was closed: the gateway stops
        while True:
            with suppress(EngineError):
                if running(bench.ledger):
                    subprocess.run(
                        program,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        env=dict(bench.environ),
                        preexec_fn=dies_with_its_parent(),
                        check=False,
                    )
            time.sleep(bench.settings.canary_seconds)


def _heard(bench: Bench, alerts: Sequence[SentAlert]) -> dict[str, Any]:
    """Keep alerts as incidents; where a model may be rolled back for one, a process of its own looks and acts."""
    from workbench.monitoring.alerts import Alert

    heard = bench.watch.hear(Alert(*alert) for alert in alerts)
    for model in bench.watch.acts_for(heard.models):
        program = [sys.executable, "-m", "workbench", "monitor", "--act", "--quiet", f"--model={model}"]
        looking = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.DEVNULL,
            "env": dict(bench.environ),
            "check": False,
        }
        argv = [*program, "--workspace", str(bench.root)]
        threading.Thread(target=subprocess.run, args=(argv,), kwargs=looking, daemon=True).start()
    return heard._asdict()


def _opened(path: Path) -> AbstractContextManager[Appended]:
    from workbench.serving.access_log import LogFile

    if str(path) == "-":
        return open(sys.stderr.fileno(), "ab", buffering=0, closefd=False)
    try:
        return LogFile(path)
    except OSError as error:
        raise EngineError(f"the access log {path} cannot be written: {error}", hint="mend its folder") from error


def _token(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        token = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError(
            f"the token file {file} cannot be read: {error}", hint="chmod 600 it, and write one line"
        ) from error
    if not token or not token.isascii():
        raise Misuse(f"the token file {file} holds no token", hint=f"openssl rand -hex 24 > {file}")
    return token
