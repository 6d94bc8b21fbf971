"""The ledger's signature: its key, the checkpoints that it signs, and the proofs that rest on them.

The private key lies in a file beside the ledger, named once by `sign_with`. It is made, and its public part
recorded, when something is to be signed for the first time. A checkpoint is made every 256 entries in the
commit that crosses them, and whenever one is asked for. Where the key is missing the ledger goes on without
signatures, and asking for one is an error in words; so is a move of a model, which the key seals (`ledger.seals`).

A ledger that rehearses takes everything as it would, one transaction after another, and keeps nothing of it: what
was written is seen through it alone, and undone when it is closed. A key that it would have to make is made in
memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from workbench.errors import EngineError, Misuse, WorkbenchError
from workbench.ledger.checkpoints import Checkpoint, read_note, signed
from workbench.ledger.database import Database
from workbench.ledger.drafts import Draft
from workbench.ledger.entry import Entry, Head
from workbench.ledger.key_file import KeyFile
from workbench.ledger.keys import (
    CREATED,
    KEY_KINDS,
    ROTATED,
    LedgerKey,
    created_body,
    held_at,
    known_keys,
    rotated_body,
)
from workbench.ledger.merkle import Subtree, consistency_path, inclusion_path, leaf_hash
from workbench.ledger.proofs import Consistency, Inclusion
from workbench.ledger.reading import Reading
from workbench.ledger.rows import COLUMNS, row_content
from workbench.ledger.seals import doubt, unsealed
from workbench.ledger.signing import SigningKey
from workbench.ledger.tree import TILE, subtrees
from workbench.ledger.writer import Writer

EVERY = 256  # entries from one checkpoint to the next
ACTOR = "workbench"  # who makes a key that nobody asked for


class Signed(Reading):
    """A ledger that signs for itself."""

    _key_file: KeyFile | None = None
    _within = False  # a transaction is open
    _known: tuple[str, LedgerKey] | None = None  # the present key as it was read, by the hash of its entry
    rehearsing = False

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._sound: dict[tuple[str, str], tuple[Head, int]] = {}  # heads that held, and up to which entry

    def rehearse(self) -> None:
        """From now on keep nothing of what is written; it is undone when the ledger is closed."""
        self.rehearsing = True

    def sign_with(self, path: Path) -> None:
        """Name the file that holds the private key, or will; nothing is made yet."""
        self._key_file = KeyFile(path)

    def keys(self) -> list[LedgerKey]:
        """The public keys that have signed for this ledger, the one that holds now last.

        Raises:
            EngineError: An entry that brings a key is not sound.
        """
        try:
            return known_keys(self.entries(kind=KEY_KINDS))
        except ValueError as error:
            raise EngineError(f"the ledger's keys cannot be told: {error}", hint="workbench ledger verify") from error

    def doubt(self, head: Head) -> str:
        """What speaks against a head, in a sentence; empty: the entry that it names put it there, under its seal.

        Raises:
            EngineError: It cannot be read.
        """
        return self.doubts([head]).get(head, "")

    def doubts(self, heads: Iterable[Head]) -> dict[Head, str]:
        """What speaks against heads, in a sentence for each that something speaks against.

        Whoever serves a head, points at it or shows it asks this first: the table of heads and the entries can be
        written by somebody with an SQL client, the seals cannot. A seal that held is not looked at again, nor is a
        head where no entry came since.

        Args:
            heads: As they were just read.

        Raises:
            EngineError: They cannot be read.
        """
        last = self.last
        held = {head: self._sound.get((head.model, head.slot), (None, 0)) for head in heads}
        asked = [head for head, known in held.items() if known != (head, last)]
        fresh = [head for head in asked if held[head][0] != head]
        entries = {entry.seq: entry for entry in self.numbered([head.seq for head in fresh])}
        keys = self.keys() if fresh else []
        found: dict[Head, str | None] = {
            head: doubt(head, entries.get(head.seq), held_at(keys, head.seq)) for head in fresh
        }
        found |= {head: self._left_behind(head) for head in asked if not found.get(head)}
        self._sound.update({(head.model, head.slot): (head, last) for head in asked if found[head] == ""})
        return {head: told for head, told in found.items() if told}

    def signing_key(self, *, actor: str = ACTOR, now: datetime) -> SigningKey:
        """The private key that signs now; made and recorded where there is none yet.

        Args:
            actor: Who asks.
            now: The time, aware.

        Raises:
            EngineError: The key's file is missing, open to others, or holds another key.
            Misuse: No file was named.
        """
        with self.transaction() as writer:
            return self._key(writer, actor, now)[0]

    def rotate_key(self, *, actor: str, why: str, now: datetime) -> LedgerKey:
        """Let a new key follow the present one; both sign the entry, and the old one is gone.

        Raises:
            EngineError: The present key is missing, or the new one cannot be written.
            Misuse: No file was named.
        """
        with self.transaction() as writer:
            old, before = self._key(writer, actor, now)
            new = self._file.following(kept=not self.rehearsing)
            body = rotated_body(before, old, new, writer.tip)
            entry = writer.append(ROTATED, subject=f"key/{new.key_id}", actor=actor, why=why, body=body, now=now)
            writer.checkpoint(lambda tree: signed(before.origin, tree.size, tree.root(), new))
        if not self.rehearsing:
            self._file.follow()
        return LedgerKey(new.key_id, new.public, before.origin, entry.seq, seals=True)

    def checkpoint(self, *, actor: str = ACTOR, now: datetime) -> Checkpoint:
        """The signed state of the ledger: the newest checkpoint, made now where it is behind.

        Args:
            actor: Who asks; noted where a key must be made first.
            now: The time, aware.

        Raises:
            EngineError: The key's file is missing, open to others, or holds another key.
            Misuse: No file was named.
        """
        with self.transaction() as writer:
            key, known = self._key(writer, actor, now)
            newest = self.newest_checkpoint()
            if newest is not None and newest.size == writer.size:
                return newest
            return writer.checkpoint(lambda tree: signed(known.origin, tree.size, tree.root(), key))

    def checkpoints(self) -> list[Checkpoint]:
        """All checkpoints, the smallest first.

        Raises:
            EngineError: One was damaged.
        """
        return [_read(note) for (note,) in self._rows("SELECT note FROM checkpoints ORDER BY size")]

    def newest_checkpoint(self, at: int | None = None) -> Checkpoint | None:
        """The checkpoint of the largest size, or that of the size given."""
        where, values = ("", ()) if at is None else ("WHERE size = ? ", (at,))
        rows = self._rows(f"SELECT note FROM checkpoints {where}ORDER BY size DESC LIMIT 1", values)  # noqa: S608
        return _read(rows[0][0]) if rows else None

    def prove(self, seq: int, size: int | None = None) -> Inclusion:
        """The proof that the ledger holds an entry.

        Args:
            seq: The entry's number.
            size: Entries of the tree to prove it in; by default those of the newest checkpoint.

        Raises:
            Misuse: There is no such entry, or no checkpoint covers it yet.
        """
        with self._moment():
            newest = self.newest_checkpoint(size)
            if seq > self.last:
                raise Misuse(f"there is no entry {seq}; the last is {self.last}", hint="workbench ledger show")
            if size is None:
                if newest is None or newest.size < seq:
                    raise Misuse(f"no checkpoint covers entry {seq} yet", hint="workbench ledger checkpoint")
                size = newest.size
            self._check_size(size)
            if not 0 < seq <= size:
                raise Misuse(f"there is no entry {seq} among the first {size}", hint="workbench ledger show")
            subtree = self._subtrees()
            path = inclusion_path(seq - 1, size, subtree)
            leaf, root = subtree(seq - 1, seq), subtree(0, size)
        note = newest.note if newest is not None else None
        return Inclusion(seq, leaf.hex(), seq - 1, size, tuple(node.hex() for node in path), root.hex(), note)

    def prove_consistency(self, old_size: int, new_size: int) -> Consistency:
        """The proof that the ledger of one size is the beginning of that of another.

        Raises:
            Misuse: The ledger never had these sizes, or not in this order.
        """
        with self._moment():
            self._check_size(new_size)
            if not 0 < old_size <= new_size:
                raise Misuse(
                    f"the sizes are {old_size} and {new_size}; the first must lie between 1 and the second",
                    hint="workbench ledger checkpoint tells the newest size",
                )
            subtree = self._subtrees()
            path = consistency_path(old_size, new_size, subtree)
            return Consistency(
                self.newest_checkpoint(old_size),
                self.newest_checkpoint(new_size),
                old_size,
                subtree(0, old_size).hex(),
                new_size,
                subtree(0, new_size).hex(),
                tuple(node.hex() for node in path),
            )

    @contextmanager
    def transaction(self) -> Iterator[Writer]:
        """One commit or nothing: what is written through the writer becomes true together.

        Raises:
            EngineError: The database refused (full disk, read-only file, a lock held too long).
            Misuse: This thread has one open already.
        """
        database = self._database
        with self._lock:
            if self._within or (database.busy and not self.rehearsing):
                raise Misuse("a transaction of this ledger is open already", hint="write through its writer")
            self._within = True
            try:
                with self._rehearsed() if self.rehearsing else self._committed():
                    writer = Writer(database, self._sealing)
                    yield writer
                    self._sign_if_due(writer)
                    writer.finish()
            except database.errors as error:
                database.refuse(error, "written")
            finally:
                self._within = False

    @contextmanager
    def _committed(self) -> Iterator[None]:
        try:
            self._database.begin(writing=True)
            yield
            self._database.commit()
        finally:
            if self._database.busy:
                self._database.rollback()

    @contextmanager
    def _rehearsed(self) -> Iterator[None]:
        """One of the transactions of a rehearsal, which are parts of one that is never committed."""
        if not self._database.busy:
            self._database.begin(writing=True)
        self._database.execute("SAVEPOINT rehearsed")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK TO SAVEPOINT rehearsed")
            raise
        finally:
            self._database.execute("RELEASE SAVEPOINT rehearsed")

    def _sign_if_due(self, writer: Writer) -> None:
        before, after = writer.grown
        if after // EVERY == before // EVERY or self._key_file is None or writer.last is None:
            return
        with suppress(WorkbenchError):  # without its key the ledger goes on; `verify` tells how far signatures reach
            key, known = self._key(writer, ACTOR, writer.last.at)
            if self.newest_checkpoint(writer.size) is None:
                writer.checkpoint(lambda tree: signed(known.origin, tree.size, tree.root(), key))

    def unsealed(self, moves: Iterable[Entry]) -> dict[int, str]:
        """What is wrong with the seals of moves, in a sentence by the number of each that lacks the one that is due.

        Raises:
            EngineError: The ledger's keys cannot be told.
        """
        keys = self.keys()
        found = {move.seq: "; ".join(unsealed(move, held_at(keys, move.seq))) for move in moves}
        return {seq: told for seq, told in found.items() if told}

    def _left_behind(self, head: Head) -> str | None:
        """That a later entry moved a head on, and the table of heads did not follow; empty: none did; None: it did."""
        later = self.moves_after(head)
        sealed = {entry.seq for entry in later} - (self.unsealed(later) if later else {}).keys()
        if not sealed:
            return ""
        if self.head(head.model, head.slot) != head:  # read after the move: the two are one commit
            return None
        return f"entry {max(sealed)} moved the {head.slot} of {head.model} on, and the table of heads does not say so"

    @property
    def _file(self) -> KeyFile:
        if self._key_file is None:
            raise Misuse("this ledger was opened without a key", hint="run it in a workspace: keys/ledger.key")
        return self._key_file

    def _sealing(self, writer: Writer, draft: Draft) -> SigningKey | None:
        """The key that seals a move; None where this ledger's moves are not sealed.

        Raises:
            EngineError: They are, and it is not at hand.
        """
        known = self._present(writer)
        if self._key_file is None if known is None else not known.seals:
            return None
        try:
            return self._key(writer, ACTOR, draft.now, known)[0]
        except WorkbenchError as error:
            raise EngineError(
                f"{draft.subject} was not moved: this ledger's moves are sealed by its key, and {error.message}",
                hint=f"{error.hint}, or copy it from a machine that has it; nothing was written",
            ) from error

    def _present(self, writer: Writer) -> LedgerKey | None:
        """The public key that holds now; None: there is none yet."""
        newest = writer.newest_key
        if newest is None:
            return None
        if self._known is None or self._known[0] != newest:
            self._known = newest, self.keys()[-1]
        return self._known[1]

    def _key(
        self, writer: Writer, actor: str, now: datetime, known: LedgerKey | None = None
    ) -> tuple[SigningKey, LedgerKey]:
        known = known or self._present(writer)
        if known is not None:
            return self._file.present(known), known
        key = self._file.first(kept=not self.rehearsing)
        body = created_body(key, writer.tip)
        why = "the key that signs this ledger's checkpoints and seals its moves"
        entry = writer.append(CREATED, subject=f"key/{key.key_id}", actor=actor, why=why, body=body, now=now)
        return key, LedgerKey(key.key_id, key.public, body["origin"], entry.seq, seals=True)

    @contextmanager
    def _moment(self) -> Iterator[None]:
        """One moment of the ledger, whoever else writes.

        Raises:
            EngineError: The database refused, or what it holds is damaged.
        """
        with self._lock:
            opened = not self._database.busy
            try:
                if opened:
                    self._database.begin(writing=False)
                yield
            except self._database.errors as error:
                self._database.refuse(error, "read")
            except (IndexError, TypeError) as error:  # a tile or an entry that a proof needs is not as written
                raise EngineError(f"the ledger is damaged: {error}", hint="workbench ledger verify") from error
            finally:
                if opened and self._database.busy:
                    self._database.rollback()

    def _check_size(self, size: int) -> None:
        there = self.last
        if size > there:
            raise Misuse(f"the ledger has {there} entries, not {size}", hint="workbench ledger show --last 1")

    def _subtrees(self) -> Subtree:
        tiles = [bytes.fromhex(root) for (root,) in self._rows("SELECT root FROM tiles ORDER BY number")]
        held: dict[int, list[bytes]] = {}  # leaves by tile: a proof asks for parts of the same few

        def leaves(first: int, last: int) -> list[bytes]:
            tile = first // TILE
            if tile not in held:
                rows = self._rows(
                    f"SELECT {COLUMNS} FROM entries WHERE seq > ? AND seq <= ? ORDER BY seq",  # noqa: S608
                    (tile * TILE, (tile + 1) * TILE),
                )
                held[tile] = [leaf_hash(row_content(row)) for row in rows]
            return held[tile][first - tile * TILE : last - tile * TILE]

        return subtrees(tiles, leaves)


def _read(note: str) -> Checkpoint:
    try:
        return read_note(note)
    except (ValueError, TypeError) as error:
        raise EngineError(f"a checkpoint cannot be read: {error}", hint="workbench ledger verify") from error
