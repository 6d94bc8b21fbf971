"""`workbench serve`: answer with the champions of a workspace."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.options import workspace_option
from workbench.errors import EngineError, Misuse

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option(
    "--token-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the token that clients must send; needed on any address but this machine's own.",
)
@click.option("--durable", is_flag=True, help="Answer only once the prediction is in the log.")
@workspace_option
def serve(host: str, port: int, token_file: Path | None, durable: bool, workspace: Path | None) -> None:
    """Answer requests for predictions with the champions of a workspace, until Ctrl-C.

    \b
    Examples:
      workbench serve --workspace workbench-demo
      curl -s localhost:8000/v1/models
      curl -s localhost:8000/v1/models/lending/predict -H 'Content-Type: application/json' -d '{"rows": […]}'
    """
    from workbench import open_bench
    from workbench.engines.ports import Wanted, check_ports
    from workbench.engines.uvicorn import serve as answer
    from workbench.serving import create_app, only_hosts

    token = _token(token_file, host)
    check_ports([Wanted(port, "the gateway", "workbench serve --port")], host=host)
    with open_bench(workspace) as bench:
        for mended in bench.reconcile():
            click.echo(f"mended: {mended}", err=True)
        app = create_app(
            bench.ledger,
            bench.store,
            bench.log,
            now=bench.now,
            token=token,
            durable=durable,
            more_metrics=bench.watch.exposition,
        )
        click.echo(f"the gateway answers at http://{host}:{port}/v1/models", err=True)
        try:
            answer(app if token else only_hosts(app), host=host, port=port)
        except KeyboardInterrupt:  # raised again once all requests are answered
            click.echo("stopped", err=True)


def _token(file: Path | None, host: str) -> str | None:
    if file is None:
        if host not in LOOPBACK:
            raise Misuse(
                f"{host} can be reached from other machines; the gateway needs a token there",
                hint="give one with --token-file, or leave --host at 127.0.0.1",
            )
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
