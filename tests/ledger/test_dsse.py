"""An envelope is signed over its payload and its type, as the DSSE specification has it."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ledger.dsse import PAYLOAD_TYPE, STATEMENT, opened, pae, seal, signed_by, statement, subjects_of
from workbench.ledger.signing import SigningKey


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return SigningKey.create(tmp_path_factory.mktemp("key") / "k")


@pytest.mark.parametrize(
    ("kind", "payload", "encoded"),
    [
        ("http://example.com/HelloWorld", b"hello world", b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
        ("", b"", b"DSSEv1 0  0 "),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}", b"\x00\xff", b"DSSEv1 2 \xc3\xa9 2 \x00\xff"),  # bytes, not letters
        ("a 1 b", b"c", b"DSSEv1 5 a 1 b 1 c"),
    ],
)
def test_the_encoding_is_that_of_the_specification(kind, payload, encoded):
    assert pae(kind, payload) == encoded


@given(st.text(), st.binary(), st.text(), st.binary())
def test_two_messages_never_share_an_encoding(kind, payload, other_kind, other_payload):
    if (kind, payload) != (other_kind, other_payload):
        assert pae(kind, payload) != pae(other_kind, other_payload)


def test_what_was_sealed_is_read_again(key):
    content = statement({"b": "1" * 64, "a": "0" * 64}, "urn:x", {"n": 1})
    envelope = json.loads(json.dumps(seal(content, key)))
    assert opened(envelope) == content
    assert content["_type"] == STATEMENT
    assert list(subjects_of(content)) == ["a", "b"]
    assert signed_by(envelope, [key.public]) == key.public


def test_the_signature_is_over_the_type_too(key):
    envelope = seal(statement({}, "urn:x", {}), key)
    assert signed_by({**envelope, "payloadType": "text/plain"}, [key.public]) is None
    payload = base64.b64decode(envelope["payload"])
    bare = {**envelope, "signatures": [{"keyid": key.key_id, "sig": key.sign(payload)}]}
    assert signed_by(bare, [key.public]) is None


def test_the_key_id_in_it_is_not_believed(key, tmp_path):
    other = SigningKey.create(tmp_path / "other")
    envelope = seal(statement({}, "urn:x", {}), other)
    envelope["signatures"][0]["keyid"] = key.key_id
    assert signed_by(envelope, [key.public]) is None


@pytest.mark.parametrize(
    "spoiled",
    [
        None, 7, [], {}, {"payloadType": PAYLOAD_TYPE}, {"payloadType": PAYLOAD_TYPE, "payload": "%"},
        {"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(b"[]").decode()},
        {"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(b'{"_type": "x"}').decode()},
        {"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(b'{"_type": NaN}').decode()},
        {"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(b"\xff").decode()},
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_refused_in_words(spoiled, key):
    with pytest.raises(ValueError, match="it"):
        opened(spoiled)
    assert signed_by(spoiled, [key.public]) is None


@pytest.mark.parametrize(
    "subjects",
    [None, [{}], [{"name": "a", "digest": {"sha256": "xy"}}], [{"name": "a", "digest": {"sha256": "0" * 64}}] * 2, [7]],
)
def test_subjects_of_another_form_are_refused(subjects):
    with pytest.raises(ValueError, match=r"subject|hexadecimal"):
        subjects_of({"subject": subjects})
