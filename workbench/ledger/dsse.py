r"""Signed envelopes (DSSE) around in-toto statements: what leaves the workspace and must be believed elsewhere.

The signature covers the payload and its type in the pre-authentication encoding, so that a payload of one
type never passes for another. Statements are written in their one spelling; an envelope is plain JSON.

>>> pae("http://example.com/HelloWorld", b"hello world")
b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'

Source:
    The DSSE specification, version 1.0: "Signature Definition" and its test vector; in-toto Statement v1.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from workbench.ledger.entry import canonical
from workbench.ledger.signing import verify_signature

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
MOST_BYTES = 64_000_000  # of an envelope that is read


class Signer(Protocol):
    """A key that signs, e.g. `workbench.ledger.signing.SigningKey`."""

    @property
    def key_id(self) -> str:
        """The key's name."""
        ...

    def sign(self, message: bytes) -> str:
        """The signature of a message, in base64."""
        ...


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed: type and payload, each after its length in bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def statement(subjects: Mapping[str, str], predicate_type: str, predicate: Mapping[str, Any]) -> dict[str, Any]:
    """An in-toto statement about files.

    Args:
        subjects: SHA-256 of each file, in hex, by name.
        predicate_type: A URI that says what the predicate is.
        predicate: What is said of them, plain JSON.
    """
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": found}} for name, found in sorted(subjects.items())],
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }


def seal(content: Mapping[str, Any], key: Signer) -> dict[str, Any]:
    """The envelope around a statement, signed.

    Raises:
        ValueError: The statement is no plain JSON.
    """
    payload = canonical(dict(content))
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key.key_id, "sig": key.sign(pae(PAYLOAD_TYPE, payload))}],
    }


def read_json(text: str | bytes) -> Any:
    """JSON that every reader understands alike.

    Raises:
        ValueError: It is none, a name stands twice in it, of which readers take one or the other, or it is too deep.

    >>> read_json('{"a": 1, "a": 2}')
    Traceback (most recent call last):
        ...
    ValueError: the name 'a' stands twice in one object
    """
    try:
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=_each_once)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def payload_of(envelope: Any) -> bytes:
    """The payload of an envelope; whether it is signed is another question.

    Raises:
        ValueError: It is no such envelope.
    """
    told = envelope if isinstance(envelope, dict) else {}
    payload, kind = told.get("payload"), told.get("payloadType")
    if kind != PAYLOAD_TYPE:
        raise ValueError(f"it is no envelope of a statement: its type is {kind!r}; it must be {PAYLOAD_TYPE}")
    try:
        return base64.b64decode(str(payload or ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("its payload is no base64") from error


def opened(envelope: Any) -> dict[str, Any]:
    """The statement in an envelope; whether it is signed is another question.

    Raises:
        ValueError: It holds no in-toto statement.
    """
    payload = payload_of(envelope)
    try:
        content = read_json(payload)
    except ValueError as error:
        raise ValueError(f"its payload is no JSON: {error}") from error
    if not isinstance(content, dict) or content.get("_type") != STATEMENT:
        raise ValueError("its payload is no in-toto statement of version 1")
    return content


def signed_by(envelope: Any, keys: Sequence[str]) -> str | None:
    """Which of some public keys signed an envelope; None where none did, or it is no envelope.

    Args:
        envelope: As it was read.
        keys: Public keys, each 32 bytes in base64.
    """
    try:
        message = pae(PAYLOAD_TYPE, payload_of(envelope))
    except ValueError:
        return None
    signatures = envelope.get("signatures")
    for signature in signatures if isinstance(signatures, list) else ():
        told = signature.get("sig") if isinstance(signature, dict) else None
        for key in keys:
            if isinstance(told, str) and verify_signature(key, message, told):
                return key
    return None


def subjects_of(content: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 by name of the files a statement is about.

    Raises:
        ValueError: A subject is not in that form, or is named twice.
    """
    found: dict[str, str] = {}
    try:
        for subject in content["subject"]:
            name, value = subject["name"], subject["digest"]["sha256"]
            if not isinstance(name, str) or name in found or len(bytes.fromhex(value)) != 32:
                raise ValueError(f"its subject {name!r} is not one file with its SHA-256")
            found[name] = value
    except (KeyError, TypeError) as error:
        raise ValueError("its subjects are not files with their SHA-256") from error
    return found


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the name {name!r} stands twice in one object")
        found[name] = value
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")
