"""MLflow's own pages behind our token: one process, no jobs, no assistant, nothing but loopback.

MLflow has no authentication by default, and it ships an assistant that runs shell commands, a gateway
to language models with their keys, webhooks and a runner of jobs; none of them is reachable here. Run as a program:

    python -m workbench.engines.mlflow_ui --uri URL --artifacts DIR --port 5000 --token-file FILE
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import click

from workbench.engines.uvicorn import serve
from workbench.serving.guard import guard
from workbench.serving.http import App, Message, Receive, Reply, Scope, Send

# MLflow opens its assistant's panel at a first visit; here the assistant is switched off
HUSHED = b'<head><script>localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true")</script>'
LOOPBACK = ("127.0.0.1", "127.0.0.1:*", "localhost", "localhost:*")  # as MLflow writes them
PARTS = "assistant|gateway|gateway-proxy|genai|issues/invoke|jobs|prompt-optimization|scorer|webhooks"
CLOSED = re.compile(rf"/gateway(/|$)|/(ajax-)?api/[^/]+/(mlflow/)?({PARTS})(/|$)")


def environment(uri: str, artifacts: Path, *, proxy: str | None = None) -> dict[str, str]:
    """What MLflow's server reads of the environment when it is imported.

    Args:
        uri: SQLAlchemy URL of its store.
        artifacts: Folder of its artifacts.
        proxy: Address under which a proxy shows it, "https://data.example"; it answers under no other name but its own.
    """
    named = {}
    if proxy:
        named["MLFLOW_SERVER_ALLOWED_HOSTS"] = ",".join([*LOOPBACK, urlsplit(proxy).netloc])
        named["MLFLOW_SERVER_CORS_ALLOWED_ORIGINS"] = proxy
    return {
        **named,
        "_MLFLOW_SERVER_FILE_STORE": uri,
        "_MLFLOW_SERVER_REGISTRY_STORE": uri,
        "_MLFLOW_SERVER_ARTIFACT_ROOT": artifacts.as_uri(),
        "_MLFLOW_SGI_NAME": "uvicorn",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "GIT_PYTHON_REFRESH": "quiet",
    }


def closed(app: App) -> App:
    """MLflow's app without the parts that are not for looking at runs and models."""

    async def open_parts(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and CLOSED.match(scope["path"]):
            await Reply.problem(404, "this part of MLflow is switched off").send(send)
        elif scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "GET":
            await (await _whole(app, scope, receive)).send(send)
        else:
            await app(scope, receive, send)

    return open_parts


async def _whole(app: App, scope: Scope, receive: Receive) -> Reply:
    """MLflow's first page, hushed."""
    came: list[Message] = []

    async def keep(message: Message) -> None:
        came.append(message)

    await app(scope, receive, keep)
    body = b"".join(message.get("body", b"") for message in came[1:])
    headers = [(name.lower(), value) for name, value in came[0]["headers"]]
    kind = next((value for name, value in headers if name == b"content-type"), b"text/html; charset=utf-8")
    # a copy that a browser kept from before would not be this one
    drop = {b"content-type", b"content-length", b"etag", b"last-modified", b"content-disposition"}
    return Reply(
        came[0]["status"],
        body.replace(b"<head>", HUSHED, 1),
        kind,
        tuple((name, value) for name, value in headers if name not in drop),
    )


@click.command()
@click.option("--uri", required=True, help="SQLAlchemy URL of MLflow's store.")
@click.option("--artifacts", required=True, type=click.Path(path_type=Path), help="Folder of its artifacts.")
@click.option("--port", required=True, type=int, help="Port on 127.0.0.1.")
@click.option("--token-file", required=True, type=click.Path(path_type=Path), help="File with the token.")
def main(uri: str, artifacts: Path, port: int, token_file: Path) -> None:
    """Serve MLflow's pages until SIGTERM comes."""
    from workbench.engines.mlflow import MlflowStore

    MlflowStore(uri, artifacts).unfinished()  # makes the store, under its lock, where there is none
    from mlflow.server.fastapi_app import app

    serve(
        guard(closed(app), token_file.read_text().strip(), name="mlflow", public=("/health",)),
        host="127.0.0.1",
        port=port,
    )


if __name__ == "__main__":
    main()
