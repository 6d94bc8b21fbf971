"""JupyterHub: whom a token belongs to, asked of the Hub itself."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from workbench.errors import EngineError

SECONDS = 5.0
MOST_BYTES = 1 << 20


def user_of(api: str, token: str) -> str:
    """The name of the user that a token belongs to.

    Args:
        api: The Hub's API, e.g. "http://127.0.0.1:8081/hub/api".
        token: The token of a user's server.

    Raises:
        EngineError: The Hub does not answer, does not know the token, or names nobody.
    """
    request = urllib.request.Request(f"{api}/user", headers={"Authorization": f"token {token}"})  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy of the environment comes between
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            told = json.loads(answer.read(MOST_BYTES))
        name = str(told["name"] or "")
    except (OSError, urllib.error.URLError, ValueError, KeyError, TypeError) as error:
        raise EngineError(
            f"the JupyterHub at {api} does not say who you are: {error}", hint="look at identity in workbench.toml"
        ) from error
    return name
