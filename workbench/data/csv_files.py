"""How a CSV file is opened for a scan, and what is refused of it before anything is counted.

DuckDB finds separator, quotes and types; where the file is not what it seems (another encoding, a line
with more fields than the header, a name twice) it guesses on, so this is looked at here first.

>>> refuse_twins(["arm", "y", "Y"])
Traceback (most recent call last):
    ...
workbench.errors.Misuse: the columns 'y' and 'Y' have one name; capitals do not tell columns apart
hint: rename or drop one of them
"""

from __future__ import annotations

import csv
import glob
import gzip
import shlex
import zlib
from collections.abc import Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from workbench.data.refused import told
from workbench.errors import Misuse

if TYPE_CHECKING:
    import duckdb

SEPARATORS = ",;\t|"
TEXTS = (".csv", ".tsv", ".txt", ".gz")  # how the name of such a file ends
# what stands for a missing value wherever a file is audited, by DuckDB and by pandas: what pandas takes for one
MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
WIDE = (b"\xff\xfe", b"\xfe\xff")  # how a UTF-16 file begins


def open_csv(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make a CSV file readable as `given`.

    Raises:
        Misuse: The file is empty, no UTF-8, has lines of different lengths, or a column's name twice.
    """
    refuse_bytes(path)
    with told(con):
        found = con.read_csv(glob.escape(str(path)), sample_size=-1)
        _refuse_header(path, found.columns)
        found.create_view("parsed")
        # the offset keeps DuckDB from pushing our casts into its parser, where `True` is no number
        con.execute("CREATE VIEW given AS SELECT * FROM parsed OFFSET 0")


def refuse_twins(names: Sequence[str]) -> None:
    """Refuse a table in which one name stands for two columns.

    Raises:
        Misuse: It does, capitals apart: a query cannot tell `y` from `Y`.
    """
    seen: dict[str, str] = {}
    for name in names:
        if (twin := seen.setdefault(name.casefold(), name)) != name:
            raise Misuse(
                f"the columns {twin!r} and {name!r} have one name; capitals do not tell columns apart",
                hint="rename or drop one of them",
            )
        if names.count(name) > 1:
            raise Misuse(f"there are {names.count(name)} columns {name!r}", hint="rename or drop all but one of them")


def refuse_bytes(path: Path) -> None:
    """Refuse what holds no text in UTF-8, as far as a look at it tells.

    Raises:
        Misuse: There is nothing in it, or it is of another encoding.
    """
    try:
        with _opened(path) as file:
            start = file.read(1 << 16)
            whole = start + file.readline()
    except (OSError, EOFError, zlib.error) as error:
        raise Misuse(
            f"{path} cannot be read: {error}", hint="give the path of a CSV file, or of one in gzip"
        ) from error
    if not start.strip(b"\xef\xbb\xbf \r\n"):
        raise Misuse(f"{path.name} is empty", hint="give a file with a header line and rows")
    if start.startswith(WIDE):
        _refuse_coding(path, "UTF-16")
    for number, line in enumerate(whole.split(b"\n"), 1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            _refuse_coding(path, "Latin-1", f"line {number} has the byte 0x{line[error.start]:02x}, perhaps of ")


def separator_of(path: Path) -> str:
    """What stands between the fields: of the known separators the one that makes most of the first line."""
    return max(SEPARATORS, key=lambda separator: len(next(_rows(path, separator), [])))


def _refuse_coding(path: Path, coding: str, why: str = "it is ") -> NoReturn:
    """Refuse a file in another encoding.

    Raises:
        Misuse: Always.
    """
    raise Misuse(
        f"{path.name} is no text in UTF-8; {why}{coding}",
        hint=f"save it as UTF-8: iconv -f {coding} -t UTF-8 {shlex.quote(path.name)} > new.csv",
    )


def _refuse_header(path: Path, columns: Sequence[str]) -> None:
    """Compare the file's first line with the columns that DuckDB made of it.

    Raises:
        Misuse: It has a name twice, or is one column because some line has more or fewer fields than it.
    """
    heads = {separator: head for separator in SEPARATORS if (head := next(_rows(path, separator), []))}
    for head in heads.values():
        first = {name.casefold(): i for i, name in reversed(list(enumerate(head)))}
        if len(head) == len(columns) and all(columns[i] == head[i] for i in first.values()):
            refuse_twins(head)
    separator, head = max(heads.items(), key=lambda item: len(item[1]))
    if len(columns) == 1 and len(head) > 1:
        for number, row in enumerate(_rows(path, separator), 1):
            if row and len(row) != len(head):
                fields = "1 field" if len(row) == 1 else f"{len(row)} fields"
                raise Misuse(
                    f"row {number} of {path.name} has {fields}, its header {len(head)}: {separator.join(head)}",
                    hint="mend that line; a field that holds the separator must stand in quotes",
                )


def _rows(path: Path, separator: str) -> Iterator[list[str]]:
    with _opened(path) as file:
        lines = (line.decode("utf-8-sig", "replace") for line in file)
        yield from csv.reader(lines, delimiter=separator)


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.GzipFile(path) if path.suffix.lower() == ".gz" else path.open("rb")
