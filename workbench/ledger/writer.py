"""What may be written to a ledger inside one transaction: entries, moves of a head, effects owed.

The end of the chain and of the tree is read once, at the first entry; many entries in one transaction
cost one durable commit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from workbench.errors import EngineError, Misuse
from workbench.ledger.checkpoints import Checkpoint
from workbench.ledger.database import Database
from workbench.ledger.drafts import Draft
from workbench.ledger.entry import GENESIS, Entry, Head, canonical, spelled_fast
from workbench.ledger.grounds import GRANTS
from workbench.ledger.heads import MOVES, moved, place
from workbench.ledger.keys import KEY_KINDS
from workbench.ledger.merkle import leaf_hash
from workbench.ledger.rows import COLUMNS, HEADS, from_row, row_content
from workbench.ledger.seals import SEAL, seal
from workbench.ledger.signing import SigningKey
from workbench.ledger.tree import Tree, store_tree, stored_end

_INSERT = f"INSERT INTO entries ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608


class Writer:
    """Adds to a ledger; handed out by `Ledger.transaction`, of no use after it."""

    def __init__(self, database: Database, sealing: Callable[[Writer, Draft], SigningKey | None]) -> None:
        self._database = database
        self._sealing = sealing  # the key that seals a move; None where this ledger's moves are not sealed
        self._tree: Tree | None = None  # read at the first entry
        self._tip = GENESIS
        self._key: str | None = None  # hash of the last entry that brought one
        self._stored = 0  # entries that the stored tree covers
        self.last: Entry | None = None  # appended last

    def append(
        self,
        kind: str,
        *,
        subject: str,
        actor: str,
        why: str,
        body: Mapping[str, Any],
        now: datetime,
        key: str | None = None,
    ) -> Entry:
        """Add one entry; with a key that is there already, the earlier entry and nothing is added.

        Args:
            kind: What happened, e.g. "promotion.granted".
            subject: To what: "lending", "lending/2", "run/<id>".
            actor: Who did it.
            why: The reason given; may be empty where a machine did it.
            body: The rest, plain JSON.
            now: The time, aware.
            key: Idempotency key.

        Raises:
            Misuse: The time has no offset, a name is empty, or the content is no plain JSON.
            EngineError: It moves a model, and the key that seals moves is not at hand.
        """
        return self.add(Draft(kind, subject, actor, why, body, now, key))

    def add(self, draft: Draft) -> Entry:
        """Add one entry as `append` does.

        Raises:
            Misuse: The time has no offset, a name is empty, or the content is no plain JSON.
            EngineError: It moves a model, and the key that seals moves is not at hand.
        """
        plain, text = draft.checked()
        earlier = self.find(draft.key) if draft.key is not None else None
        if earlier is not None:
            return earlier
        if draft.kind in GRANTS and SEAL in plain:  # another entry's, from which the body was taken
            plain.pop(SEAL)
            text = canonical(plain)
        key = self._sealing(self, draft) if draft.kind in GRANTS else None
        tree = self._end()
        seq, at = tree.size + 1, draft.now.astimezone(UTC)
        begin = (seq, at.isoformat(), draft.kind, draft.subject, draft.actor, draft.why)
        if key is not None:
            alike = spelled_fast(plain) == text  # then a seal, which is ASCII, makes no difference
            plain[SEAL] = seal(row_content((*begin, text.decode(), draft.key, self._tip, "")), key)
            text = (spelled_fast if alike else canonical)(plain)
        named = (*begin, text.decode(), draft.key, self._tip)
        content = row_content((*named, ""))
        hashed = hashlib.sha256(content).hexdigest()
        self._database.execute(_INSERT, (*named, hashed))
        tree.append(leaf_hash(content))
        self.last = Entry(
            seq, at, draft.kind, draft.subject, draft.actor, draft.why, plain, draft.key, self._tip, hashed
        )
        self._tip = hashed
        if draft.kind in KEY_KINDS:
            self._key = hashed
        return self.last

    def find(self, key: str) -> Entry | None:
        """The entry with an idempotency key."""
        rows = self._database.execute(f"SELECT {COLUMNS} FROM entries WHERE key = ?", (key,))  # noqa: S608
        return from_row(rows[0]) if rows else None

    def head(self, model: str, slot: str = "champion") -> Head | None:
        """Who holds a model's slot, as of this transaction; a cleared one too, held by version None."""
        rows = self._database.execute(
            f"SELECT {HEADS} FROM heads WHERE model = ? AND slot = ?",  # noqa: S608
            (model, slot),
        )
        return Head(*rows[0]) if rows else None

    def move_head(self, model: str, slot: str, version: int | None, *, expected_generation: int, entry: Entry) -> Head:
        """Give a slot to a version, or clear it: compare-and-swap on the generation (0: never held yet).

        Args:
            model: Whose slot.
            slot: Which one, e.g. "champion" or "canary".
            version: Who gets it; None to clear it.
            expected_generation: The generation that the decision was made on.
            entry: The granted move, just appended; replaying it must lead to this very head.

        Raises:
            Misuse: Somebody moved it meanwhile, or the entry does not grant this move.
        """
        before = self.head(model, slot)
        generation = before.generation if before else 0
        if generation != expected_generation:
            raise Misuse(
                f"{model} moved meanwhile: generation {expected_generation} was expected, it is {generation}",
                hint=f"workbench models {model}, then decide again",
            )
        if entry.kind not in MOVES or place(entry) != (model, slot):
            raise Misuse(f"entry {entry.seq} ({entry.kind} {entry.subject}) does not move the {slot} of {model}")
        try:
            after = moved(before, entry)
        except ValueError as error:
            raise Misuse(str(error)) from error
        if after.version != version:
            given = "nobody" if version is None else f"{model} {version}"
            raise Misuse(f"entry {entry.seq} ({entry.kind} {entry.subject}) does not grant {given} the {slot}")
        if before is None:
            statement = "INSERT INTO heads (version, generation, seq, weight, model, slot) VALUES (?, ?, ?, ?, ?, ?)"
        else:
            statement = "UPDATE heads SET version = ?, generation = ?, seq = ?, weight = ? WHERE model = ? AND slot = ?"
        self._database.execute(statement, (after.version, after.generation, after.seq, after.weight, model, slot))
        return after

    def owe(self, target: str, payload: Mapping[str, Any], *, entry: Entry) -> None:
        """Note an effect that the world outside is owed once this commits."""
        self._database.execute(
            "INSERT INTO outbox (seq, target, payload) VALUES (?, ?, ?)",
            (entry.seq, target, canonical(dict(payload)).decode()),
        )

    def settle(self, effect_id: int) -> None:
        """Note that an effect has been applied."""
        self._database.execute("UPDATE outbox SET done = 1 WHERE id = ?", (effect_id,))

    @property
    def size(self) -> int:
        """Entries there are now, those of this transaction included."""
        return self._end().size

    @property
    def tip(self) -> str:
        """The hash of the last entry, which the next one follows."""
        self._end()
        return self._tip

    @property
    def newest_key(self) -> str | None:
        """The hash of the last entry that brought a key; None: there is none."""
        self._end()
        return self._key

    @property
    def grown(self) -> tuple[int, int]:
        """How many entries there were, and how many there are now; the same where none was added."""
        return (self._stored, self._tree.size) if self._tree is not None else (0, 0)

    def finish(self) -> None:
        """Keep the tree that grew; the last thing written before the commit, but for a checkpoint."""
        if self._tree is not None and self._tree.size > self._stored:
            store_tree(self._database, self._tree)
            self._stored = self._tree.size

    def checkpoint(self, signs: Callable[[Tree], Checkpoint]) -> Checkpoint:
        """Sign and keep a checkpoint of the ledger as it is now, these entries included."""
        made = signs(self._end())
        self.finish()
        self._database.execute("INSERT INTO checkpoints (size, note) VALUES (?, ?)", (made.size, made.note))
        return made

    def _end(self) -> Tree:
        """The tree as of this transaction; the tip goes with it.

        Raises:
            EngineError: Somebody wrote entries, or the tree, behind the ledger's back.
        """
        if self._tree is None:
            tree, last, self._tip, self._key = stored_end(self._database)
            if last != tree.size:
                raise EngineError(
                    f"the ledger has {last} entries, its tree covers {tree.size}: somebody wrote behind its back",
                    hint="workbench ledger verify says what is wrong",
                )
            self._tree, self._stored = tree, tree.size
        return self._tree
