"""Whose a registered model is: a tag names the one ledger that moves its aliases.

Several workspaces may share an MLflow. Two of them that move one model would each put the other's move right,
for ever; so the first that registers a version of a model, or moves one of its aliases, claims it, and every
other is refused with the name of the workspace whose it is. Workspaces that share a ledger are one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from workbench.promotion.guarding import OWNER
from workbench.promotion.projection import MovedElsewhereError

TAG = "workbench.ledger"  # of a registered model


@dataclass(frozen=True)
class Owner:
    """A ledger, and the workspace through which it claims."""

    ledger: str  # the hash of its first entry, hex; it says nothing of a copy, which is the same ledger
    place: str  # the workspace's folder, for people

    def __str__(self) -> str:
        return f"{self.ledger[:OWNER]} {self.place}"


Whose = Callable[[], Owner | None]  # who asks; None: a ledger that is still empty, which claims nothing


def claim(client: Any, known: Any, owner: Owner | None) -> None:
    """Note whose a model is, where nobody's was noted.

    Args:
        client: MLflow's.
        known: The registered model, as just read by whoever moves alone (see `MlflowStore`).
        owner: Who asks.

    Raises:
        MovedElsewhereError: It is another ledger's.
    """
    if owner is not None and not is_claimed(known, owner):
        client.set_registered_model_tag(known.name, TAG, str(owner))


def is_claimed(known: Any, owner: Owner | None) -> bool:
    """Whether a model was claimed by who asks; False where nobody has claimed it yet.

    Raises:
        MovedElsewhereError: It is another ledger's.
    """
    told = known.tags.get(TAG, "")
    mine = owner is not None and told.partition(" ")[0] == str(owner).partition(" ")[0]
    if told and owner is not None and not mine:
        ledger, _, place = told.partition(" ")
        raise MovedElsewhereError(
            f"the model {known.name} in this MLflow is moved by another workspace, {place or 'unnamed'} "
            f"(ledger {ledger[:OWNER]}); nothing was changed here",
            hint="give the model another name, or share that workspace's ledger (ledger = … in workbench.toml); "
            f"where that workspace is gone for good, remove the tag {TAG} of the model in MLflow",
        )
    return mine
