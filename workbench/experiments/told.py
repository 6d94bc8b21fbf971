"""What a notebook has to be told of a table before it can ask anything of it.

>>> needed("orders.csv", arm="group", control="old", metric="spend=revenue:amount")
>>> needed("orders.csv", arm="group", control="", metric="")
Traceback (most recent call last):
    ...
workbench.errors.Misuse: of orders.csv the notebook is not told: control, metric
hint: give them: -p control=… -p metric=…
"""

from __future__ import annotations

from workbench.errors import Misuse


def needed(data: object, **given: str) -> None:
    """Let only parameters pass that name what is compared.

    Args:
        data: The table, as it is called.
        given: Parameters that may not be empty, by name.

    Raises:
        Misuse: Some are empty.
    """
    if missing := [name for name, value in given.items() if not value.strip()]:
        hint = "give them: " + " ".join(f"-p {name}=…" for name in missing)
        raise Misuse(f"of {data} the notebook is not told: {', '.join(missing)}", hint=hint)
