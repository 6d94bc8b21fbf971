"""Who acts: told by something that can be trusted, never by a text field, an option or a bare variable.

The setting `identity` says who vouches:

    os                       the user of the machine that this process runs as, by number
    hub+http://HOST/hub/api  the JupyterHub at this address, asked with the server's own token
    proxy:X-Remote-User      a proxy before the pages, which proves itself by the workspace's secret;
                             what is no page is told by the machine

A variable that names a user proves nothing: whoever starts a kernel can set it. The Hub is asked, and a
header counts only beside the secret in `proxy.secret`, which the proxy adds and no viewer knows.
"""

from __future__ import annotations

import hmac
import os
import pwd
import re
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from workbench.errors import EngineError, Misuse
from workbench.promotion.people import Identity, person_named

TOKEN = "JUPYTERHUB_API_TOKEN"  # noqa: S105 (the name of a variable)
PAGE = "SERVER_SOFTWARE"  # Voila tells it every kernel of a page
SECRET_HEADER = "X-Workbench-Proxy"  # noqa: S105 (the name of a header)
SECRET_FILE = "proxy.secret"  # noqa: S105 (the name of a file)
LEAST_SECRET = 16  # characters
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")

AsksHub = Callable[[str, str], str]  # the Hub's address and a token in, the user's name out


def identify(setting: str, environ: Mapping[str, str], root: Path, ask_hub: AsksHub) -> Identity:
    """Who acts in this process.

    Args:
        setting: Who vouches; see above.
        environ: This process's environment.
        root: The workspace.
        ask_hub: Asks a JupyterHub whom a token belongs to.

    Raises:
        Misuse: The setting is none of the three, or nothing that is trusted names anybody.
        EngineError: The Hub does not answer, or the proxy's secret cannot be read.
    """
    scheme, _, rest = setting.partition(":" if setting.startswith("proxy:") else "+")
    if setting == "os":
        return _of_the_machine()
    if scheme == "hub" and rest.startswith(("http://", "https://")):
        token = environ.get(TOKEN)
        if not token:
            raise Misuse(
                f"nobody vouches for you: this process has no {TOKEN}",
                hint="open the workspace from a server that the JupyterHub has started",
            )
        return Identity(person_named(ask_hub(rest.rstrip("/"), token)), "jupyterhub")
    if scheme == "proxy" and HEADER.fullmatch(rest):
        return _of_the_proxy(rest, environ, root) if PAGE in environ else _of_the_machine()
    raise Misuse(
        f"identity is {setting!r}; it must be os, hub+http://HOST/hub/api or proxy:HEADER", hint="edit workbench.toml"
    )


def page_headers(setting: str) -> tuple[str, ...]:
    """The headers of a page's request that its kernel has to see for `identify`.

    >>> page_headers("proxy:X-Remote-User"), page_headers("os")
    (('X-Remote-User', 'X-Workbench-Proxy'), ())
    """
    scheme, _, header = setting.partition(":")
    return (header, SECRET_HEADER) if scheme == "proxy" and HEADER.fullmatch(header) else ()


def _of_the_machine() -> Identity:
    number = os.getuid()  # not the environment, which anybody sets
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = f"uid-{number}"
    return Identity(name, "os")


def _of_the_proxy(header: str, environ: Mapping[str, str], root: Path) -> Identity:
    given = environ.get(_variable(SECRET_HEADER), "")
    if not hmac.compare_digest(os.fsencode(given), _secret(root / SECRET_FILE).encode()):
        raise Misuse(
            "nobody vouches for you: this page was not opened through the proxy",
            hint="open it at the proxy's address",
        )
    named = environ.get(_variable(header), "")
    if "," in named:  # the viewer's own header came through beside the proxy's
        raise Misuse(
            f"the proxy names more than one person: {named!r}",
            hint=f"let the proxy replace {header}, not add to it",
        )
    return Identity(person_named(named), "proxy")


def _secret(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            secret = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        hint = f"openssl rand -hex 24 > {path}; chmod 600 {path}"
        raise EngineError(f"the proxy's secret {path} cannot be read: {error}", hint=hint) from error
    if mode & 0o077:
        raise EngineError(f"others can read the proxy's secret {path} (mode {mode:o})", hint=f"chmod 600 {path}")
    if len(secret) < LEAST_SECRET:
        raise EngineError(f"the proxy's secret {path} is too short", hint=f"openssl rand -hex 24 > {path}")
    return secret


def _variable(header: str) -> str:
    """The variable in which Voila tells a kernel a header of its page's request."""
    return f"HTTP_{header.upper().replace('-', '_')}"
