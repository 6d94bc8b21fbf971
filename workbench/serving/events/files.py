"""Events from files: JSON Lines, CSV, or stdin; a line is a CloudEvent already, or a row that becomes one.

A row's id follows from the row and its line, so that a file that is published twice is published once.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import IO, Any

import msgspec

from workbench.errors import EngineError, Misuse
from workbench.serving.events.cloud_event import Event, make_event, read_event

Numbered = tuple[int, dict[str, Any]]  # line, from 1, and what stands there


def events_of(
    file: Path, stdin: IO[bytes], *, source: str, kind: str, id_field: str | None = None,
    subject_field: str | None = None, now: datetime,
) -> Iterator[Event]:  # fmt: skip
    """The events of a file, read as they are asked for.

    Args:
        file: JSON Lines, or CSV by its ending; "-": JSON Lines on stdin.
        stdin: What "-" stands for.
        source: Source of rows.
        kind: Type of rows.
        id_field: Field that is a row's id; None: made from the row and its line.
        subject_field: Field that is a row's subject.
        now: Time of rows, UTC.

    Raises:
        Misuse: A line is no event and no row; says which.
        EngineError: The file cannot be read.
    """
    try:
        for line, row in _rows(file, stdin):
            if "specversion" in row:
                yield read_event(msgspec.json.encode(row))
                continue
            named = {field: _taken(row, field, line) for field in (id_field, subject_field) if field}
            data = {field: value for field, value in row.items() if field not in named}
            made = blake2b(b"%d:%b" % (line, msgspec.json.encode(data)), digest_size=16).hexdigest()
            yield make_event(
                source, named[id_field] if id_field else made, data, kind=kind, time=now,
                subject=named[subject_field] if subject_field else None,
            )  # fmt: skip
    except OSError as error:
        raise EngineError(
            f"{file} cannot be read: {error.strerror}", hint="look at its path and permissions"
        ) from error
    except UnicodeDecodeError as error:
        raise Misuse(f"{file} is no text in UTF-8", hint="convert it: iconv -t utf-8") from error


def parts(events: Iterable[Event], most: int) -> Iterator[list[Event]]:
    """Events in lists of at most so many.

    >>> [len(part) for part in parts([1, 2, 3], 2)]
    [2, 1]
    """
    rest = iter(events)
    while part := list(islice(rest, most)):
        yield part


def _rows(file: Path, stdin: IO[bytes]) -> Iterator[Numbered]:
    if str(file) == "-":
        yield from _json_lines(file, stdin)
        return
    if file.suffix.lower() in {".csv", ".tsv"}:
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield from _csv(text, "\t" if file.suffix.lower() == ".tsv" else ",")
    else:
        with file.open("rb") as lines:
            yield from _json_lines(file, lines)


def _json_lines(file: Path, lines: Iterable[bytes]) -> Iterator[Numbered]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Misuse(f"line {number} of {file} is no JSON: {error}", hint="one JSON object a line") from error
        if type(row) is not dict:
            raise Misuse(f"line {number} of {file} is no object", hint='e.g. {"income": 4.2}')
        yield number, row


def _csv(text: IO[str], comma: str) -> Iterator[Numbered]:
    """Rows of a CSV with a header; a cell that reads as a number, true or false is one, an empty one is left out.

    Raises:
        Misuse: A line has a cell too many or too few.
    """
    reader = csv.DictReader(text, delimiter=comma)
    for row in reader:
        if None in row or None in row.values():
            raise Misuse(f"line {reader.line_num} does not have one cell a column", hint="quote cells that have commas")
        yield reader.line_num, {name: _cell(cell) for name, cell in row.items() if cell != ""}


def _cell(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    plain = isinstance(value, bool) or (
        isinstance(value, int | float) and text.strip().lower() not in {"nan", "infinity"}
    )
    return value if plain else text


def _taken(row: dict[str, Any], field: str, line: int) -> str:
    value = row.get(field)
    if not isinstance(value, str | int) or value == "":
        raise Misuse(f"line {line} has no {field!r}", hint="name a field that every row has")
    return str(value)
