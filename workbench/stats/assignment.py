"""Where a unit falls: a hash of its name and the experiment's, in [0, 2⁶⁴), and the arm whose stretch that is.

One function for bandits, prices and canaries, so that a canary is an experiment. The hash is CRC-32 of
the unit, then a·x + b modulo 2⁶⁴ with a and b from the experiment's name: CRC-32 alone would give two
experiments the same cut of all units. An arm laid out first keeps every unit that it has when its
weight grows.

>>> draw = draw_of("checkout")
>>> sum(draw.place(f"{n:05x}") < upto(0.25) for n in range(10_000))
2534
>>> all(draw.place(str(n)) < upto(0.1) for n in range(999) if draw.place(str(n)) < upto(0.05))
True
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

WHOLE = 1 << 64
MASK = WHOLE - 1


class Draw(NamedTuple):
    """How one experiment places its units."""

    multiplier: int  # odd
    shift: int

    def place(self, unit: str) -> int:
        """Where a unit falls, in [0, 2⁶⁴).

        Raises:
            UnicodeEncodeError: Its name holds half of a surrogate pair.
        """
        return (crc32(unit.encode()) * self.multiplier + self.shift) & MASK


@lru_cache(maxsize=4096)
def draw_of(experiment: str) -> Draw:
    """The draw of an experiment, from its name."""
    digest = hashlib.blake2b(experiment.encode(), digest_size=16).digest()
    return Draw(int.from_bytes(digest[:8], "big") | 1, int.from_bytes(digest[8:], "big"))


def upto(share: float) -> int:
    """The place before which a share of all units falls.

    >>> upto(0.5) == 2**63
    True
    """
    return round(share * WHOLE)
