"""Uvicorn: runs an ASGI app on a port of this machine, with uvloop and httptools where they are."""

from __future__ import annotations

from workbench.serving.http import App

GRACE = 5  # seconds that open requests may take when the server stops


def serve(app: App, *, host: str, port: int) -> None:
    """Answer until SIGINT or SIGTERM comes; open requests are answered first.

    Args:
        app: What answers.
        host: The address to listen on.
        port: The port; it should have been checked.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="auto",
        http="auto",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE,
    )
    uvicorn.Server(config).run()
