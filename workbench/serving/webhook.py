"""Telling a client's program what a held answer came to: one signed POST to an address of the settings.

The address comes from the workspace's settings, never from a request, and redirects are not followed. The
header `x-workbench-signature: t=SECONDS,v1=HEX` is HMAC-SHA256 of "SECONDS.BODY" with a secret that both
know. What is not taken is sent again; a receiver may get the same twice, and knows it by its id.

>>> signed(b"{}", "s3cret", 1767225600)
't=1767225600,v1=29ee05578fef21788e25d00ee3270df92a9e454a1fb82bc2c22d2269c729892b'
"""

from __future__ import annotations

import hashlib
import hmac
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from workbench.errors import Misuse

SIGNATURE = "x-workbench-signature"
SECONDS = 10.0  # that a receiver may take
LOCAL = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Webhook:
    """Where to, and with which secret."""

    url: str
    secret: str

    def __post_init__(self) -> None:
        """Check the address.

        Raises:
            Misuse: It is neither https nor on this machine, or the secret is empty.
        """
        address = urlsplit(self.url)
        if not (address.scheme == "https" or (address.scheme == "http" and address.hostname in LOCAL)):
            raise Misuse("review_webhook must be an https address, or http on this machine", hint="edit workbench.toml")
        if not self.secret:
            raise Misuse("review_secret is empty; anybody could sign", hint='review_secret = "env:NAME"')

    def send(self, body: bytes, *, at: int) -> bool:
        """Send a body; whether it was taken.

        Args:
            body: JSON.
            at: The time, in seconds since 1970.
        """
        headers = {"content-type": "application/json", SIGNATURE: signed(body, self.secret, at)}
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310 (checked above)
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=SECONDS) as reply:
                return 200 <= int(reply.status) < 300
        except (OSError, urllib.error.URLError, ValueError):
            return False


def signed(body: bytes, secret: str, at: int) -> str:
    """The value of the header for a body at a time."""
    return f"t={at},v1={hmac.new(secret.encode(), f'{at}.'.encode() + body, hashlib.sha256).hexdigest()}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
