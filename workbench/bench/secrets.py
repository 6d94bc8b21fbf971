"""A secret as a notebook has it: revealed from the environment of its own kernel, and only on demand."""

from __future__ import annotations

import os

from workbench.batch import secrets


class Secret(secrets.Secret):
    """A reference to a secret: `env:NAME` or `file:/PATH`; printed, it is still the reference."""

    def reveal(self) -> str:
        """The value, read now; a run takes it out of all that the notebook leaves behind.

        Raises:
            Misuse: The reference leads nowhere.
        """
        return self.value_in(os.environ)
