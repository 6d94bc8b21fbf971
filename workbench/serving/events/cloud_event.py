"""An event: CloudEvents 1.0 in its structured JSON form, read strictly and written plainly.

The binary form, attributes in headers and the data as it is, becomes the structured one as it comes in.

What makes two events one is their (source, id). An event that is no CloudEvent, or is too large, is refused
in words. Attributes beyond the standard's stay in the body that is stored, and mean nothing here.

>>> event = make_event("loan-desk", "a-17", {"income": 4.2}, kind="application")
>>> bytes(read_event(event.body()).data)
b'{"income":4.2}'
>>> read_event(b'{"id": "a-17"}')
Traceback (most recent call last):
    ...
workbench.serving.events.cloud_event.Malformed: the event is no CloudEvent: Object missing required field `specversion`
hint: {"specversion": "1.0", "id": "1", "source": "loan-desk", "type": "application", "data": {"field": 1.5}}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Any, Literal

import msgspec

from workbench.errors import Misuse

LARGEST = 1 << 20  # bytes of one event
HINT = '{"specversion": "1.0", "id": "1", "source": "loan-desk", "type": "application", "data": {"field": 1.5}}'
TAKEN = {"data", "data_base64", "datacontenttype"}  # names that no attribute of the binary form can have
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class Malformed(Misuse):
    """A body that is no event that can be taken."""


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One event; `data` is JSON that nobody has read yet."""

    specversion: Literal["1.0"]
    id: Name
    source: Name
    type: Name
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: msgspec.Raw = msgspec.Raw()

    @property
    def key(self) -> bytes:
        """What makes it one: 16 bytes of BLAKE2b over source and id."""
        digest = _begun(self.source).copy()
        digest.update(self.id.encode())
        return digest.digest()

    def body(self) -> bytes:
        """Its JSON."""
        return _encoder.encode(self)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)
_raw = msgspec.json.Decoder(msgspec.Raw).decode  # one JSON value and nothing after it


def make_event(
    source: str, id_: str, data: Any, *, kind: str, subject: str | None = None, time: datetime | None = None
) -> Event:
    """An event of ours, with JSON data.

    Raises:
        Malformed: The data has no JSON form (NaN among it), or a name is empty or longer than 512 characters.
    """
    try:
        raw = _encoder.encode(_finite(data))
        made = Event(
            specversion="1.0", id=id_, source=source, type=kind, subject=subject, time=time,
            datacontenttype="application/json", data=msgspec.Raw(raw),
        )  # fmt: skip
    except (TypeError, ValueError) as error:
        raise Malformed(f"event {id_!r} has no JSON form: {error}", hint=HINT) from error
    read_event(made.body())
    return made


def read_event(body: bytes) -> Event:
    """The event in a body.

    Raises:
        Malformed: It is none, has no data in JSON, or is too large.
    """
    if len(body) > LARGEST:
        raise Malformed(
            f"the event has {len(body):,} bytes; at most {LARGEST:,} are taken",
            hint="send a reference to what is large",
        )
    try:
        event = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the event is no CloudEvent: {error}", hint=HINT) from error
    if not event.data:
        raise Malformed("the event has no data in JSON", hint=HINT)
    kind = event.datacontenttype
    if kind is not None and "json" not in kind:
        raise Malformed(f"the event's data is {kind[:80]!r}; it must be JSON", hint=HINT)
    return event


@lru_cache(1024)
def _begun(source: str) -> blake2b:
    """The digest of a key as far as the source goes: of its length, so that no id can stand for its end, and it."""
    text = source.encode()
    return blake2b(b"%d:%b" % (len(text), text), digest_size=16)


def from_binary(attributes: Mapping[str, str], kind: str | None, data: bytes) -> bytes:
    """The structured form of an event that came in the binary one; whether it is a good one is for `read_event`.

    Args:
        attributes: From the headers, without their prefix.
        kind: Its content type; None: none was given.
        data: Its payload, as it came. What is no JSON becomes `data_base64`, as the standard says.

    >>> from_binary({"specversion": "1.0", "id": "1", "source": "s", "type": "t"}, None, b'{"x": 1}')
    b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"x": 1}}'
    """
    told: dict[str, Any] = {name: value for name, value in attributes.items() if name not in TAKEN}
    if kind is not None:
        told["datacontenttype"] = kind
    try:
        told["data"] = _raw(data)
    except (msgspec.DecodeError, RecursionError):
        told["data_base64"] = data
    return _encoder.encode(told)


def _finite(data: Any) -> Any:
    """The data, where all its numbers are finite: JSON has no others, and msgspec would write null.

    Raises:
        ValueError: One is not.
    """
    values = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for value in values:
        _finite(value)
    if isinstance(data, float) and not math.isfinite(data):
        raise ValueError(f"{data} is no number in JSON")
    return data
