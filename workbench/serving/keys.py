"""API keys: who may ask which models, how often, and how much; read from the ledger, where each has its entries.

A key is `wb_ID_SECRET`. The ledger holds the SHA-256 of the secret, which has 256 random bits, so that
nothing slower is needed; the secret is shown once and kept nowhere. A revocation is an entry, and counts
from the next look, a twentieth of a second later at most. Where the ledger cannot be read for a while,
no key is taken.

>>> from datetime import UTC, datetime
>>> key = Key("a1", "shop-frontend", scopes=("pricing",), secret_hash=hashed("s3cret"))
>>> key.may("pricing"), key.may("lending"), key.opens("s3cret"), key.active(datetime(2026, 1, 1, tzinfo=UTC))
(True, False, True, True)
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from workbench.errors import EngineError, Misuse
from workbench.ledger import Entry, Ledger

CREATED, REVOKED = "api-key.created", "api-key.revoked"
ALL = "*"  # the scope of every model
LOOK = 0.05  # seconds between two looks at the ledger, at least
MOST = 10_000  # headers that are known to open
BLIND = 30.0  # seconds that the ledger may be unreadable before no key is taken
FORM = re.compile(r"wb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class Key:
    """One client's key."""

    id: str
    client: str  # a role or a program, e.g. "shop-frontend"; no person
    scopes: tuple[str, ...]  # models that it may ask; "*" is all
    secret_hash: str  # SHA-256, hex
    rate: float | None = None  # requests a second on average; None: no limit
    burst: float | None = None  # requests at once; None: as many as a second's
    quota: int | None = None  # rows a day (UTC); None: no limit
    ends: datetime | None = None  # from when it is no longer taken

    def may(self, model: str) -> bool:
        """Whether it may ask a model."""
        return ALL in self.scopes or model in self.scopes

    def active(self, now: datetime) -> bool:
        """Whether it is taken at a time."""
        return self.ends is None or now < self.ends

    def opens(self, secret: str) -> bool:
        """Whether this is its secret; takes the same time whatever is wrong."""
        return hmac.compare_digest(self.secret_hash, hashed(secret))


def hashed(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fold(entries: Iterable[Entry], known: Mapping[str, Key] | None = None) -> dict[str, Key]:
    """The keys that entries of a ledger lead to, by id; entries of other kinds mean nothing here."""
    keys = dict(known or {})
    for entry in entries:
        name = entry.subject.removeprefix("key/")
        if entry.kind == CREATED:
            keys[name] = Key(
                id=name,
                client=entry.body["client"],
                scopes=tuple(entry.body["scopes"]),
                secret_hash=entry.body["secret_hash"],
                rate=entry.body.get("rate"),
                burst=entry.body.get("burst"),
                quota=entry.body.get("quota"),
            )
        elif entry.kind == REVOKED and name in keys:
            ends = datetime.fromisoformat(entry.body["ends"])
            before = keys[name].ends
            keys[name] = replace(keys[name], ends=ends if before is None else min(ends, before))
    return keys


def client_of(ledger: Ledger, id_: str) -> str | None:
    """Whose a key is, or was; None: there never was such a key.

    Raises:
        EngineError: The ledger cannot be read.
    """
    found = ledger.entries(subject=f"key/{id_}", kind=CREATED)
    return str(found[0].body["client"]) if found else None


class Keys:
    """The keys of a ledger: looked at by the gateway, changed by the command line."""

    def __init__(self, ledger: Ledger, *, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._now = now
        self._keys: dict[str, Key] = {}
        self._seen = 0  # number of the last entry that was read
        self._looked = -math.inf
        self._read_at = 0.0
        self._opened: dict[bytes, Key] = {}  # by the header that opened; a hash less a request

    def of(self, authorization: bytes) -> Key | None:
        """The key that an `Authorization: Bearer` header carries, if it is taken now."""
        self._look()
        key = self._opened.get(authorization)
        if key is None:
            kind, _, value = authorization.partition(b" ")
            found = FORM.fullmatch(value.decode("latin-1").strip()) if kind.lower() == b"bearer" else None
            key = self._keys.get(found[1]) if found else None
            if key is None or found is None or not key.opens(found[2]):
                return None
            if len(self._opened) > MOST:  # one key can be written in many ways
                self._opened.clear()
            self._opened[authorization] = key
        return key if key.active(self._now()) else None

    def all(self) -> list[Key]:
        """Every key that there ever was, oldest first.

        Raises:
            EngineError: The ledger cannot be read.
        """
        return list(fold(self._ledger.entries(kind=(CREATED, REVOKED))).values())

    def create(
        self,
        client: str,
        scopes: Sequence[str],
        *,
        actor: str,
        why: str,
        rate: float | None = None,
        burst: float | None = None,
        quota: int | None = None,
    ) -> tuple[Key, str]:
        """A new key and its text, which is not to be had again.

        Args:
            client: Who will use it: a role or a program.
            scopes: Models that it may ask; "*" is all.
            actor: Who makes it.
            why: The reason.
            rate: Requests a second on average.
            burst: Requests at once.
            quota: Rows a day.

        Raises:
            Misuse: Client or scopes are empty, or a limit is not above zero.
        """
        if not client.strip() or not scopes:
            raise Misuse("a key needs a client and at least one model", hint="workbench key create NAME --model MODEL")
        for name, limit in (("rate", rate), ("burst", burst), ("quota", quota)):
            if limit is not None and limit <= 0:
                raise Misuse(f"{name} is {limit}; it must be above 0", hint=f"leave --{name} out for no limit")
        id_, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key = Key(id_, client.strip(), tuple(scopes), hashed(secret), rate, burst, quota)
        body: dict[str, Any] = {
            "client": key.client, "scopes": list(scopes), "secret_hash": key.secret_hash,
            "rate": rate, "burst": burst, "quota": quota,
        }  # fmt: skip
        self._ledger.append(CREATED, subject=f"key/{id_}", actor=actor, why=why, body=body, now=self._now())
        return key, f"wb_{id_}_{secret}"

    def revoke(self, id_: str, *, actor: str, why: str, ends: datetime | None = None) -> Key:
        """Take a key no longer, from now or from a later time.

        Raises:
            Misuse: There is no such key, or it is revoked already.
        """
        key = self._active(id_)
        ends = ends or self._now()
        body = {"ends": ends.isoformat()}
        self._ledger.append(REVOKED, subject=f"key/{id_}", actor=actor, why=why, body=body, now=self._now())
        return replace(key, ends=ends)

    def rotate(self, id_: str, *, actor: str, why: str, ends: datetime | None = None) -> tuple[Key, str]:
        """A new key with the rights of an old one, which ends now or at a later time."""
        old = self._active(id_)
        made = self.create(
            old.client, old.scopes, actor=actor, why=why, rate=old.rate, burst=old.burst, quota=old.quota
        )
        self.revoke(id_, actor=actor, why=why, ends=ends)
        return made

    def _active(self, id_: str) -> Key:
        key = next((key for key in self.all() if key.id == id_), None)
        if key is None:
            raise Misuse(f"there is no key {id_[:40]!r}", hint="workbench key list")
        if not key.active(self._now()):
            raise Misuse(f"key {id_} is revoked already", hint="workbench key create")
        return key

    def _look(self) -> None:
        """Read what is new; forget who was let in when something is."""
        now = time.monotonic()
        if now - self._looked < LOOK:
            return
        self._looked = now
        try:
            new = self._ledger.entries(kind=(CREATED, REVOKED), since=self._seen)
        except EngineError:
            if now - self._read_at > BLIND:
                self._opened, self._keys, self._seen, self._read_at = {}, {}, 0, 0.0
            return
        self._read_at = now
        if new:
            self._keys, self._seen = fold(new, self._keys), new[-1].seq
            self._opened = {}
