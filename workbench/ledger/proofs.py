"""Proofs that leave the ledger: that it holds an entry, and that it goes on what it was before.

Both are plain JSON and hold without the ledger: whoever trusts a checkpoint's signature needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.ledger.checkpoints import Checkpoint, read_note
from workbench.ledger.entry import Entry, content
from workbench.ledger.merkle import extends, includes, leaf_hash


@dataclass(frozen=True)
class Inclusion:
    """The proof that an entry is one of the first `size` of a ledger."""

    seq: int  # the entry's number
    leaf: str  # hash of its bytes behind a zero byte, hex
    index: int  # of the leaf, from 0
    size: int  # entries of the tree
    path: tuple[str, ...]  # hashes from the leaf up to the root, hex
    root: str  # hex
    checkpoint: str | None  # signed text with this size and root; None: none was made at this size

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "seq": self.seq,
            "leaf": self.leaf,
            "index": self.index,
            "size": self.size,
            "path": list(self.path),
            "root": self.root,
            "checkpoint": self.checkpoint,
        }

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Inclusion:
        """The proof that plain JSON tells of.

        Raises:
            ValueError: It is none.
        """
        try:
            numbers = [told[name] for name in ("seq", "index", "size")]
            texts = [told["leaf"], told["root"], *told["path"]]
            note = told["checkpoint"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"no proof of inclusion: {error} is missing") from error
        if any(type(number) is not int for number in numbers) or any(not isinstance(text, str) for text in texts):
            raise ValueError("no proof of inclusion: numbers or hashes of another type")
        if note is not None and not isinstance(note, str):
            raise ValueError("no proof of inclusion: the checkpoint is no text")
        seq, index, size = numbers
        return cls(seq, texts[0], index, size, tuple(texts[2:]), texts[1], note)

    def holds(self, entry: Entry | None = None, *, public: str | None = None) -> bool:
        """Whether the proof holds.

        Args:
            entry: The entry that it must be about; by default any with its leaf.
            public: The key that must have signed the checkpoint, in base64; by default the signature is
                not asked for.
        """
        try:
            leaf, root, *path = (bytes.fromhex(text) for text in (self.leaf, self.root, *self.path))
            signed = read_note(self.checkpoint) if self.checkpoint is not None else None
        except ValueError:
            return False
        if entry is not None and (entry.seq != self.seq or leaf_hash(content(entry)) != leaf):
            return False
        if signed is not None and (signed.size, signed.root) != (self.size, root):
            return False
        if public is not None and (signed is None or not signed.signed_by(public)):
            return False
        return self.index == self.seq - 1 and includes(leaf, self.index, self.size, path, root)


@dataclass(frozen=True)
class Consistency:
    """The proof that the ledger of one size is the beginning of that of another."""

    old: Checkpoint | None  # signed, where one was made at the old size
    new: Checkpoint | None
    old_size: int
    old_root: str  # hex
    new_size: int
    new_root: str  # hex
    path: tuple[str, ...]  # hex

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "old_size": self.old_size,
            "old_root": self.old_root,
            "old_checkpoint": self.old.note if self.old else None,
            "new_size": self.new_size,
            "new_root": self.new_root,
            "new_checkpoint": self.new.note if self.new else None,
            "path": list(self.path),
        }

    def holds(self) -> bool:
        """Whether the proof holds."""
        try:
            old, new, *path = (bytes.fromhex(text) for text in (self.old_root, self.new_root, *self.path))
        except ValueError:
            return False
        return extends(self.old_size, old, self.new_size, new, path)
