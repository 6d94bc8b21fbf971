"""Secrets by reference: where a value is to be had, never the value itself.

    token: Secret = Secret("env:WAREHOUSE_TOKEN")  # how to reach the warehouse

A reference is `env:NAME`, a variable of the environment that the run is started in, or `file:/PATH`, a
text file that the runner and the kernel can read. It is all that a cell, a run's folder, the ledger and
the tracking store ever hold.

>>> secret = Secret("env:WAREHOUSE_TOKEN")
>>> secret.value_in({"WAREHOUSE_TOKEN": "s3same"}), f"{secret}"
('s3same', "Secret('env:WAREHOUSE_TOKEN')")
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import Misuse

REFERENCE = r"env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x00-\x1f]+"


@dataclass(frozen=True)
class Secret:
    """A reference to a secret; it is shown as what it is, and the value is not kept."""

    reference: str

    def __post_init__(self) -> None:
        if not isinstance(self.reference, str) or not re.fullmatch(REFERENCE, self.reference):
            raise Misuse(  # what was given is not said: it may be the secret itself
                "a secret is a reference, env:NAME or file:/PATH; what was given is none",
                hint="put the value into a variable and refer to it: env:WAREHOUSE_TOKEN",
            )

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def value_in(self, environ: Mapping[str, str]) -> str:
        """What it refers to, without a line's end after it.

        Raises:
            Misuse: It refers to nothing that can be read.
        """
        scheme, _, place = self.reference.partition(":")
        try:
            value = environ[place] if scheme == "env" else Path(place).read_text("utf-8")
            value.encode("utf-8")
        except KeyError:
            why = f"the environment has no {place}"
        except OSError as error:
            why = str(error.strerror)
        except UnicodeError:
            why = "it is no text in UTF-8"
        else:
            return value.rstrip("\r\n")
        raise Misuse(
            f"{self.reference} cannot be read: {why}",
            hint="set the variable where the run is started, or name a text file that it may read",
        )


def variables(references: Iterable[str]) -> list[str]:
    """The variables of the environment that references name.

    >>> variables(["env:A_TOKEN", "file:/run/secrets/b"])
    ['A_TOKEN']
    """
    return [reference.removeprefix("env:") for reference in references if reference.startswith("env:")]
