"""Full-content digests: every row, every byte; one changed cell changes the digest.

MLflow's own dataset digest reads the first 10,000 rows and keeps 32 bits; lineage needs more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

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
    return digest_of_files(file_digests(folder, leave_out=leave_out))


def file_digests(folder: Path, *, leave_out: Iterable[str] = ()) -> dict[str, str]:
    """SHA-256 of each file below a folder, in hex, by its relative name.

    Args:
        folder: Where to look; links are followed like files.
        leave_out: File names that do not count, at any depth.

    Raises:
        Misuse: There is no such folder, it is empty, or a file cannot be read.
    """
    skipped = set(leave_out)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in skipped)
    if not files:
        raise Misuse(f"{folder} is no folder with files in it", hint="give the folder that holds the model's files")
    return {path.relative_to(folder).as_posix(): digest_file(path) for path in files}


def digest_of_files(files: Mapping[str, str]) -> str:
    """The digest of a folder, given the SHA-256 of each of its files by name; see `digest_folder`.

    >>> digest_of_files({"b": "0" * 64, "a": "1" * 64}) == digest_of_files({"a": "1" * 64, "b": "0" * 64})
    True
    """
    digest = hashlib.sha256()
    for name, found in sorted(files.items()):
        digest.update(_framed(name.encode()))
        digest.update(bytes.fromhex(found))
    return digest.hexdigest()


def _content(column: pd.Series[Any], missing: npt.NDArray[np.bool_]) -> tuple[str, list[bytes]]:
    """A column's kind and its bytes, nulls as zeros; the byte order of the machine does not count."""
    dtype: Any = column.dtype
    kind = getattr(dtype, "kind", "O")
    if kind in "mM":
        zoned = getattr(dtype, "tz", None) is not None
        moments = (column.dt.tz_convert("UTC").dt.tz_localize(None) if zoned else column).to_numpy()
        numbers = np.where(missing, 0, moments.view("i8"))
        return f"{moments.dtype.name}{' utc' if zoned else ''}", [numbers.astype("<i8").tobytes()]
    if kind in "biufc":
        numbers = column.to_numpy(dtype=getattr(dtype, "numpy_dtype", dtype), na_value=0, copy=True)
        little = numbers.dtype.newbyteorder("<")
        return little.str, [np.ascontiguousarray(numbers, dtype=little).tobytes()]
    texts = [b"" if none else _text(value) for value, none in zip(column, missing, strict=True)]
    lengths = np.array([len(text) for text in texts], dtype="<i8")
    return "text", [lengths.tobytes(), b"".join(texts)]


def _text(value: Any) -> bytes:
    """A value's spelling; what is no text has its type before it, so that 1 and "1" differ."""
    spelled = value if isinstance(value, str) else f"\0{type(value).__name__}\0{value}"
    return spelled.encode("utf-8", "surrogatepass")


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content
