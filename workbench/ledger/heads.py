"""The heads that a list of entries leads to: the ledger replayed, without IO.

>>> fold([])
{}
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.ledger.entry import Entry, Head

MOVES = ("promotion.granted", "rollback.granted")


def fold(entries: Iterable[Entry]) -> dict[tuple[str, str], Head]:
    """Who holds which slot after these entries, in their order.

    Returns:
        The heads by (model, slot).

    Raises:
        ValueError: A move does not raise its model's generation by exactly one.
    """
    heads: dict[tuple[str, str], Head] = {}
    for entry in entries:
        if entry.kind not in MOVES:
            continue
        model, _, version = entry.subject.rpartition("/")
        slot = str(entry.body.get("slot", "champion"))
        before = heads.get((model, slot))
        generation = int(entry.body["generation"])
        expected = before.generation + 1 if before else 1
        if generation != expected:
            raise ValueError(f"entry {entry.seq} moves {model} to generation {generation}; it had to be {expected}")
        heads[model, slot] = Head(model, slot, int(version), generation, entry.seq)
    return heads
