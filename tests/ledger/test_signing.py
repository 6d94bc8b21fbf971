"""A key signs from a file that its owner alone can read, and a signature holds for one message and one purpose."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import EngineError, Misuse
from workbench.ledger import SigningKey, to_sign, verify_signature
from workbench.ledger.signing import key_id


@pytest.fixture
def key(tmp_path):
    return SigningKey.create(tmp_path / "ledger.key")


def test_a_key_is_kept_in_a_file_of_its_own_that_its_owner_alone_can_read(tmp_path, key):
    path = tmp_path / "ledger.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.key"]
    assert SigningKey.load(path).public == key.public


def test_a_key_that_is_there_is_not_overwritten(tmp_path, key):
    before = (tmp_path / "ledger.key").read_bytes()
    with pytest.raises(Misuse, match="already"):
        SigningKey.create(tmp_path / "ledger.key")
    assert (tmp_path / "ledger.key").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_system_without_links_keeps_a_key_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    key = SigningKey.create(tmp_path / "ledger.key")
    assert SigningKey.load(tmp_path / "ledger.key").public == key.public
    with pytest.raises(Misuse, match="already"):
        SigningKey.create(tmp_path / "ledger.key")
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_way_out(tmp_path, key, mode):
    (tmp_path / "ledger.key").chmod(mode)
    with pytest.raises(EngineError, match="others can read") as refused:
        SigningKey.load(tmp_path / "ledger.key")
    assert refused.value.hint == f"chmod 600 {tmp_path / 'ledger.key'}"


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n"])
def test_a_file_without_a_key_is_refused(tmp_path, content):
    path = tmp_path / "ledger.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(EngineError, match="no Ed25519 key"):
        SigningKey.load(path)


def test_a_key_that_is_not_there_is_an_error_in_words(tmp_path):
    with pytest.raises(EngineError, match="cannot be read"):
        SigningKey.load(tmp_path / "none.key")
    with pytest.raises(EngineError, match="cannot be written") as refused:
        SigningKey.create(tmp_path / "none" / "ledger.key")
    assert refused.value.hint == f"mkdir -p {tmp_path / 'none'}"


def test_a_key_of_another_kind_is_refused(tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    path = tmp_path / "ledger.key"
    path.write_bytes(
        X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    os.chmod(path, 0o600)
    with pytest.raises(EngineError, match="no Ed25519 key"):
        SigningKey.load(path)


def test_a_signature_holds_for_its_message_and_key_alone(tmp_path, key):
    message = to_sign("approval", {"decision": "d"})
    signature = key.sign(message)
    assert verify_signature(key.public, message, signature)
    assert not verify_signature(key.public, to_sign("checkpoint", {"decision": "d"}), signature)
    assert not verify_signature(key.public, to_sign("approval", {"decision": "e"}), signature)
    assert not verify_signature(SigningKey.create(tmp_path / "other.key").public, message, signature)


def test_no_flipped_bit_of_a_signature_passes(key):
    signature = bytearray(base64.b64decode(key.sign(b"m")))
    for place in range(len(signature)):
        for bit in range(8):
            signature[place] ^= 1 << bit
            assert not verify_signature(key.public, b"m", base64.b64encode(signature).decode())
            signature[place] ^= 1 << bit


@given(st.text(), st.text())
def test_any_other_text_is_no_signature_and_no_key(public, signature):
    assert not verify_signature(public, b"m", signature)


def test_a_key_is_known_by_the_digest_of_its_public_part(key):
    assert key.key_id == key_id(key.public)
    assert len(key.key_id) == 32
    assert key_id(base64.b64encode(bytes(range(32))).decode()) == "630dcd2966c4336691125448bbb25b4f"


@pytest.mark.parametrize("purpose", ["", "a\0b"])
def test_a_purpose_cannot_hide_where_it_ends(purpose):
    with pytest.raises(ValueError, match="purpose"):
        to_sign(purpose, {})
