"""Aliases in MLflow: the projection of the ledger's heads, and never the other way.

Beside each alias stands the generation that set it, as a tag of the registered model: the fencing token that
MLflow, which has no compare-and-swap, does not have.
"""

from __future__ import annotations

from typing import Any

from workbench.engines.mlflow_claims import Whose, claim, is_claimed
from workbench.engines.mlflow_names import GENERATION, generation_of
from workbench.engines.mlflow_opening import MISSING, OpenedStore, unless


class Aliases(OpenedStore):
    """The aliases of one MLflow registry."""

    _whose: Whose  # the ledger that moves them

    def set_alias(self, model: str, alias: str, version: int, generation: int) -> None:
        """Point an alias at a version; repeatable, and never back to an older generation.

        The generation is written first: whoever dies in between leaves an alias that only the same
        or a newer generation may still move.
        """
        with self._client() as client, self._alone():
            known = unless(MISSING, lambda: client.get_registered_model(model))
            if known is not None:
                claim(client, known, self._whose())
                if _generation(known, alias) > generation:
                    return
            client.get_model_version(model, str(version))  # an alias of what is not there is refused
            client.set_registered_model_tag(model, f"{GENERATION}{alias}", str(generation))
            self._grant(model, alias, version, generation)
            client.set_registered_model_alias(model, alias, str(version))

    def alias(self, model: str, alias: str) -> tuple[int, int] | None:
        """The version an alias points at and the generation that set it (0: unknown)."""
        with self._client() as client:
            known = unless(MISSING, lambda: client.get_registered_model(model))
            if known is None:
                return None
            is_claimed(known, self._whose())  # another ledger's generations are not ours to compare
            if alias not in known.aliases:
                return None
            return int(known.aliases[alias]), _generation(known, alias)

    def clear_alias(self, model: str, alias: str, generation: int) -> None:
        """Take an alias away; repeatable, and never one that a newer generation has set."""
        with self._client() as client, self._alone():
            known = unless(MISSING, lambda: client.get_registered_model(model))
            if known is None or _generation(known, alias) > generation:
                return
            claim(client, known, self._whose())
            client.set_registered_model_tag(model, f"{GENERATION}{alias}", str(generation))
            self._grant(model, alias, None, generation)
            if alias in known.aliases:
                client.delete_registered_model_alias(model, alias)

    def exists(self, model: str, version: int) -> bool:
        """Whether the registry still has a version."""
        with self._client() as client:
            return unless(MISSING, lambda: client.get_model_version(model, str(version))) is not None

    # inside

    def _grant(self, model: str, alias: str, version: int | None, generation: int) -> None:
        """Tell the guard, where there is one, what the ledger granted; before the alias moves."""
        if self._guard is not None:
            self._guard.granted(model, alias, version, generation)


def _generation(model: Any, alias: str) -> int:
    return generation_of(model.tags.get(f"{GENERATION}{alias}"))
