"""The ledger: what happened, in order, unchangeable.

Every step of the workbench leaves an entry: a run, a version, a finding, a decision, a move. An entry
is never updated or deleted; each carries the hash of the one before it. The heads (which version is
champion) and the effects owed to the outside world change only in the same commit as an entry.
"""

from __future__ import annotations

from workbench.ledger.checkpoints import Checkpoint
from workbench.ledger.drafts import Draft
from workbench.ledger.entry import GENESIS, Entry, Head, canonical, digest
from workbench.ledger.keys import LedgerKey
from workbench.ledger.proofs import Consistency, Inclusion
from workbench.ledger.reading import Effect, Wanted
from workbench.ledger.signing import SigningKey, to_sign, verify_signature
from workbench.ledger.store import Ledger
from workbench.ledger.verification import Verification
from workbench.ledger.versions import ModelVersion
from workbench.ledger.writer import Writer

__all__ = [
    "GENESIS",
    "Checkpoint",
    "Consistency",
    "Draft",
    "Effect",
    "Entry",
    "Head",
    "Inclusion",
    "Ledger",
    "LedgerKey",
    "ModelVersion",
    "SigningKey",
    "Verification",
    "Wanted",
    "Writer",
    "canonical",
    "digest",
    "to_sign",
    "verify_signature",
]
