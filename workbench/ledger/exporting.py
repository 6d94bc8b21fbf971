"""An export: one file that an auditor takes along, and can check without the workbench.

JSON lines: an entry a line in their order, then `{"key": …}` for each public key, then `{"checkpoint": …}`
for each signed checkpoint. The shipped `verify_ledger.py` checks it with nothing of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from workbench.errors import Misuse
from workbench.ledger.checkpoints import Checkpoint
from workbench.ledger.database import Row
from workbench.ledger.entry import canonical
from workbench.ledger.keys import LedgerKey
from workbench.ledger.rows import from_row
from workbench.ledger.schema import ENTRY_COLUMNS
from workbench.ledger.verification import Signs, Verification, verified


def lines(rows: Iterable[Row], keys: Sequence[LedgerKey], checkpoints: Sequence[Checkpoint]) -> Iterator[str]:
    """The lines of an export."""
    for row in rows:
        yield _line(from_row(row).as_dict())
    for key in keys:
        yield _line({"key": key.as_dict()})
    for checkpoint in checkpoints:
        yield _line({"checkpoint": checkpoint.note})


def verify_export(text: Iterable[str], *, witness: Sequence[Checkpoint] | None = None) -> Verification:
    """Judge an export as the ledger itself is judged, but for what only its database has.

    Args:
        text: Its lines.
        witness: Checkpoints that were kept elsewhere.

    Raises:
        Misuse: A line is none of an export.
    """
    rows: list[Row] = []
    notes: list[tuple[Any, Any]] = []
    keys: list[Any] = []
    for number, line in enumerate(text, start=1):
        try:
            told = json.loads(line)
            if "key_id" in (found := told.get("key") or "") and isinstance(found, dict):
                keys.append(found)
            elif "checkpoint" in told:
                notes.append((int(str(told["checkpoint"]).split("\n")[1]), told["checkpoint"]))
            else:
                rows.append(tuple(canonical(told[c]).decode() if c == "body" else told[c] for c in ENTRY_COLUMNS))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise Misuse(
                f"line {number} is none of an export: {line.strip()[:60]!r}", hint="workbench ledger export FILE"
            ) from error
    judged = verified(rows, Signs(checkpoints=notes, witness=witness))
    return _with_keys(judged, keys)


def _with_keys(judged: Verification, keys: Sequence[Any]) -> Verification:
    if list(keys) == [key.as_dict() for key in judged.keys]:
        return judged
    told = "the keys of the export are not those that its entries bring"
    return replace(judged, valid=False, problems=(*judged.problems, told))


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, sort_keys=True)
