"""A run's content: all that its outcome depends on and that is known before it runs, under one key.

    content.key                       # SHA-256: the same content, the same key
    differences(before, now)          # ["parameter seed was 7, is 8", "cell 5 changed"]

The parts are kept apart, a digest a detail, so that a miss can be explained. A content with a doubt
(a cell that calls the shell, an import that reaches outside) is never taken for another.

>>> from dataclasses import replace
>>> now = Content("weekly", (("a", "d1"),), {"seed": 8}, {}, {}, "w", {"pandas": "3.0.6"})
>>> before = replace(now, parameters={"seed": 7}, environment={"pandas": "3.0.5"})
>>> differences(before, now)
['parameter seed was 7, is 8', 'pandas 3.0.5 → 3.0.6']
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from workbench.ledger import digest

MOST = 6  # differences that a sentence names
MOST_SHOWN = 40  # characters of a value in a sentence


@dataclass(frozen=True)
class Content:
    """What a run is made of; each mapping holds plain JSON by name."""

    notebook: str  # its name, which the outcome carries
    cells: tuple[tuple[str, str], ...]  # in order: the id, and the digest of source, type and tags
    parameters: Mapping[str, Any]
    inputs: Mapping[str, str]  # digest by path, as the parameter or the cell gives it
    modules: Mapping[str, str]  # digest by name, of the modules that lie outside of installed packages
    workbench: str  # digest of this package's own source
    environment: Mapping[str, str]  # interpreter, platform, variables, and versions by distribution
    doubts: tuple[str, ...] = ()  # why it cannot be told what the run depends on

    @property
    def key(self) -> str:
        """SHA-256 over all parts, in hex; the order of parameters and the ids of cells do not count."""
        parts = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "doubts"}
        return digest({**parts, "cells": [cell for _, cell in self.cells]})

    def as_json(self) -> str:
        """The content as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Content:
        """The content that `as_json` wrote.

        Raises:
            ValueError: It did not write this.
        """
        try:
            given = json.loads(text)
            cells = tuple((str(name), str(cell)) for name, cell in given.pop("cells"))
            return cls(cells=cells, doubts=tuple(given.pop("doubts")), **given)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no content of a run: {error}") from error


def differences(before: Content, now: Content) -> list[str]:
    """What differs from an earlier content, in words; what a person changed comes first."""
    found = [*_parameters(before.parameters, now.parameters), *_cells(before.cells, now.cells)]
    found += [f"{path} changed" for path in _changed(before.inputs, now.inputs)]
    found += [f"module {name} changed" for name in _changed(before.modules, now.modules)]
    if before.workbench != now.workbench:
        found.append("workbench itself changed")
    found += _versions(before.environment, now.environment)
    if not found:
        for was, now_is, word in ((before.inputs, now.inputs, ""), (before.modules, now.modules, "module ")):
            found += [f"{word}{name} is read now" for name in now_is if name not in was]
            found += [f"{word}{name} is read no more" for name in was if name not in now_is]
    return found


def in_words(found: Sequence[str]) -> str:
    """Differences as one phrase, of reasonable length.

    >>> in_words(["a changed", "b changed"])
    'a changed; b changed'
    """
    more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
    return "; ".join([*found[:MOST], *more])


def _parameters(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, value in now.items():
        if name not in before:
            yield f"parameter {name} is new"
        elif digest(before[name]) != digest(value):
            yield f"parameter {name} was {_shown(before[name])}, is {_shown(value)}"
    yield from (f"parameter {name} is gone" for name in before if name not in now)


def _cells(before: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]]) -> Iterator[str]:
    was, now_is = dict(before), dict(now)
    changed = [n for n, (name, cell) in enumerate(now, start=1) if name in was and was[name] != cell]
    new = [n for n, (name, _) in enumerate(now, start=1) if name not in was]
    gone = sum(name not in now_is for name in was)
    yield from (f"cell {n} changed" for n in changed)
    yield from (f"cell {n} is new" for n in new)
    if gone:
        yield "a cell was removed" if gone == 1 else f"{gone} cells were removed"
    if not (changed or new or gone) and [cell for _, cell in before] != [cell for _, cell in now]:
        yield "the cells are in another order"


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [name for name in now if name in before and before[name] != now[name]]


def _versions(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            yield f"{name} {before.get(name, 'none')} → {now.get(name, 'none')}"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
