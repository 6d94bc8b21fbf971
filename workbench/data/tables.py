"""Reads a table from a file: CSV or Parquet, with errors in words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import Misuse

if TYPE_CHECKING:
    import pandas as pd


def read_table(path: Path) -> pd.DataFrame:
    """The rows of a CSV or Parquet file.

    Raises:
        Misuse: There is no such file, it is of another kind, or it cannot be parsed.
    """
    import pandas as pd
    import pyarrow as pa

    if path.suffix not in {".csv", ".parquet"}:
        raise Misuse(f"{path} is no table that can be read", hint="give a .csv or a .parquet file")
    try:
        frame: pd.DataFrame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise Misuse(f"{path} cannot be read: {error}", hint="give the path of a CSV or Parquet file") from error
    if frame.empty:
        raise Misuse(f"{path} has no rows", hint="give a file with a header line and rows")
    return frame
