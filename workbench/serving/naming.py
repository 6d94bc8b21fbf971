"""Names of requests and predictions: the caller's where it gave a good one, else one that no other process gives.

>>> naming = Naming()
>>> naming.request({"headers": [(b"x-request-id", b"order-7")]})
'order-7'
>>> naming.request({"headers": [(b"x-request-id", b"no good")]}) == naming.request({"headers": []})
False
"""

from __future__ import annotations

import itertools
import re
import secrets

from workbench.serving.http import Scope, header

REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


class Naming:
    """The names that one process gives."""

    def __init__(self) -> None:
        self._name = secrets.token_hex(6)
        self._numbers = itertools.count(1)

    def request(self, scope: Scope) -> str:
        """A request's name."""
        given = header(scope, b"x-request-id")
        return given.decode() if REQUEST_ID.fullmatch(given) else f"r{self._name}{next(self._numbers):08x}"

    def prediction(self) -> str:
        """A new prediction's name."""
        return f"p{self._name}{next(self._numbers):08x}"
