r"""Signed checkpoints: how many entries there are and the root over them, in a text that anyone can keep.

The form is that of C2SP `tlog-checkpoint`: the ledger's name, the size, the root in base64, an empty
line, and a line with the signature. Whoever keeps one can later tell whether the ledger still goes on it.

>>> Checkpoint("workbench-ledger/7", 1, bytes(32)).body
'workbench-ledger/7\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n'

Source:
    https://c2sp.org/tlog-checkpoint and https://c2sp.org/signed-note
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from workbench.ledger.signing import SigningKey, raw, verify_signature

_NOTE = re.compile(r"([^\n+ ]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/=]+)\n\n— ([^\n+ ]+) ([A-Za-z0-9+/=]+)\n")
ED25519 = b"\x01"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a ledger at one size, and who signed for it."""

    origin: str  # the ledger's name
    size: int  # entries covered
    root: bytes  # of the Merkle tree over them
    signature: str = ""  # four bytes that name the key and 64 of the signature, in base64

    @property
    def body(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @property
    def note(self) -> str:
        """The whole text."""
        return f"{self.body}\n— {self.origin} {self.signature}\n"

    def signed_by(self, public: str) -> bool:
        """Whether the key with this public part signed it."""
        try:
            mark, signature = raw(self.signature)[:4], raw(self.signature)[4:]
            hint = key_hint(self.origin, public)
        except ValueError:
            return False
        told = base64.b64encode(signature).decode()
        return mark == hint and verify_signature(public, self.body.encode(), told)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"origin": self.origin, "size": self.size, "root": self.root.hex(), "note": self.note}


def signed(origin: str, size: int, root: bytes, key: SigningKey) -> Checkpoint:
    """A checkpoint with its signature."""
    bare = Checkpoint(origin, size, root)
    signature = key_hint(origin, key.public) + raw(key.sign(bare.body.encode()))
    return Checkpoint(origin, size, root, base64.b64encode(signature).decode())


def read_note(text: str) -> Checkpoint:
    """The checkpoint that a text holds; its signature is not checked.

    Raises:
        ValueError: The text is no checkpoint.
    """
    found = _NOTE.fullmatch(text)
    if not found or found[1] != found[4]:
        raise ValueError(f"no checkpoint: {text[:60]!r}")
    root = raw(found[3])
    if len(root) != 32:
        raise ValueError(f"the root has {len(root)} bytes; it must have 32")
    if len(raw(found[5])) != 68:
        raise ValueError("the signature is not whole")
    return Checkpoint(found[1], int(found[2]), root, found[5])


def read_notes(text: str) -> list[Checkpoint]:
    """The checkpoints of a text that holds one after another, as a witness keeps them.

    Raises:
        ValueError: Something in it is no checkpoint.
    """
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line]
    if len(lines) % 4:
        raise ValueError("the last checkpoint is not whole")
    parts = [lines[at : at + 4] for at in range(0, len(lines), 4)]
    return [read_note(f"{origin}\n{size}\n{root}\n\n{line}\n") for origin, size, root, line in parts]


def key_hint(name: str, public: str) -> bytes:
    """The four bytes by which a signature names its key.

    Raises:
        ValueError: The public key is no base64.
    """
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + raw(public)).digest()[:4]


def verifier_key(key_name: str, public: str) -> str:
    """The public key as tools for signed notes take it: its name, the four bytes in hex, and the key."""
    coded = base64.b64encode(ED25519 + raw(public)).decode()
    return f"{key_name}+{key_hint(key_name, public).hex()}+{coded}"
