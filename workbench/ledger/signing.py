r"""Keys that sign, by Ed25519: one file a key, and messages that say what they were signed for.

A signature made for one purpose is none for another: every message begins with its purpose (see
`to_sign`), so a signed approval can never pass for a signed checkpoint. The file is readable by its
owner alone, or by the group that shares its folder; otherwise it is refused.

>>> to_sign("approval", {"entry": 7})
b'workbench approval\x00{"entry":7}'
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import EngineError, Misuse
from workbench.ledger.entry import canonical
from workbench.ledger.sharing import file_mode, shared

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ID_LENGTH = 32  # hex characters of a key's id


class SigningKey:
    """A private key that was read from its file."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = base64.b64encode(private.public_key().public_bytes_raw()).decode()  # the public part: 32 bytes
        self.key_id = key_id(self.public)

    @classmethod
    def create(cls, path: Path) -> SigningKey:
        """A new key in a file of its own, there whole or not at all; its owner's, or theirs who share its folder.

        Raises:
            Misuse: The file is there already.
            EngineError: It cannot be written.
        """
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        private = Ed25519PrivateKey.generate()
        text = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            _place(text, path)
        except FileExistsError as error:
            raise Misuse(
                f"there is a key in {path} already", hint="no key is overwritten: name another file"
            ) from error
        except OSError as error:
            raise EngineError(
                f"the key {path} cannot be written: {error.strerror or error}", hint=f"mkdir -p {path.parent}"
            ) from error
        return cls(private)

    @classmethod
    def fleeting(cls) -> SigningKey:
        """A new key that is kept nowhere."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """The key in a file.

        Raises:
            EngineError: The file is not there, others can read it, or it holds no Ed25519 key.
        """
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                text = file.read()
        except OSError as error:
            raise EngineError(
                f"the key {path} cannot be read: {error.strerror or error}", hint="put it back from where you keep it"
            ) from error
        if mode & (0o007 if shared(path.parent) else 0o077):
            raise EngineError(
                f"others can read the key {path} (mode {mode:o})", hint=f"chmod {file_mode(path.parent):o} {path}"
            )
        try:
            private = load_pem_private_key(text, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise EngineError(f"{path} holds no Ed25519 key in PEM", hint="put it back from where you keep it")
        return cls(private)

    def sign(self, message: bytes) -> str:
        """The signature of a message, in base64; begin the message by its purpose, as `to_sign` does."""
        return base64.b64encode(self._private.sign(message)).decode()


def to_sign(purpose: str, value: Any) -> bytes:
    """What to sign for a JSON value: the purpose, a zero byte, and the value in its one spelling.

    Args:
        purpose: What the signature will mean, in words, e.g. "approval".
        value: Plain JSON.

    Raises:
        ValueError: The purpose is empty or holds a zero byte, or the value is no plain JSON.
    """
    return for_purpose(purpose, canonical(value))


def for_purpose(purpose: str, content: bytes) -> bytes:
    """What `to_sign` gives for a JSON value of which the one spelling is at hand.

    Raises:
        ValueError: The purpose is empty or holds a zero byte.
    """
    if not purpose or "\0" in purpose:
        raise ValueError(f"the purpose is {purpose!r}; it must be a text without a zero byte")
    return b"workbench " + purpose.encode() + b"\0" + content


def verify_signature(public: str, message: bytes, signature: str) -> bool:
    """Whether a signature of a message was made by the key with this public part; False for any other text.

    Args:
        public: The public key: 32 bytes in base64.
        message: What was signed.
        signature: The signature: 64 bytes in base64.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(raw(public))
        key.verify(raw(signature), message)
    except (ValueError, InvalidSignature):
        return False
    return True


def key_id(public: str) -> str:
    """The name of a public key.

    Raises:
        ValueError: The text is no base64.
    """
    return hashlib.sha256(raw(public)).hexdigest()[:ID_LENGTH]


def raw(text: str) -> bytes:
    """The bytes that a text in base64 holds, in its one spelling.

    Raises:
        ValueError: The text is no base64, or is spelled in another way.
    """
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise ValueError(f"{text[:80]!r} is no base64") from error
    if base64.b64encode(content).decode() != text:
        raise ValueError(f"{text[:80]!r} is no base64 in its one spelling")
    return content


def _place(content: bytes, path: Path) -> None:
    # written whole under another name, then given its own unless that is taken
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file_mode(path.parent)), "wb") as file:  # noqa: PTH123
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if path.exists():
                raise FileExistsError(path) from None
            beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
