"""Texts as people type them, cut at their marks: `NAME=VALUE, NAME=VALUE`.

A name that holds a mark itself stands in double quotes, in which "" is one quote. Quotes count only
where they enclose a whole piece: `5" screen` is a name as it stands.

>>> listed('"x, y"=1, b=1')
['"x, y"=1', 'b=1']
>>> cut('"x, y"=1', "=")
('x, y', '1')
"""

from __future__ import annotations

import re
from collections.abc import Sequence

QUOTED = re.compile(r'"(?:[^"]|"")*"')
PIECE = re.compile(rf"(?:(?<=[,=:/@\s])|^){QUOTED.pattern}(?=\s*(?:[,=:/@]|$))")  # a quoted piece between two marks


def listed(text: str) -> Sequence[str]:
    """The parts of a comma-separated text, blanks stripped; quotes about a whole part are taken off.

    >>> listed(' a, "b, c" ,')
    ['a', 'b, c']
    """
    parts, start, open_ = [], 0, _hidden(text)
    for end in [match.start() for match in re.finditer(",", open_)] + [len(text)]:
        parts.append(bare(text[start:end]))
        start = end + 1
    return [part for part in parts if part]


def cut(text: str, mark: str, *, last: bool = False) -> tuple[str, str | None]:
    """What stands before a mark outside quotes, as `bare` gives it, and all that comes after it, as it was typed.

    Args:
        text: What was typed.
        mark: One character.
        last: Whether to cut at the last such mark rather than at the first.

    Returns:
        Both sides; all of the text and None where the mark is not in it.

    >>> cut('"y val"/"a/b"', "/")
    ('y val', '"a/b"')
    """
    open_ = _hidden(text)
    at = open_.rfind(mark) if last else open_.find(mark)
    return (bare(text), None) if at < 0 else (bare(text[:at]), text[at + 1 :].strip())


def bare(text: str) -> str:
    """A piece without its blanks, and without the quotes that enclose all of it.

    >>> bare(' "a ""b"", c" ')
    'a "b", c'
    """
    piece = text.strip()
    return piece[1:-1].replace('""', '"') if QUOTED.fullmatch(piece) else piece


def _hidden(text: str) -> str:
    """The text with its quoted pieces blotted out, so that no mark within them is seen."""
    return PIECE.sub(lambda piece: "_" * len(piece.group()), text)
