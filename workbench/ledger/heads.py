"""The heads that a list of entries leads to: the ledger replayed, without IO.

A model has slots, each held by one version or by none: "champion" answers everybody, and moves by a
promotion or a rollback alone; any other ("canary", "shadow") is granted and cleared as a stage. Every
move raises the slot's generation by one, clearing it too, so that a decision made on an older state of
the slot never passes.

>>> fold([])
{}
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.ledger.entry import Entry, Head

PROMOTIONS = ("promotion.granted", "rollback.granted")  # of the champion
STAGED = "stage.granted"  # of any other slot
CLEARED = "stage.cleared"  # of any slot
MOVES = (*PROMOTIONS, STAGED, CLEARED)
SLOT = "champion"  # where an entry's body names no other


def fold(entries: Iterable[Entry]) -> dict[tuple[str, str], Head]:
    """Who holds which slot after these entries, in their order; a cleared slot is held by version None.

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
        before: The slot until then; None where it was never held.
        entry: The move, of a kind in `MOVES`.

    Raises:
        ValueError: It names no version, is of a kind that does not move this slot, does not raise the
            generation by exactly one, rests on a decision that is no clear yes, clears a version that
            does not hold the slot, or gives a weight that is no share of traffic.
    """
    model, slot = place(entry)
    number = entry.subject.rpartition("/")[2]
    if not model or not (number.isascii() and number.isdecimal()):
        raise ValueError(f'entry {entry.seq} moves {entry.subject!r}; a move needs "model/version"')
    if entry.kind != CLEARED and (slot == SLOT) != (entry.kind in PROMOTIONS):
        raise ValueError(f"entry {entry.seq} is a {entry.kind}, which does not move the {slot} of {model}")
    due = before.generation + 1 if before else 1
    if entry.body.get("generation") != due:
        raise ValueError(
            f"entry {entry.seq} moves {model} to generation {entry.body.get('generation')}; it had to be {due}"
        )
    decision = entry.body.get("decision")
    if not isinstance(decision, dict) or decision.get("decision") != "allow":
        raise ValueError(f"entry {entry.seq} moves {model} without a decision that allows it")
    version = int(number)
    if entry.kind != CLEARED:
        return Head(model, slot, version, due, entry.seq, _weight(entry))
    if before is None or before.version != version:
        raise ValueError(f"entry {entry.seq} clears {model} {version} from the {slot}, which it does not hold")
    return Head(model, slot, None, due, entry.seq)


def _weight(entry: Entry) -> float | None:
    weight = entry.body.get("weight") if entry.kind == STAGED else None
    if weight is None:
        return None
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight <= 1:
        raise ValueError(f"entry {entry.seq} gives {entry.subject} the weight {weight!r}; it must lie in (0, 1]")
    return float(weight)
