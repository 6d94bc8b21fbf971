"""The projection of the heads in a model registry: aliases follow the ledger, never the other way.

A move owes its alias in the same transaction that makes it true. `align` pays what is owed, and says
and repairs what somebody moved behind the ledger's back. It looks at what is, not at what was done
before, so it may be interrupted anywhere and called again; the head's generation is the fencing token
that keeps an older effect from overwriting a newer one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from workbench.errors import EngineError
from workbench.ledger import Effect, Entry, Head, Ledger, ModelVersion, Writer
from workbench.ledger.effects import ALIAS
from workbench.promotion.stages import SLOTS, Slot

Difference = Literal["owed", "moved", "stuck", "ahead", "deleted", "elsewhere"]


class Aligned(NamedTuple):
    """What was not as the ledger says, and what became of it."""

    kind: Difference
    sentence: str


class MovedElsewhereError(EngineError):
    """The aliases of this model follow another ledger."""


class Aliases(Protocol):
    """The aliases of a model registry."""

    def set_alias(self, model: str, alias: str, version: int, generation: int) -> None:
        """Point an alias at a version; repeatable, and never back to an older generation.

        Raises:
            MovedElsewhereError: The model is another ledger's.
        """
        ...

    def alias(self, model: str, alias: str) -> tuple[int, int] | None:
        """The version an alias points at and the generation that set it (0: unknown).

        Raises:
            MovedElsewhereError: The model is another ledger's.
        """
        ...

    def clear_alias(self, model: str, alias: str, generation: int) -> None:
        """Take an alias away; repeatable, and never one that a newer generation has set."""
        ...

    def exists(self, model: str, version: int) -> bool:
        """Whether the registry still has a version."""
        ...

    def damage(self, version: ModelVersion) -> str | None:
        """What is wrong with a version's files, in words; None where they are those that were registered."""
        ...


def owe(ledger: Ledger, writer: Writer, head: Head, entry: Entry) -> None:
    """Note, in the transaction that moves a head, that the registry is owed its alias, and no older one any more."""
    for superseded in owed_for(ledger, head):
        writer.settle(superseded.id)
    payload = {"model": head.model, "alias": head.slot, "version": head.version, "generation": head.generation}
    writer.owe(ALIAS, payload, entry=entry)


def owed_for(ledger: Ledger, head: Head) -> list[Effect]:
    """The effects not settled yet that speak of a head's alias, those of its earlier generations too."""
    return [
        effect
        for effect in ledger.owed()
        if effect.target == ALIAS
        and (effect.payload.get("model"), effect.payload.get("alias")) == (head.model, head.slot)
    ]


def align(ledger: Ledger, aliases: Aliases, head: Head, *, now: datetime) -> Aligned | None:
    """Bring one head's alias in line, and settle what was owed for it.

    Args:
        ledger: The truth.
        aliases: The registry.
        head: Who holds the slot, or that nobody does, as just read.
        now: The time, for the entry that a repair leaves.

    Returns:
        What was mended, or cannot be; None where all was well.
    """
    try:
        return _align(ledger, aliases, head, now)
    except MovedElsewhereError as error:
        return Aligned("elsewhere", elsewhere(error))


def _align(ledger: Ledger, aliases: Aliases, head: Head, now: datetime) -> Aligned | None:
    owed = owed_for(ledger, head)  # read before the alias: whoever has settled it by now had set it before
    found = aliases.alias(head.model, head.slot)
    if head.version is not None and not aliases.exists(head.model, head.version):
        return Aligned("deleted", gone(head))
    if is_ahead(head, found):
        return Aligned("ahead", ahead(head, found)) if ledger.head(head.model, head.slot) == head else None
    kind: Difference = "owed" if owed else "moved"
    told = Aligned(kind, paid(head)) if owed else None
    if not agrees(head, found) and not owed:
        owed = _note_repair(ledger, aliases, head, found, now)
        if not owed:
            return None  # another process moved the head, or repairs it, at this moment
        told = Aligned(kind, mended(head, found))
    if not agrees(head, found) or (owed and head.version is None):
        _set(aliases, head)
        found = aliases.alias(head.model, head.slot)
        if not agrees(head, found):
            return Aligned("stuck", stuck(head, found)) if ledger.head(head.model, head.slot) == head else None
    if owed:
        with ledger.transaction() as writer:
            for effect in owed:
                writer.settle(effect.id)
    return told


def follow(
    ledger: Ledger, aliases: Callable[[], Aliases], model: str, *, moved: bool, now: datetime
) -> tuple[str, ...]:
    """Let the registry follow a model; what cannot be done now stays owed, and a move stays true.

    Where the ledger only rehearses, the registry follows nothing; and nothing ever follows a head that is doubted.

    Args:
        ledger: The truth.
        aliases: Opens the registry; only where something is owed.
        model: The model that may have moved.
        moved: Whether it just did, so that something is owed.
        now: The time, for the entry that a repair leaves.

    Returns:
        A sentence for everything that is still owed.
    """
    if ledger.rehearsing or not (moved or _owed_slots(ledger, model)):
        return ()
    try:
        registry = aliases()
    except EngineError as error:
        return tuple(_still_owed(model, slot, error) for slot in _owed_slots(ledger, model))
    said = {}
    for slot in _owed_slots(ledger, model):
        try:
            head = ledger.head(model, slot)
            doubt = ledger.doubt(head) if head else ""
            done = align(ledger, registry, head, now=now) if head and not doubt else None
            said[slot] = unfollowed(head, doubt) if head and doubt else done.sentence if done else ""
        except EngineError as error:
            said[slot] = _still_owed(model, slot, error)
    left = _owed_slots(ledger, model) if any(said.values()) else ()
    return tuple(said[slot] for slot in left if said.get(slot))


def _still_owed(model: str, slot: Slot, error: EngineError) -> str:
    return f"the alias {slot} of {model} is still owed to the registry: {error.message}"


def _owed_slots(ledger: Ledger, model: str) -> list[Slot]:
    """The slots of a model whose alias the registry is owed."""
    owed = {effect.payload.get("alias") for effect in ledger.owed() if effect.payload.get("model") == model}
    return [slot for slot in SLOTS if slot in owed]


def agrees(head: Head, found: tuple[int, int] | None) -> bool:
    """Whether what the registry says of an alias is what the ledger says of its slot."""
    return found is None if head.version is None else found == (head.version, head.generation)


def is_ahead(head: Head, found: tuple[int, int] | None) -> bool:
    """Whether the registry has seen a newer generation of a slot than the ledger knows."""
    return found is not None and found[1] > head.generation


def ahead(head: Head, found: tuple[int, int] | None) -> str:
    """That the registry is further than the ledger: an older copy of the ledger was put back, or somebody forged it."""
    return (
        f"the alias {head.slot} of {head.model} points at {pointed_at(found)}, but the ledger has only come to "
        f"generation {head.generation}: an older copy of the ledger was put back, or the registry's mark was made by "
        "hand; nothing was changed (workbench ledger verify --witness FILE tells which: put the newer ledger back, or "
        "remove the registry's mark of a generation that never was)"
    )


def elsewhere(error: MovedElsewhereError) -> str:
    """That the aliases of a model follow another ledger, and the way out."""
    return f"{error.message}: {error.hint}"


def unfollowed(head: Head, doubt: str) -> str:
    """That the registry does not follow a head, and what speaks against it."""
    return f"nothing follows the {head.slot} of {head.model}: {doubt}"


def gone(head: Head) -> str:
    """That the registry has lost the version which holds a slot."""
    return (
        f"{head.model} {head.version} is {head.slot} in the ledger (entry {head.seq}), but the registry has "
        f"that version no more: restore it, promote another, or roll back"
    )


def pointed_at(found: tuple[int, int] | None) -> str:
    """What an alias points at, in words."""
    return f"version {found[0]} (generation {found[1]})" if found else "nothing"


def mended(head: Head, found: tuple[int, int] | None) -> str:
    """That an alias was moved behind the ledger's back, and is right again."""
    pointed = f"the alias {head.slot} of {head.model} pointed at {pointed_at(found)}; it "
    if head.version is None:
        return f"{pointed}was taken away: nobody holds the {head.slot}"
    return f"{pointed}is version {head.version} (generation {head.generation}) again"


def paid(head: Head) -> str:
    """That an owed alias was set."""
    done = "gone" if head.version is None else f"version {head.version}"
    return f"the alias {head.slot} of {head.model} was owed since entry {head.seq}; it is {done} now"


def stuck(head: Head, found: tuple[int, int] | None) -> str:
    """That an alias cannot be set."""
    held = "nobody" if head.version is None else f"version {head.version}"
    return (
        f"the alias {head.slot} of {head.model} stays at {pointed_at(found)}; the ledger says {held} "
        f"(generation {head.generation}): remove the registry's mark of a generation that never was"
    )


def _set(aliases: Aliases, head: Head) -> None:
    if head.version is None:
        aliases.clear_alias(head.model, head.slot, head.generation)
    else:
        aliases.set_alias(head.model, head.slot, head.version, head.generation)


def _note_repair(
    ledger: Ledger, aliases: Aliases, head: Head, found: tuple[int, int] | None, now: datetime
) -> list[Effect]:
    # entry and effect in one transaction: the repair is neither lost nor told twice
    held = "nobody" if head.version is None else f"version {head.version}"
    with ledger.transaction() as writer:
        if writer.head(head.model, head.slot) != head or owed_for(ledger, head):
            return []
        if agrees(head, aliases.alias(head.model, head.slot)):  # mended and settled since it was looked at
            return []
        entry = writer.append(
            "projection.repaired",
            subject=head.model,
            actor="workbench",
            why=f"the alias {head.slot} pointed at {pointed_at(found)}, not at {held}",
            body={
                "alias": head.slot,
                "found": list(found) if found else None,
                "version": head.version,
                "generation": head.generation,
            },
            now=now,
        )
        owe(ledger, writer, head, entry)
    return owed_for(ledger, head)
