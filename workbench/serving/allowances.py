"""What each client has left of its rate and of its quota, in one small file that all gateways of a workspace share.

A record a key: the tokens in its bucket and when they were counted, the rows it was given of its quota and their day.
A lock of the system around each change lets several processes keep one account; it is gone with the process that
holds it. For a client that asks often a process takes a hundredth of a second's tokens at once, and gives back what it
did not use; nobody gets more than its rate and its quota, and who is killed loses a client no more than that. The file
outlives them all, so that a restart gives nobody a second quota. Its room is taken on the disk before it is written,
so that a full disk changes no limit. It is read and written, never mapped: one that is cut off ends no process, and
is begun anew.

Rates are token buckets on a clock that only goes forward, so that a step of the wall clock opens or closes nothing.

>>> with Allowances() as limits:
...     [limits.admit("a", at, rate=2, burst=1, quota=4, day=1) for at in (0.0, 0.1, 0.5)]
...     limits.claim("a", 2, quota=4, day=1), limits.claim("a", 1, quota=4, day=1)
[0.0, 0.4, 0.0]
(True, False)
"""

from __future__ import annotations

import fcntl
import math
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from workbench.errors import EngineError
from workbench.ledger.sharing import file_mode, in_place, way_in

RECORD = struct.Struct("=16sddqq")  # key's id, its tokens, when these were counted (s), rows given, their day (ordinal)
NAME = 16  # bytes of the id
NOBODY = bytes(NAME)
MARK = b"workbench limits 1".ljust(RECORD.size, b"\0")  # in place of the first record
ROOM = 1024 * RECORD.size  # bytes by which the file grows
REBOOT = 60.0  # seconds that a bucket may have been counted after now; more, and the clock began anew
PATIENCE, BETWEEN = 0.5, 1e-4  # seconds that a lock is waited for, and between two tries
LEASED = 0.01  # seconds of its rate that a process takes at once for a busy client, and how long it may use them
SHARE = 64  # parts of what is left of a day, of which it takes one at most: so the last rows are counted one by one
LONGEST = 366 * 86400.0  # seconds that anybody is told to wait
MOST_LEASED = 256  # tokens or rows of one lease


@dataclass(slots=True)
class Account:
    """What a key has left, read under the lock."""

    name: bytes
    tokens: float
    at: float  # when these were counted, monotonic, s
    rows: int  # given on the day
    day: int  # ordinal

    def turn(self, day: int) -> None:
        """Begin a day; the one before what was seen counts as that, an earlier one shows that a clock was wrong."""
        if not self.day - 1 <= day <= self.day:
            self.day, self.rows = day, 0

    def fill(self, now: float, rate: float, burst: float) -> None:
        """Count the tokens anew."""
        if not self.at <= now + REBOOT:
            self.tokens, self.at = math.inf, now
        self.tokens = max(0.0, min(burst, self.tokens + max(0.0, now - self.at) * rate))
        self.at = max(now, self.at)


@dataclass(slots=True)
class Lease:
    """Tokens and rows that one process took for a key, so that most requests of a busy client need no lock."""

    left: int  # requests that may come in
    until: float  # monotonic, s
    day: int  # of its rows
    tokens: bool  # whether each has a token of the bucket
    rows: bool  # whether each has a row of the quota


class Allowances:
    """The file of the limits; belongs to one thread. Other processes may have it open too."""

    def __init__(self, path: Path | None = None) -> None:
        """The limits in a file, made where it is not there.

        Args:
            path: The file; None: one that nobody else sees, and that is gone when it is closed.

        Raises:
            EngineError: It cannot be written, is none of ours, or the disk is full.
        """
        self._path = path
        self._name = "a file of its own" if path is None else str(path)
        self._leases: dict[str, Lease] = {}  # by key's id
        self._places: dict[bytes, int] = {}  # bytes from the file's beginning, by key's name
        self._descriptor = self._opened()
        try:
            with self._locked():
                self._look()
        except EngineError:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what was leased, and let the file go."""
        with suppress(EngineError):
            self.settle(math.inf)
        os.close(self._descriptor)

    def admit(self, key: str, now: float, *, rate: float | None, burst: float, quota: int | None, day: int) -> float:
        """Take one token of a key's bucket and one row of its quota, if there are both; else neither.

        Args:
            key: Its id, of which 16 bytes count.
            now: Monotonic time of this machine, seconds.
            rate: Tokens a second on average; None: it needs none.
            burst: Tokens that the bucket holds.
            quota: Rows that a day has; None: it needs none.
            day: The day's ordinal; the one before that which was seen counts as that.

        Returns:
            0.0; else the seconds until there will be a token (`LONGEST` at most); infinite: no row is left of the day.

        Raises:
            EngineError: The account cannot be had, or has no room for one key more.
        """
        most = 1  # that is taken at once: more for who has just asked
        lease = self._leases.get(key)
        if lease is not None and day <= lease.day:
            if lease.left and now < lease.until:
                lease.left -= 1
                return 0.0
            most = MOST_LEASED if now < lease.until + LEASED else 1
        with self._account(key) as account:
            account.turn(day)
            if rate is not None:
                account.fill(now, rate, burst)
                if account.tokens < 1:
                    return min(LONGEST, float((1 - account.tokens) / rate))
                most = min(most, int(min(account.tokens, rate * LEASED)))
            if quota is not None:
                if account.rows >= quota:
                    return math.inf
                most = min(most, (quota - account.rows) // SHARE)
            taken = max(1, most)
            account.tokens -= taken if rate is not None else 0
            account.rows += taken if quota is not None else 0
        self._leases[key] = Lease(taken - 1, now + LEASED, account.day, rate is not None, quota is not None)
        return 0.0

    def claim(self, key: str, rows: int, *, quota: int | None, day: int) -> bool:
        """Take rows out of a key's quota, if so many are left of the day.

        Args:
            key: Its id.
            rows: How many; below 0: they are given back.
            quota: Rows that a day has; None: they are taken, however many are left.
            day: As in `admit`.

        Raises:
            EngineError: The account cannot be had, or has no room for one key more.
        """
        with self._account(key) as account:
            account.turn(day)
            if quota is not None and account.rows + rows > quota:
                return False
            account.rows = max(0, account.rows + rows)
        return True

    def used(self, key: str, *, day: int) -> int:
        """Rows that a key was given on a day, or on a later one that was seen already; what others lease among them.

        Raises:
            EngineError: The account cannot be had, or has no room for one key more.
        """
        with self._account(key) as account:
            account.turn(day)
        return account.rows

    def settle(self, now: float) -> None:
        """Give back what was leased and is not used by now; to be called now and then.

        A file that was moved away or deleted is begun anew, by all processes alike.

        Args:
            now: Monotonic time of this machine, seconds.

        Raises:
            EngineError: The account cannot be had.
        """
        if self._path is not None and not in_place(self._path, self._descriptor):
            fresh = self._opened()
            os.close(self._descriptor)
            self._descriptor, self._leases, self._places = fresh, {}, {}
        for key in [key for key, lease in self._leases.items() if lease.until <= now]:
            if self._leases[key].left:
                with self._account(key):  # gives it back
                    pass
            self._leases.pop(key, None)

    def _opened(self) -> int:
        """The file's descriptor.

        Raises:
            EngineError: It cannot be written.
        """
        try:
            if self._path is not None:
                return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, file_mode(self._path.parent))
            with tempfile.TemporaryFile() as unseen:
                return os.dup(unseen.fileno())
        except OSError as error:
            hint = "look at free space" if self._path is None else way_in(self._path)
            raise EngineError(f"the limits of clients cannot be kept in {self._name}: {error}", hint=hint) from error

    @contextmanager
    def _account(self, key: str) -> Iterator[Account]:
        """A key's account for a moment, with what was leased of it here; what becomes of it is written.

        Raises:
            EngineError: It cannot be had, or has no room for one key more.
        """
        name = key.encode()[:NAME].ljust(NAME, b"\0")
        with self._locked():
            place = self._places.get(name)
            record = b"" if place is None else os.pread(self._descriptor, RECORD.size, place)
            if place is None or len(record) < RECORD.size or not record.startswith(name):  # not known, or cut off
                place = self._found(name)
                record = os.pread(self._descriptor, RECORD.size, place)
            account = Account(*RECORD.unpack(record))
            if (lease := self._leases.pop(key, None)) is not None:
                account.tokens += lease.left * lease.tokens  # a bucket that is too full is cut when it is counted
                unused = lease.left * (lease.rows and account.day == lease.day)
                account.rows = max(0, account.rows - unused)
            yield account
            after = RECORD.pack(account.name, account.tokens, account.at, account.rows, account.day)
            if after != record:
                os.pwrite(self._descriptor, after, place)

    def _found(self, name: bytes) -> int:
        """Where a key's record is, in bytes from the file's beginning; a new one is begun where there is none.

        Raises:
            EngineError: The file is none of ours.
            OSError: The disk is full.
        """
        free = self._look()
        if name not in self._places:
            os.posix_fallocate(self._descriptor, 0, -(-(free + RECORD.size) // ROOM) * ROOM)
            os.pwrite(self._descriptor, RECORD.pack(name, math.inf, 0.0, 0, 0), free)  # full, whatever it holds
            self._places[name] = free
        return self._places[name]

    def _look(self) -> int:
        """See where all keys' records are; the first place that is nobody's, in bytes from the file's beginning.

        Raises:
            EngineError: The file is none of ours.
            OSError: The disk is full.
        """
        whole = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
        if not any(whole[: len(MARK)]):  # new, cut off, or whoever made it was killed in between
            os.posix_fallocate(self._descriptor, 0, ROOM)
            os.pwrite(self._descriptor, MARK, 0)
        elif not whole.startswith(MARK):
            raise EngineError(f"{self._name} holds no limits of clients", hint="move it aside: it is made anew")
        end = max(1, len(whole) // RECORD.size) * RECORD.size
        self._places = {whole[at : at + NAME]: at for at in range(end - RECORD.size, 0, -RECORD.size)}
        return self._places.pop(NOBODY, end)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The lock, for a moment.

        Raises:
            EngineError: Somebody holds it and was stopped, or the disk is full.
        """
        for _ in range(int(PATIENCE / BETWEEN)):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(BETWEEN)
        else:
            raise EngineError(f"{self._name} is held by another process", hint="end a gateway that was stopped")
        try:
            yield
        except OSError as error:
            raise EngineError(f"there is no room in {self._name}: {error}", hint="look at free space") from error
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
