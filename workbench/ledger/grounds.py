"""Whether a grant rests on what it says: its decision held against the input, policy and move in the same entry; pure.

Whoever can write to the ledger can write a grant. What they cannot do unseen is to let it speak of another input,
another policy or another version than it keeps; whether that policy says yes to that input, only asking it again
tells (`workbench policy redecide --all`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.ledger.entry import Entry, digest
from workbench.ledger.heads import CLEARED, MOVES, SLOT

RETIRED = "version.retired"
GRANTS = (*MOVES, RETIRED)
UNSAID = {"slot": SLOT}  # what an input says by saying nothing: the first ones knew neither slots nor weights


def contradictions(entry: Entry) -> Iterator[str]:
    """What in a grant speaks against it, in sentences; what it does not keep is not compared.

    Args:
        entry: Of a kind in `GRANTS`.
    """
    body, decision = entry.body, entry.body.get("decision")
    said = decision if isinstance(decision, Mapping) else {}
    if entry.kind == RETIRED and said.get("decision") != "allow":
        yield f"entry {entry.seq} retires {entry.subject} without a decision that allows it"
    if entry.kind == CLEARED and "cause" in body and "input" not in body:  # left on the way: its cause was decided
        return
    known, source = body.get("input"), body.get("policy_source")
    for what, named, kept in (
        ("an input", said.get("input_digest"), None if known is None else digest(known)),
        ("a policy", said.get("policy_digest"), _sha256(source)),
    ):
        if named is not None and kept is None:
            yield f"entry {entry.seq} grants {entry.subject} on {what} that it does not keep"
        elif named is not None and named != kept:
            yield f"entry {entry.seq} grants {entry.subject} on {what} that is not the one it keeps"
    if isinstance(known, Mapping):
        yield from (
            f"entry {entry.seq} grants {entry.subject}, but its decision was about {told}"
            for told in _elsewhere(entry, known)
        )


def _elsewhere(entry: Entry, known: Mapping[str, Any]) -> Iterator[str]:
    """What else than the entry the input of its decision speaks of."""
    body, subject = entry.body, f"{known.get('model')}/{known.get('version')}"
    if known.keys() & {"model", "version"} and subject != entry.subject:
        yield subject
    if body.get("to") is not None and str(body["to"]) != entry.subject.rpartition("/")[2]:
        yield f"version {body['to']}"
    for name in ("action", "slot", "weight"):
        asked = known.get(name, UNSAID.get(name))
        if name in body and body[name] != asked:
            yield f"the {name} {asked!r}, not {body[name]!r}"
    found = known.get("evidence")
    told = (
        [one.get("digest") for one in found.values() if isinstance(one, Mapping)] if isinstance(found, Mapping) else []
    )
    if "evidence" in body and body["evidence"] != sorted(told, key=str):
        yield "other evidence"


def _sha256(source: Any) -> str | None:
    return hashlib.sha256(source.encode()).hexdigest() if isinstance(source, str) else None
