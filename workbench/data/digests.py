"""Full-content digests: every row, every byte; one changed cell changes the digest.

MLflow's own dataset digest reads the first 10,000 rows and keeps 32 bits; lineage needs more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd

CHUNK = 1 << 20  # bytes


def digest_frame(frame: pd.DataFrame) -> str:
    """SHA-256 over a data frame's column names, types, nulls and values, in hex.

    The order of rows and of columns counts; the index does not.

    Args:
        frame: One row a case; columns of numbers, truth values, times, texts or categories.
    """
    digest = hashlib.sha256()
    digest.update(f"frame {len(frame)} x {frame.shape[1]}".encode())
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        missing = column.isna().to_numpy()
        digest.update(_framed(str(name).encode()))
        digest.update(np.packbits(missing).tobytes())
        kind, content = _content(column, missing)
        digest.update(_framed(kind.encode()))
        for part in content:
            digest.update(part)
    return digest.hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex.

    Raises:
        Misuse: The file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise Misuse(f"{path} cannot be read: {error.strerror}", hint="give the path of a file") from error
    return digest.hexdigest()


def digest_folder(folder: Path, *, leave_out: Iterable[str] = ()) -> str:
    """SHA-256 over the relative names and contents of all files below a folder, in hex.

    Args:
        folder: Where to look; links are followed like files.
        leave_out: File names that do not count, at any depth.

    Raises:
        Misuse: There is no such folder, or it is empty.
    """
    skipped = set(leave_out)
    files = sorted(
        (path.relative_to(folder).as_posix(), path)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in skipped
    )
    if not files:
        raise Misuse(f"{folder} is no folder with files in it", hint="give the folder that holds the model's files")
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(_framed(name.encode()))
        digest.update(bytes.fromhex(digest_file(path)))
    return digest.hexdigest()


def _content(column: pd.Series[Any], missing: np.ndarray[Any, Any]) -> tuple[str, list[bytes]]:
    """A column's kind and its bytes, nulls as zero."""
    dtype = column.dtype
    if getattr(dtype, "kind", "O") in "biufcmM" and not hasattr(dtype, "tz"):
        values = column.to_numpy(copy=True) if not missing.any() else column.fillna(0).to_numpy(copy=True)
        if values.dtype != object:
            values = np.ascontiguousarray(values)
            return str(values.dtype.newbyteorder("<")), [values.astype(values.dtype.newbyteorder("<")).tobytes()]
    texts = ["" if none else str(value) for value, none in zip(column, missing, strict=True)]
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    lengths = np.array([len(text) for text in encoded], dtype="<i8")
    return "text", [lengths.tobytes(), b"".join(encoded)]


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content
