"""The heads that a list of entries leads to: the ledger replayed, without IO.

>>> fold([])
{}
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.ledger.entry import Entry, Head

MOVES = ("promotion.granted", "rollback.granted")
SLOT = "champion"  # where an entry's body names no other


def fold(entries: Iterable[Entry]) -> dict[tuple[str, str], Head]:
    """Who holds which slot after these entries, in their order.

    Returns:
        The heads by (model, slot).

    Raises:
        ValueError: A move is not sound; see `moved`.
    """
    heads: dict[tuple[str, str], Head] = {}
    for entry in entries:
        if entry.kind in MOVES:
            heads[place(entry)] = moved(heads.get(place(entry)), entry)
    return heads


def place(entry: Entry) -> tuple[str, str]:
    """The (model, slot) that a move speaks of."""
    return entry.subject.rpartition("/")[0], str(entry.body.get("slot", SLOT))


def moved(before: Head | None, entry: Entry) -> Head:
    """The head after one granted move.

    Args:
        before: Who held the slot until then; None for nobody.
        entry: The move, of a kind in `MOVES`.

    Raises:
        ValueError: It names no version, does not raise the generation by exactly one, or rests on a
            decision that is no clear yes.
    """
    model, slot = place(entry)
    number = entry.subject.rpartition("/")[2]
    if not model or not number.isdecimal():
        raise ValueError(f'entry {entry.seq} moves {entry.subject!r}; a move needs "model/version"')
    due = before.generation + 1 if before else 1
    if entry.body.get("generation") != due:
        raise ValueError(
            f"entry {entry.seq} moves {model} to generation {entry.body.get('generation')}; it had to be {due}"
        )
    decision = entry.body.get("decision")
    if not isinstance(decision, dict) or decision.get("decision") != "allow":
        raise ValueError(f"entry {entry.seq} moves {model} without a decision that allows it")
    return Head(model, slot, int(number), due, entry.seq)
