"""What DuckDB refuses, in one line and with the way out.

>>> number_hint("$0.38")
'write plain numbers, without a currency or per cent sign'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.errors import Misuse

if TYPE_CHECKING:
    import duckdb

NO_NUMBER = re.compile(r"Could not convert string '(.*)' to (?:DOUBLE|FLOAT).* from source column (.*)", re.DOTALL)
RESCALE = "multiply or divide the column by a power of ten first, and say so in the measure's name"
MISSING = {"", "-", "na", "n/a", "nan", "nil", "none", "null", "missing", "unknown"}
SIGN = r"[$€£¥%]"


@contextmanager
def told(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """DuckDB's errors in words; after one, the database is closed.

    Raises:
        Misuse: DuckDB raised one.
    """
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        con.close()
        reason, hint = reason_of(str(error)), ""
        if found := NO_NUMBER.search(reason):
            value, column = found.groups()
            reason, hint = f"column {column!r} holds {value!r}, which is no number", number_hint(value)
        elif isinstance(error, duckdb.OutOfRangeException):
            hint = RESCALE
        raise Misuse(f"the data could not be scanned: {reason}", hint=hint) from error


def reason_of(message: str) -> str:
    r"""DuckDB's reason as one line, without the settings and the query that it prints below.

    >>> reason_of("Invalid Input Error: CSV Error on Line: 3\nExpected Number of Columns: 2\n\nPossible fixes: …")
    'Invalid Input Error: CSV Error on Line: 3 Expected Number of Columns: 2'
    """
    return " ".join(message.strip().partition("\n\n")[0].split())


def number_hint(value: str) -> str:
    """How a text that was to be a number can become one.

    >>> number_hint("NA"), number_hint("0,85")
    ('a missing value is no zero: fill or drop such rows before the scan', 'write 0.85: a point before the decimals')
    >>> number_hint("1,426"), number_hint("many")
    ('write 1426 or 1.426: no sign between thousands, a point before decimals', 'give numbers, or true and false')
    """
    plain = value.strip()
    if plain.lower() in MISSING:
        return "a missing value is no zero: fill or drop such rows before the scan"
    if re.fullmatch(rf"{SIGN}?\s*[-+]?[\d.,\s]+\s*{SIGN}?", plain) and re.search(SIGN, plain):
        return "write plain numbers, without a currency or per cent sign"
    if re.fullmatch(r"[-+]?\d{1,3},\d{3}", plain):
        whole, decimals = plain.split(",")
        return f"write {whole}{decimals} or {whole}.{decimals}: no sign between thousands, a point before decimals"
    if re.fullmatch(r"[-+]?\d+,\d+", plain):
        return f"write {plain.replace(',', '.')}: a point before the decimals"
    if re.fullmatch(r"[-+]?[\d.,\s']+", plain):
        return "write plain numbers: no sign between thousands, a point before decimals"
    return "give numbers, or true and false"
