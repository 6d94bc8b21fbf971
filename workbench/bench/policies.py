"""What evaluates the policies of a workspace, as its settings choose.

>>> policy_engine("embedded", "none", {}).told
'embedded (regopy)'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.batch.secrets import Secret

if TYPE_CHECKING:
    from workbench.engines.opa import OpaEngine
    from workbench.engines.rego import RegoEngine

EMBEDDED, NONE = "embedded", "none"


def policy_engine(
    place: str = EMBEDDED, token: str = NONE, environ: Mapping[str, str] | None = None, *, seconds: float = 5.0
) -> RegoEngine | OpaEngine:
    """The engine that a setting names.

    Args:
        place: "embedded", "opa", "opa+exec:///path/opa", "opa+http://host:port" or "opa+https://host:port".
        token: Reference of the bearer token that a server asks for; "none": it asks for none.
        environ: Where a reference to a variable leads.
        seconds: Wall time one evaluation may take.

    Raises:
        Misuse: It names none, or the token cannot be had.
    """
    if place == EMBEDDED:
        from workbench.engines.rego import RegoEngine

        return RegoEngine(seconds=seconds)
    from workbench.engines.opa import OpaEngine

    value = None if token == NONE else Secret(token).value_in(environ or {})
    return OpaEngine.at(place, token=value, seconds=seconds)
