"""Full-content digests: every row, every byte; one changed cell changes the digest.

MLflow's own dataset digest reads the first 10,000 rows and keeps 32 bits; lineage needs more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.data.tables import parts_of
from workbench.errors import Misuse
from workbench.ledger import digest as digest_of

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


def digest_data(path: Path) -> str:
    """SHA-256 of a table's file, or of the names and contents of a folder's Parquet files, in hex.

    Raises:
        Misuse: It cannot be read, or there is none.
    """
    if not path.is_dir():
        return digest_file(path)
    return digest_of_files({part.relative_to(path).as_posix(): digest_file(part) for part in parts_of(path)})


@contextmanager
def steady(source: Any) -> Iterator[None]:
    """While a table's digest is taken and it is read: both are of one content, or it is refused.

    Args:
        source: A file or a folder of Parquet files; nothing is asked of any other table.

    Raises:
        Misuse: It was written to meanwhile.
    """
    before = _stamps(source)
    yield
    if _stamps(source) != before:
        raise Misuse(f"{source} changed while it was read", hint="wait until it is written, or read a copy")


def digest_sources(sources: Sequence[str]) -> str:
    """The digest of what a summary was counted from: the one source's, or that of all of them together."""
    return sources[0] if len(sources) == 1 else digest_of(list(sources))


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


def _stamps(source: Any) -> list[tuple[str, int, int, int]]:
    """Name, size, time of the last change and number of every file."""
    if not isinstance(source, str | Path) or not (path := Path(source)).exists():
        return []
    told = [(part, part.stat()) for part in (parts_of(path) if path.is_dir() else [path])]
    return [(str(part), found.st_size, found.st_mtime_ns, found.st_ino) for part, found in told]


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
