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
        asked = self.get_json_body()
        self._answer(lambda: self._begin(**checked(asked)))

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


def checked(asked: Any) -> dict[str, str]:
    """What was asked for: one text for each name in `ASKED`; those left out are empty.

    Raises:
        Misuse: It is something else.

    >>> checked({"template": "blank", "hypothesis": "it holds"})["owner"]
    ''
    """
    hint = f"send an object of texts: {', '.join(ASKED)}"
    if not isinstance(asked, dict):
        raise Misuse("the request holds no JSON object", hint=hint)
    for name, value in asked.items():
        if name not in ASKED or not isinstance(value, str):
            raise Misuse(f"{str(name)[:60]!r} is no text that is asked for", hint=hint)
    return {name: asked.get(name, "") for name in ASKED}
