"""Whether a ledger holds: the chain followed from the first entry to the last, reading nothing but what it is given.

Found are a changed field, a removed, inserted or reordered entry, a cut tail, a head that the entries
do not lead to, a move that no decision allowed, whose decision was about something else, or which the ledger's
key did not seal, a tree or checkpoint that is not of these entries, a signature or key that is not the ledger's,
an effect that was changed, removed or is owed for nothing, and a rule of the database that somebody took away. A
ledger that was cut, rolled back to an older copy or replaced by another whole one, and a checkpoint that was
removed, are found by a witness: checkpoints that were kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.ledger.beside import Shared
from workbench.ledger.chain import Chain
from workbench.ledger.checkpoints import Checkpoint, read_note
from workbench.ledger.database import Kept
from workbench.ledger.effects import unowed
from workbench.ledger.entry import Head
from workbench.ledger.keys import LedgerKey, held_at
from workbench.ledger.tree import spelled_roots
from workbench.ledger.witness import Sight

MOST_PROBLEMS = 20  # named; the rest is counted


@dataclass(frozen=True)
class Verification:
    """What a verification found."""

    valid: bool
    entries: int
    tip: str  # hash of the last entry, hex
    problems: tuple[str, ...]  # sentences, each with the entry's number
    root: str = ""  # of the Merkle tree over the entries, hex
    signed: int = 0  # entries that the newest sound checkpoint covers
    keys: tuple[LedgerKey, ...] = ()  # that have signed, the present one last
    witnessed: int | None = None  # entries that the newest witnessed checkpoint covers; None: no witness

    @property
    def sealed_from(self) -> int | None:
        """The entry from which on moves are sealed; None: they are not."""
        return next((key.since for key in self.keys if key.seals), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "valid": self.valid,
            "entries": self.entries,
            "tip": self.tip,
            "root": self.root,
            "signed": self.signed,
            "witnessed": self.witnessed,
            "sealed_from": self.sealed_from,
            "keys": [key.as_dict() for key in self.keys],
            "problems": list(self.problems),
        }


@dataclass(frozen=True)
class Signs:
    """What a ledger keeps beside its entries to prove them by."""

    tree: tuple[Any, Any] | None = None  # size and roots, as stored; None: an export has none
    tiles: Sequence[tuple[Any, Any]] = ()  # number and root, as stored
    checkpoints: Sequence[tuple[Any, Any]] = ()  # size and note, as stored
    witness: Sequence[Checkpoint] | None = None  # seen elsewhere; None: no witness was asked
    heads: Iterable[Head] | None = field(default=None)  # None: an export has none


def verified(
    rows: Iterable[Sequence[Any]] | Shared,
    signs: Signs,
    *,
    kept: Kept | None = None,
    effects: Iterable[Sequence[Any]] = (),
) -> Verification:
    """Judge what is stored.

    Args:
        rows: Rows of entries by number: seq, at, kind, subject, actor, why, body as text, key, prev, hash.
        signs: Tree, checkpoints, witness and heads.
        kept: What the database says of itself; None for an export.
        effects: All that was ever owed, as `effects.EFFECTS` reads it.
    """
    problems = list(_rules(kept.rules, kept.wanted)) if kept else []
    notes = [_Note(size, note) for size, note in signs.checkpoints]
    sizes = {note.read.size for note in notes if note.read} | {seen.size for seen in signs.witness or ()}
    chain = Chain(sizes)
    problems += chain.run(rows)
    sound = not chain.broken
    problems += _tail(chain, kept.last_given) if kept else ()
    problems += unowed(effects, kept.effects_given) if kept else ()
    problems += _heads(chain.heads, signs.heads) if signs.heads is not None else ()
    problems += _tree(chain, signs) if sound else ()
    found = list(_checkpoints(chain, notes))
    problems += [told for told, _ in found if told]
    witnessed = list(_witness(chain, signs.witness or ()))
    problems += [told for told, _ in witnessed if told]
    problems += _removed(notes, witnessed)
    problems = [*(f"the file is damaged: {told}" for told in kept.damage()), *problems] if kept else problems
    if len(problems) > MOST_PROBLEMS:
        problems = [*problems[:MOST_PROBLEMS], f"and {len(problems) - MOST_PROBLEMS} more"]
    return Verification(
        valid=not problems,
        entries=chain.count,
        tip=chain.tip,
        problems=tuple(problems),
        root=chain.root().hex(),
        signed=max((size for told, size in found if not told), default=0),
        keys=tuple(chain.keys),
        witnessed=None if signs.witness is None else max((size for told, size in witnessed if not told), default=0),
    )


class _Note:
    """A checkpoint as it is stored, and as it reads."""

    def __init__(self, size: Any, note: Any) -> None:
        self.size = size
        try:
            self.read: Checkpoint | None = read_note(note)
        except (ValueError, TypeError):
            self.read = None


def _tail(chain: Chain, last_given: int | None) -> Iterator[str]:
    if last_given is None and chain.last:
        yield "the database has forgotten which number it gave out last"
    elif last_given is not None and last_given != chain.last:
        yield f"the tail was cut: entry {chain.last} is the last, but number {last_given} had been given out"


def _heads(led_to: Mapping[tuple[str, str], Head], heads: Iterable[Head]) -> Iterator[str]:
    stored = {(head.model, head.slot): head for head in heads}
    for model, slot in sorted(led_to.keys() | stored.keys(), key=str):
        one, other = stored.get((model, slot)), led_to.get((model, slot))
        if one != other:
            yield f"the {slot} of {model} is {_told(one)}, but the entries lead to {_told(other)}"


def _told(head: Head | None) -> str:
    if head is None:
        return "nobody"
    holder = "cleared" if head.version is None else f"version {head.version}"
    share = "" if head.weight is None else f" at {head.weight:.6g} of the traffic"
    return f"{holder}{share} (generation {head.generation}, entry {head.seq})"


def _tree(chain: Chain, signs: Signs) -> Iterator[str]:
    if signs.tree is None:
        return
    size, roots = signs.tree
    if size != chain.count:
        yield f"the tree covers {size} entries, but there are {chain.count}"
    elif roots != spelled_roots(chain.tree.roots):
        yield "the tree was changed: its roots are not those of the entries"
    wanted = [(number, root.hex()) for number, root in enumerate(chain.tiles)]
    if size == chain.count and list(signs.tiles) != wanted:
        yield "a tile of the tree was changed: its root is not that of its entries"


def _checkpoints(chain: Chain, notes: Iterable[_Note]) -> Iterator[tuple[str, int]]:
    """A problem, or an empty text, for every checkpoint; and its size."""
    for note in notes:
        seen = note.read
        if seen is None or seen.size != note.size:
            yield f"the checkpoint of {note.size} entries cannot be read", 0
            continue
        key = held_at(chain.keys, seen.size)
        if key is None or seen.origin != key.origin:
            yield f"the checkpoint of {seen.size} entries is of {seen.origin}, which is not this ledger", 0
        elif not seen.signed_by(key.public):
            yield f"the signature of the checkpoint of {seen.size} entries is not by the key {key.key_id}", 0
        elif seen.size > chain.count:
            yield f"the tail was cut: a checkpoint covers {seen.size} entries, there are {chain.count}", 0
        elif chain.root_at.get(seen.size) != seen.root:
            yield f"the first {seen.size} entries are not those that the checkpoint was signed over", 0
        else:
            yield "", seen.size


def _witness(chain: Chain, seen: Iterable[Checkpoint]) -> Iterator[tuple[str, int]]:
    origin = chain.keys[0].origin if chain.keys else None
    for sight in (Sight(checkpoint, origin) for checkpoint in seen):
        yield sight.judged(held_at(chain.keys, sight.size), chain.count, chain.root_at.get(sight.size)), sight.size


def _removed(notes: Iterable[_Note], witnessed: Iterable[tuple[str, int]]) -> Iterator[str]:
    """The checkpoints that a witness got from this ledger, and that it has no more."""
    there = {note.size for note in notes}
    for size in sorted({size for told, size in witnessed if not told} - there):
        yield f"the checkpoint of {size} entries, which the witness saw, was removed"


def _rules(found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(wanted.keys() | found.keys(), key=str):
        kind = (wanted.get(name) or found[name]).split()[1].lower()  # table, index or trigger
        if name not in found:
            yield f"the {kind} {name} is missing"
        elif name not in wanted:
            yield f"there is a {kind} {name} that the ledger did not make"
        elif found[name] != wanted[name]:
            yield f"the {kind} {name} was changed"
