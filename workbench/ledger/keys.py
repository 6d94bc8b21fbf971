"""The keys of a ledger, as its entries tell of them: made once, rotated by the old key and the new.

The first key gives the ledger its name (its origin): a ledger made anew has another key, so another name.
A key holds from its entry on; every checkpoint is signed by the key that held at its size.

From a key on whose entry names the hash of the entry before it, moves of models are sealed (`ledger.seals`). Both are
signed at once, so that nothing can be put before such a key later, and no key that follows takes it back.

>>> known_keys([])
[]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.ledger.entry import Entry
from workbench.ledger.signing import SigningKey, key_id, to_sign, verify_signature

CREATED, ROTATED = "key.created", "key.rotated"
KEY_KINDS = (CREATED, ROTATED)
ORIGIN = "workbench-ledger/"  # and the id of the first key
SEALS_AFTER = "seals_after"  # the hash of the entry before: from this key on moves are sealed


@dataclass(frozen=True)
class LedgerKey:
    """The public part of a key that signs for the ledger."""

    key_id: str
    public: str  # 32 bytes in base64
    origin: str  # the ledger's name
    since: int  # number of the entry that brought it
    seals: bool = False  # whether moves are sealed while it holds

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"key_id": self.key_id, "public": self.public, "origin": self.origin, "since": self.since}


def created_body(key: SigningKey, tip: str) -> dict[str, Any]:
    """The body of the entry by which a ledger gets its first key, behind the entry with the hash `tip`."""
    told = {"key_id": key.key_id, "public": key.public, "origin": f"{ORIGIN}{key.key_id}", SEALS_AFTER: tip}
    return {**told, "signatures": {key.key_id: key.sign(to_sign(CREATED, told))}}


def rotated_body(before: LedgerKey, old: SigningKey, new: SigningKey, tip: str) -> dict[str, Any]:
    """The body of the entry by which a key follows another, behind the entry with the hash `tip`: both sign it."""
    told = {"key_id": new.key_id, "public": new.public, "origin": before.origin, "follows": before.key_id}
    told[SEALS_AFTER] = tip
    message = to_sign(ROTATED, told)
    return {**told, "signatures": {old.key_id: old.sign(message), new.key_id: new.sign(message)}}


def known_keys(entries: Iterable[Entry]) -> list[LedgerKey]:
    """The keys that these entries tell of, the first first.

    Raises:
        ValueError: One is not sound; see `followed`.
    """
    keys: list[LedgerKey] = []
    for entry in entries:
        if entry.kind in KEY_KINDS:
            keys.append(followed(keys[-1] if keys else None, entry))
    return keys


def followed(before: LedgerKey | None, entry: Entry) -> LedgerKey:
    """The key that an entry brings.

    Args:
        before: The key that held until then.
        entry: Of a kind in `KEY_KINDS`.

    Raises:
        ValueError: A ledger gets its first key twice, a rotation follows another key than the one that
            held, a signature is missing or does not hold, it was signed for another place, or it takes back
            that moves are sealed.
    """
    if (entry.kind == CREATED) != (before is None):
        raise ValueError(
            f"entry {entry.seq} makes a first key, but there is one"
            if before
            else f"entry {entry.seq} rotates a key where there is none"
        )
    told = {name: value for name, value in entry.body.items() if name != "signatures"}
    signatures = entry.body.get("signatures")
    public, named = told.get("public"), told.get("key_id")
    if not isinstance(public, str) or not isinstance(signatures, Mapping) or _id(public) != named:
        raise ValueError(f"entry {entry.seq} names a key that is none")
    origin = before.origin if before else f"{ORIGIN}{named}"
    if told.get("origin") != origin or (before and told.get("follows") != before.key_id):
        raise ValueError(f"entry {entry.seq} brings a key of another ledger, or one that follows another key")
    message = to_sign(entry.kind, told)
    signers = [(key_id(public), public)] + ([(before.key_id, before.public)] if before else [])
    for signer, its_public in signers:
        signature = signatures.get(signer)
        if not isinstance(signature, str) or not verify_signature(its_public, message, signature):
            raise ValueError(f"entry {entry.seq} brings a key that {signer} did not sign")
    after = told.get(SEALS_AFTER)
    if after is not None and after != entry.prev:
        raise ValueError(f"entry {entry.seq} brings a key behind another entry than it was signed for")
    if before and before.seals and after is None:
        raise ValueError(f"entry {entry.seq} brings a key that takes back that moves are sealed")
    return LedgerKey(str(named), public, origin, entry.seq, seals=after is not None)


def held_at(keys: Iterable[LedgerKey], size: int) -> LedgerKey | None:
    """The key that held when there were so many entries."""
    return next((key for key in reversed(list(keys)) if key.since <= size), None)


def _id(public: str) -> str | None:
    try:
        return key_id(public)
    except ValueError:
        return None
