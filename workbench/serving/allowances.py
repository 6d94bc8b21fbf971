"""What each client has left of its rate and of its quota, in one small file that all gateways of a workspace share.

A record a key: the tokens in its bucket and when they were counted, the day of its quota and the rows it was given
on that day. A lock of the system around each change lets several processes keep one account; it is gone with the
process that holds it. For a client that asks often a process takes a hundredth of a second's tokens at once, and gives
back what it did not use; nobody gets more than its rate and its quota, and who is killed loses a client no more than
that. The file outlives them all, so that a restart gives nobody a second quota. Its room is taken on the disk before
it is written, so that a full disk changes no limit.

Rates are token buckets on a clock that only goes forward, so that a step of the wall clock opens or closes nothing.

>>> with Allowances.open() as limits:
...     [limits.admit("a", at, rate=2, burst=1, quota=4, day=1) for at in (0.0, 0.1, 0.5)]
...     limits.claim("a", 2, quota=4, day=1), limits.claim("a", 1, quota=4, day=1)
[0.0, 0.4, 0.0]
(True, False)
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from workbench.errors import EngineError
from workbench.ledger.sharing import file_mode, way_in

RECORD = struct.Struct("=16sddqq")  # key's id, its tokens, when these were counted (s), rows given, their day (ordinal)
BUCKET, ROWS = struct.Struct("=dd"), struct.Struct("=qq")  # its parts
AT_BUCKET, AT_ROWS = 16, 32  # bytes from a record's beginning
MARK = b"workbench limits 1".ljust(RECORD.size, b"\0")  # in place of the first record
ROOM = 1024 * RECORD.size  # bytes by which the file grows
REBOOT = 60.0  # seconds that a bucket may have been counted after now; more, and the clock began anew
PATIENCE, BETWEEN = 0.5, 1e-4  # seconds that a lock is waited for, and between two tries
LEASED = 0.01  # seconds of its rate that a process takes at once for a busy client, and how long it may use them
SHARE = 64  # parts of what is left of a day, of which it takes one at most: so the last rows are counted one by one
MOST_LEASED = 256  # tokens or rows of one lease


class Lease:
    """Tokens and rows that one process took for a key, so that most requests of a busy client need no lock."""

    __slots__ = ("day", "left", "rows", "tokens", "until")

    def __init__(self, left: int, until: float, day: int, tokens: bool, rows: bool) -> None:
        self.left = left  # requests that may come in
        self.until = until  # monotonic, s
        self.day = day  # of its rows
        self.tokens = tokens  # whether each has a token of the bucket
        self.rows = rows  # whether each has a row of the quota


class Allowances:
    """The file of the limits; belongs to one thread. Other processes may have it open too."""

    def __init__(self, descriptor: int, name: str) -> None:
        """Called by `open`.

        Raises:
            EngineError: The file is none of ours, or the disk is full.
        """
        self._descriptor = descriptor
        self._name = name
        self._leases: dict[str, Lease] = {}  # by key's id
        self._places: dict[str, int] = {}  # bytes from the file's beginning, by key's id
        with self._locked():
            if not any(os.pread(descriptor, len(MARK), 0)):  # new, or whoever made it was killed in between
                os.posix_fallocate(descriptor, 0, ROOM)
                os.pwrite(descriptor, MARK, 0)
            self._file = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        if self._file[: len(MARK)] != MARK:
            self.close()
            raise EngineError(f"{name} holds no limits of clients", hint="move it aside: it is made anew")

    @classmethod
    def open(cls, path: Path | None = None) -> Allowances:
        """The limits in a file, made where it is not there.

        Args:
            path: The file; None: one that nobody else sees, and that is gone when it is closed.

        Raises:
            EngineError: It cannot be written, is none of ours, or the disk is full.
        """
        name = "a file of its own" if path is None else str(path)
        try:
            return cls(_descriptor(path), name)
        except OSError as error:
            hint = "look at free space" if path is None else way_in(path)
            raise EngineError(f"the limits of clients cannot be kept in {name}: {error}", hint=hint) from error

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
        self._file.close()
        os.close(self._descriptor)

    def admit(self, key: str, now: float, *, rate: float | None, burst: float, quota: int | None, day: int) -> float:
        """Take one token of a key's bucket and one row of its quota, if there are both; else neither.

        Args:
            key: Its id, of which 16 bytes count.
            now: Monotonic time of this machine, seconds.
            rate: Tokens a second on average; None: it needs none.
            burst: Tokens that the bucket holds.
            quota: Rows that a day has; None: it needs none.
            day: The day's ordinal; an earlier one than was seen before counts as that.

        Returns:
            0.0; else the seconds until there will be a token; infinite: there is no row left of the day.

        Raises:
            EngineError: The account cannot be had, or has no room for one key more.
        """
        lease = self._leases.get(key)
        if lease is not None and lease.left and now < lease.until and day == lease.day:
            lease.left -= 1
            return 0.0
        place = self._place(key)
        with self._locked():
            self._give_back(key)
            tokens, at = BUCKET.unpack_from(self._file, place + AT_BUCKET)
            if rate is not None:
                tokens, at = (tokens, at) if at <= now + REBOOT else (math.inf, now)
                tokens, at = min(burst, tokens + max(0.0, now - at) * rate), max(now, at)
                if tokens < 1:
                    return float((1 - tokens) / rate)
            known, used = self._rows(place, day)
            if quota is not None and used >= quota:
                return math.inf
            some = min(
                MOST_LEASED if rate is None else min(tokens, rate * LEASED),
                MOST_LEASED if quota is None else (quota - used) / SHARE,
            )
            taken = max(1, int(some))
            BUCKET.pack_into(self._file, place + AT_BUCKET, tokens - (rate is not None) * taken, at)
            ROWS.pack_into(self._file, place + AT_ROWS, used + (quota is not None) * taken, known)
        self._leases[key] = Lease(taken - 1, now + LEASED, day, rate is not None, quota is not None)
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
        place = self._place(key)
        with self._locked():
            return self._claimed(place, rows, quota, day)

    def used(self, key: str, *, day: int) -> int:
        """Rows that a key was given on a day, or on a later one that was seen already.

        Raises:
            EngineError: The account cannot be had, or has no room for one key more.
        """
        return self._rows(self._place(key), day)[1]

    def settle(self, now: float) -> None:
        """Give back what was leased and is not used by now; to be called now and then.

        Args:
            now: Monotonic time of this machine, seconds.
        """
        over = [key for key, lease in self._leases.items() if lease.until <= now]
        if over:
            with self._locked():
                for key in over:
                    self._give_back(key)

    def _give_back(self, key: str) -> None:
        """What is left of a lease; a bucket that is too full then is cut when it is counted."""
        lease = self._leases.pop(key, None)
        if lease is None or not lease.left:
            return
        place = self._places[key]
        tokens, at = BUCKET.unpack_from(self._file, place + AT_BUCKET)
        BUCKET.pack_into(self._file, place + AT_BUCKET, tokens + lease.left * lease.tokens, at)
        used, known = ROWS.unpack_from(self._file, place + AT_ROWS)
        if lease.rows and known == lease.day:
            ROWS.pack_into(self._file, place + AT_ROWS, max(0, used - lease.left), known)

    def _rows(self, place: int, day: int) -> tuple[int, int]:
        """The day that counts, and the rows that were given on it."""
        used, known = ROWS.unpack_from(self._file, place + AT_ROWS)
        return (known, used) if known >= day else (day, 0)

    def _claimed(self, place: int, rows: int, quota: int | None, day: int) -> bool:
        known, used = self._rows(place, day)
        if quota is not None and used + rows > quota:
            return False
        ROWS.pack_into(self._file, place + AT_ROWS, max(0, used + rows), known)
        return True

    def _place(self, key: str) -> int:
        place = self._places.get(key)
        return self._found(key) if place is None else place

    def _found(self, key: str) -> int:
        """Where a key's record is; a new one is begun where there is none.

        Raises:
            EngineError: The disk is full.
        """
        name = key.encode()[:AT_BUCKET].ljust(AT_BUCKET, b"\0")
        with self._locked():
            size = os.fstat(self._descriptor).st_size
            if size > len(self._file):  # another process has begun new records
                self._map(size)
            for place in range(RECORD.size, len(self._file) - RECORD.size + 1, RECORD.size):
                found = self._file[place : place + AT_BUCKET]
                if found == name or not any(found):
                    break
            else:
                place, found = len(self._file), b""
                self._map(place + ROOM)
            if not any(found):
                BUCKET.pack_into(self._file, place + AT_BUCKET, math.inf, 0.0)  # full, whatever it holds
                self._file[place : place + AT_BUCKET] = name
        self._places[key] = place
        return place

    def _map(self, size: int) -> None:
        os.posix_fallocate(self._descriptor, 0, size)
        self._file.close()
        self._file = mmap.mmap(self._descriptor, size)

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


def _descriptor(path: Path | None) -> int:
    if path is not None:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, file_mode(path.parent))
    with tempfile.TemporaryFile() as unseen:
        return os.dup(unseen.fileno())
