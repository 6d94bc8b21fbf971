"""What JupyterLab's server answers below `/workbench`, to those who may use it: JSON in, JSON out.

    GET  /workbench/launcher    what the launcher offers
    POST /workbench/launcher    a new notebook: {"template": …, "hypothesis": …, "owner": …, "date": …, "name": …}

Tornado's own checks stand before every answer: the token or cookie, its authorization, and the XSRF token of
what is written. What the answers are is handed in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from workbench.errors import Misuse, WorkbenchError

ADDRESS = "/workbench/launcher"
ASKED = ("template", "hypothesis", "owner", "date", "name")

Offer = Callable[[], Mapping[str, Any]]
Begin = Callable[..., Mapping[str, Any]]  # takes a text for each of ASKED


class LauncherEndpoint(APIHandler):
    """The two answers; an error of ours is told in words, as {"message": …, "hint": …}."""

    auth_resource = "contents"  # who may write notebooks may begin one

    def initialize(self, offer: Offer, begin: Begin) -> None:
        """Keep what is asked for answers."""
        self._offer, self._begin = offer, begin

    @web.authenticated
    @authorized
    def get(self) -> None:
        """What the launcher offers."""
        self._answer(self._offer)

    @web.authenticated
    @authorized
    def post(self) -> None:
        """Begin a notebook."""
        self._answer(lambda: self._begin(**asked(self.request.body)))

    def _answer(self, call: Callable[[], Mapping[str, Any]]) -> None:
        try:
            content = call()
        except WorkbenchError as error:
            self.set_status(400 if isinstance(error, Misuse) else 500)
            content = {"message": error.message, "hint": error.hint}
        self.finish(json.dumps(content))


def add_to(application: web.Application, base_url: str, *, offer: Offer, begin: Begin) -> None:
    """Let a Jupyter server's application answer.

    Args:
        application: The server's.
        base_url: Below which it answers.
        offer: What the launcher offers.
        begin: Begins a notebook; says where it lies.
    """
    address = url_path_join(base_url, ADDRESS)
    application.add_handlers(".*$", [(address, LauncherEndpoint, {"offer": offer, "begin": begin})])


def asked(body: bytes) -> dict[str, str]:
    """What a request asks for: one text for each name in `ASKED`; those left out are empty.

    Raises:
        Misuse: It is something else.

    >>> asked(b'{"template": "blank", "hypothesis": "it holds"}')["owner"]
    ''
    """
    hint = f"send a JSON object of texts: {', '.join(ASKED)}"
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Misuse("the request is no JSON", hint=hint) from error
    if not isinstance(content, dict):
        raise Misuse("the request is no JSON object", hint=hint)
    for name, value in content.items():
        if name not in ASKED or not isinstance(value, str):
            raise Misuse(f"{name[:60]!r} is no text that is asked for", hint=hint)
    return {name: content.get(name, "") for name in ASKED}
