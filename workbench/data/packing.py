"""Whole numbers as a short text: by planes of bytes, which lie alike, then zlib, then base 85 for a JSON file.

The first byte says how it was packed, so that another way can be read beside this one. Nothing is lost, and
a text from anywhere unpacks to as many numbers as are allowed or is refused.

>>> text = packed([3, 1, 4, 1, 5])
>>> unpacked(text, most=5).tolist()
[3, 1, 4, 1, 5]
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

VERSION = 1  # planes of 64-bit whole numbers, the least byte first
WIDTH = 8  # bytes of a number


def packed(numbers: Sequence[int] | npt.NDArray[np.int64]) -> str:
    """The text of some whole numbers of 64 bits."""
    planes = np.asarray(numbers, dtype="<i8").view(np.uint8).reshape(-1, WIDTH).T
    return base64.b85encode(bytes([VERSION]) + zlib.compress(planes.tobytes(), 9)).decode("ascii")


def unpacked(text: str, *, most: int) -> npt.NDArray[np.int64]:
    """The numbers of a text.

    Args:
        text: That `packed` wrote; it may come from anywhere.
        most: Numbers that there may be.

    Raises:
        ValueError: It is none such, or holds more.
    """
    content = base64.b85decode(text)
    if content[:1] != bytes([VERSION]):
        raise ValueError("the numbers are packed in a way that is not known")
    opened = zlib.decompressobj()
    try:
        planes = opened.decompress(content[1:], most * WIDTH + 1)
    except zlib.error as error:
        raise ValueError(f"the numbers cannot be unpacked: {error}") from error
    if not opened.eof or len(planes) > most * WIDTH or len(planes) % WIDTH:
        raise ValueError(f"the numbers are cut off, or more than {most}")
    rows = np.frombuffer(planes, np.uint8).reshape(WIDTH, -1).T
    return np.ascontiguousarray(rows).view("<i8").reshape(-1).astype(np.int64)
