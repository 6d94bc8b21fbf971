"""The door: one token in front of an ASGI app, for programs as a header and for people as a link.

A program sends `Authorization: Bearer TOKEN`. A person opens a link with `?token=TOKEN` once: the guard
sets a cookie that scripts cannot read and sends the browser to the same address without the token, told
relative to where it is, so that no header says where and a proxy may put a prefix before it.
Tokens are compared in constant time; the cookie holds a digest of the token, not the token.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Collection
from urllib.parse import parse_qsl, quote, urlencode

from workbench.serving.http import App, Receive, Reply, Scope, Send, header

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def guard(
    app: App,
    token: str | None,
    *,
    name: str,
    public: Collection[str] = (),
    admits: Callable[[Scope], bool] = lambda _: False,
    refused: Callable[[Scope], None] = lambda _: None,
) -> App:
    """An app behind a token.

    Args:
        app: What is guarded.
        token: What opens it; not empty. None: nothing but what `admits` lets in.
        name: Letters and dashes; apps on other ports of one host must not share a cookie.
        public: Paths that anybody may read.
        admits: Lets in who comes without the token, by a key of its own.
        refused: Told of each request that is turned away.

    Raises:
        ValueError: The token is empty.
    """
    if token == "":
        raise ValueError("the token is empty; anybody would know it")
    given = None if token is None else token.encode()
    cookie = f"workbench-{name}".encode()
    pass_ = hashlib.sha256(b"workbench cookie\0" + cookie + b"\0" + (given or b"")).hexdigest().encode()

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        free = scope["type"] == "lifespan" or scope["path"] in public
        known = given is not None and not free and (_bearer(scope, given) or _cookie(scope, cookie, pass_))
        if free or known or admits(scope):
            await app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif given is not None and (clean := _without_token(scope, given)) is not None:
            await _welcome(clean, cookie, pass_).send(send)
        else:
            refused(scope)
            await _refusal().send(send)

    return guarded


def only_hosts(app: App, hosts: Collection[str] = LOOPBACK) -> App:
    """An app that answers only under these names, so that no web page reaches it through a name of its own."""

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            host = header(scope, b"host").decode("latin-1").lower()
            bare = host if host.endswith("]") else host.rpartition(":")[0] or host
            if bare not in hosts:
                reply = Reply.problem(421, f"this gateway does not answer as {bare!r}", hint=f"use {', '.join(hosts)}")
                await reply.send(send)
                return
        await app(scope, receive, send)

    return checked


def _bearer(scope: Scope, token: bytes) -> bool:
    kind, _, value = header(scope, b"authorization").partition(b" ")
    return hmac.compare_digest(value.strip(), token) and kind.lower() == b"bearer"


def _cookie(scope: Scope, name: bytes, wanted: bytes) -> bool:
    for found, line in scope["headers"]:
        if found == b"cookie":
            for pair in line.split(b";"):
                key, _, value = pair.strip().partition(b"=")
                if key == name and hmac.compare_digest(value, wanted):
                    return True
    return False


def _without_token(scope: Scope, token: bytes) -> str | None:
    """A reader's address without its token; None where it brings none, or a wrong one."""
    if scope["method"] not in {"GET", "HEAD"}:
        return None
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    tokens = [value for key, value in pairs if key == "token"]
    if not tokens or not hmac.compare_digest(tokens[0].encode(), token):
        return None
    rest = urlencode([(key, value) for key, value in pairs if key != "token"])
    # beside where the browser is: whatever prefix a proxy puts before it, and never at another host
    path = "./" + quote(scope["path"].rpartition("/")[2])
    return path + (f"?{rest}" if rest else "")


def _welcome(address: str, cookie: bytes, value: bytes) -> Reply:
    return Reply(
        303,
        headers=(
            (b"location", address.encode()),
            (b"set-cookie", cookie + b"=" + value + b"; Path=/; HttpOnly; SameSite=Lax"),
            (b"cache-control", b"no-store"),
            (b"referrer-policy", b"no-referrer"),
        ),
    )


def _refusal() -> Reply:
    return Reply.problem(
        401,
        "this needs a key",
        hint="send the header 'Authorization: Bearer KEY' (workbench key create), or open it with ?token=TOKEN once",
        headers=((b"www-authenticate", b'Bearer realm="workbench"'),),
    )
