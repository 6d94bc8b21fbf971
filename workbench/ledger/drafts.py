"""What is about to become an entry, checked before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.errors import Misuse
from workbench.ledger.entry import canonical, read_back, read_body


@dataclass(frozen=True)
class Draft:
    """An entry without its place in the chain.

    >>> Draft("note", "lending", "analyst", "a look", {"n": 1}, datetime(2026, 1, 1)).checked()
    Traceback (most recent call last):
    ...
    workbench.errors.Misuse: the time 2026-01-01T00:00:00 has no offset; it must be aware
    hint: datetime.now(UTC)
    """

    kind: str  # what happened, e.g. "promotion.granted"
    subject: str  # to what: "lending", "lending/2", "run/<id>"
    actor: str  # who did it
    why: str  # the reason given; may be empty where a machine did it
    body: Mapping[str, Any]  # the rest, plain JSON
    now: datetime  # aware
    key: str | None = None  # idempotency key

    def checked(self) -> tuple[dict[str, Any], bytes]:
        """The body as it will be read back, and the text that is kept of it.

        Raises:
            Misuse: The time has no offset, a name is empty, or the content is no plain JSON.
        """
        if self.now.tzinfo is None or self.now.utcoffset() is None:
            raise Misuse(f"the time {self.now.isoformat()} has no offset; it must be aware", hint="datetime.now(UTC)")
        for name, given in (("kind", self.kind), ("subject", self.subject), ("actor", self.actor)):
            if not given.strip():
                raise Misuse(f"the {name} of an entry is {given!r}; it must not be empty")
        texts = (self.kind, self.subject, self.actor, self.why, self.key or "")
        try:
            together = "".join(texts)
            together.encode()
            body = dict(self.body)
            told = read_back(body)
            if told is None:
                plain = read_body(canonical(body))
                told = canonical(plain), plain  # a name that was a number is a text now, and may stand elsewhere
        except (ValueError, TypeError) as error:
            raise Misuse(
                f"a {self.kind} entry cannot be kept: {error}", hint="texts of Unicode and plain JSON, without NaN"
            ) from error
        if "\0" in together:
            raise Misuse(f"a {self.kind!r} entry cannot be kept: a text holds a zero byte", hint="leave it out")
        return told[1], told[0]
