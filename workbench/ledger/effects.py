"""Whether the effects that the world outside is owed are those that the entries caused; pure, no IO.

An effect is owed in the commit of the entry that causes it. One that was changed, removed, or added for nothing
would let the registry be told of another version than was granted. An effect says what its entry moved or repaired,
and nothing else, to whoever keeps the aliases; one of an entry that did neither says nothing, and nothing to them.

Whether an effect was settled stands in no entry, and is not judged: one that is marked so and was not leaves the
registry as it was, which `workbench reconcile` finds by looking at the registry itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from workbench.ledger.entry import read_body
from workbench.ledger.heads import CLEARED, MOVES, SLOT

ALIAS = "mlflow-alias"  # target of what is owed for a slot that was moved or repaired
EFFECTS = (
    "SELECT o.id, o.seq, o.target, o.payload, e.kind, e.subject, e.body FROM outbox o "
    "LEFT JOIN entries e ON e.seq = o.seq ORDER BY o.id"
)
REPAIRED = "projection.repaired"


def unowed(rows: Iterable[Sequence[Any]], given: int | None) -> Iterator[str]:
    """What is wrong with the effects, in sentences.

    Args:
        rows: What `EFFECTS` reads: number, entry, target (None: an older export, which told none), payload, and of
            the entry its kind, subject and body.
        given: Effects that were ever owed, if the database counts them without gaps.
    """
    count = 0
    for number, seq, target, payload, kind, subject, body in rows:
        count += 1
        if kind is None:
            yield f"an effect is owed for entry {seq}, which is not there"
            continue
        try:
            told, due = read_body(payload), _due(kind, subject, read_body(body))
        except (ValueError, TypeError):
            yield f"effect {number} of entry {seq} cannot be read"
            continue
        if not due and (told or target == ALIAS):
            yield f"effect {number} is owed for entry {seq}, a {kind}, which owes none"
            continue
        if due and target not in {ALIAS, None}:
            yield f"effect {number} was changed: it is owed to {target!r}, entry {seq} owes it to {ALIAS!r}"
        for name in sorted(due):
            if told.get(name) != due[name]:
                yield f"effect {number} was changed: its {name} is {told.get(name)!r}, entry {seq} says {due[name]!r}"
    if given is not None and count != given:
        yield f"effects were removed or added: {given} were owed, {count} are there"


def _due(kind: str, subject: str, body: dict[str, Any]) -> dict[str, Any]:
    """What an entry says of the slot that it moved or repaired, by the names in a payload."""
    if kind == REPAIRED:
        return {"model": subject, **{name: body[name] for name in ("alias", "version", "generation") if name in body}}
    if kind not in MOVES:
        return {}
    model, _, number = subject.rpartition("/")
    version = None if kind == CLEARED else int(number)
    return {"model": model, "alias": body.get("slot", SLOT), "version": version, "generation": body.get("generation")}
