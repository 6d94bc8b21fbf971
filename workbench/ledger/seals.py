r"""Seals: the ledger's key signs each move of a model, in its place in the chain; pure but for the key.

Whoever can write the database can write a grant with all that belongs to it. The seal is what they cannot write: a
signature by the key that holds at the entry over all its fields, its number and the hash of the entry before it
included. So it is of this entry, in this place, of this history, and of nothing else.

Rules: the entry that brings a key says that moves are sealed from then on, signed with the hash of the entry before
it; nothing takes that back. Of a ledger whose keys do not say so, no move has a seal.

>>> sealed_part(b'{"seq":7}')
b'workbench grant\x00{"seq":7}'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from workbench.ledger.entry import Entry, Head, content
from workbench.ledger.grounds import GRANTS
from workbench.ledger.heads import MOVES, moved
from workbench.ledger.keys import KEY_KINDS, LedgerKey, followed
from workbench.ledger.signing import SigningKey, for_purpose, verify_signature

SEAL = "seal"  # its name in the body of an entry
PURPOSE = "grant"


def sealed_part(covered: bytes) -> bytes:
    """What the key signs.

    Args:
        covered: The entry without its seal, as its hash would cover it.
    """
    return for_purpose(PURPOSE, covered)


def seal(covered: bytes, key: SigningKey) -> dict[str, Any]:
    """The seal of an entry, as its body keeps it: the key's name and its signature."""
    return {"key": key.key_id, "signature": key.sign(sealed_part(covered))}


def unsealed(entry: Entry, key: LedgerKey | None) -> Iterator[str]:
    """What is wrong with the seal of a move, in sentences.

    Args:
        entry: Of a kind in `GRANTS`.
        key: The ledger's key that holds at it; None: the ledger had none yet.
    """
    told = entry.body.get(SEAL)
    if told is None and (key is None or not key.seals):
        return
    name, signature = (told.get("key"), told.get("signature")) if isinstance(told, dict) else (None, None)
    move = f"entry {entry.seq} moves {entry.subject}"
    if told is None:
        yield f"{move} without the seal of the ledger's key: it was not written by whoever has that key"
    elif key is None or not key.seals or name != key.key_id:
        yield f"{move} under a seal by the key {name!r}, which does not seal this ledger's moves at that entry"
    else:
        bare = replace(entry, body={name: value for name, value in entry.body.items() if name != SEAL})
        if not isinstance(signature, str) or not verify_signature(key.public, sealed_part(content(bare)), signature):
            yield f"{move} under a seal that is not of this entry: it was changed, or its seal is another's"


def doubt(head: Head, entry: Entry | None, key: LedgerKey | None) -> str:
    """What speaks against a head, in a sentence; empty where nothing does.

    Args:
        head: As the database has it, which whoever can write the database can write.
        entry: The entry that it names; None: there is none.
        key: The ledger's key that holds at it; None: the ledger had none yet.
    """
    if entry is None or entry.kind not in MOVES or _led_to(head, entry) != head:
        if head.version is None:
            return f"entry {head.seq} did not clear the {head.slot} of {head.model}"
        return f"entry {head.seq} did not make {head.model} {head.version} {head.slot}"
    return "; ".join(unsealed(entry, key))


def _led_to(head: Head, entry: Entry) -> Head | None:
    """The head after a move, if it followed on the generation before this head's."""
    held = entry.subject.rpartition("/")[2]
    before = Head(head.model, head.slot, int(held) if held.isdecimal() else None, head.generation - 1, 0)
    try:
        return moved(before if head.generation > 1 else None, entry)
    except ValueError:
        return None


def unsealed_among(entries: Iterable[Entry]) -> dict[int, tuple[str, ...]]:
    """What is wrong with the seals of moves, in sentences by the entry's number.

    Args:
        entries: Of the whole ledger, in their order.

    Raises:
        ValueError: An entry that brings a key is not sound.
    """
    key: LedgerKey | None = None
    found = {}
    for entry in entries:
        if entry.kind in KEY_KINDS:
            key = followed(key, entry)
        elif entry.kind in GRANTS and (wrong := tuple(unsealed(entry, key))):
            found[entry.seq] = wrong
    return found
