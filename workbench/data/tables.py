"""Reads a table from a file: CSV (also in gzip, also with semicolons or tabs) or Parquet, with errors in words."""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.data.csv_files import MISSING, TEXTS, refuse_bytes, separator_of
from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd

PARQUET = (".parquet", ".pq")  # how the name of such a file ends


def read_table(path: Path) -> pd.DataFrame:
    """The rows of a CSV or Parquet file, or of a folder of Parquet files.

    Raises:
        Misuse: There is no such file, it is of another kind, or it cannot be parsed.
    """
    import pandas as pd
    import pyarrow as pa

    kind = path.suffix.lower()
    if kind not in PARQUET + TEXTS and not path.is_dir():
        raise Misuse(f"{path} is no table that can be read", hint="give a .csv or a .parquet file")
    if path.is_dir():
        parts_of(path)
    try:
        frame: pd.DataFrame
        if kind in PARQUET or path.is_dir():
            frame = pd.read_parquet(path)
        else:
            refuse_bytes(path)
            frame = pd.read_csv(path, sep=separator_of(path), na_values=MISSING, keep_default_na=False)
    except (
        OSError,
        EOFError,
        zlib.error,
        ValueError,
        OverflowError,
        pa.ArrowException,
    ) as error:  # overflow: a number of 400 digits
        raise Misuse(f"{path} cannot be read: {error}", hint="give the path of a CSV or Parquet file") from error
    if frame.empty:
        raise Misuse(f"{path} has no rows", hint="give a file with a header line and rows")
    return frame


def parts_of(folder: Path) -> list[Path]:
    """The Parquet files below a folder, which are one table.

    Raises:
        Misuse: There is none.
    """
    parts = sorted(part for part in folder.rglob("*") if part.suffix.lower() in PARQUET and part.is_file())
    if not parts:
        raise Misuse(f"{folder} has no Parquet file in it", hint="give a .csv or .parquet file, or a folder of these")
    return parts


def columns_of(frame: pd.DataFrame, names: Sequence[str], *, where: str) -> pd.DataFrame:
    """Columns of a frame, in the order named.

    Args:
        frame: Any.
        names: Of its columns.
        where: What the frame is called, for the error.

    Raises:
        Misuse: There is no column of a name, or one is named twice.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Misuse(f"the column {twice[0]!r} is named for two things", hint="name it for one of them")
    for name in names:
        if name not in frame.columns:
            near = difflib.get_close_matches(name, map(str, frame.columns), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(map(str, frame.columns))}"
            raise Misuse(f"{where} has no column {name!r}", hint=hint)
    return frame[list(names)]
