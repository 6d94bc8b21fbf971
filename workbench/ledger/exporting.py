"""An export: one file that an auditor takes along, and can check without the workbench.

JSON lines: an entry a line in their order, then `{"key": …}` for each public key, then `{"checkpoint": …}`
for each signed checkpoint, then `{"effect": …}` for everything that the world outside was ever owed: its number,
the entry that caused it, to whom, and what it says. The shipped `verify_ledger.py` checks it with nothing of ours.

Rules: a reader passes over what it does not know, so an auditor's older `verify_ledger.py` still reads a newer
export; an older export has no effects and is judged without them. Effects are held against their entries, but an
export cannot show that none was left out; and whether one was settled is the registry's state, not told here
(`workbench reconcile` tells).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from workbench.errors import Misuse
from workbench.ledger.checkpoints import Checkpoint
from workbench.ledger.database import Row
from workbench.ledger.dsse import read_json
from workbench.ledger.effects import unowed
from workbench.ledger.entry import canonical, read_body
from workbench.ledger.keys import LedgerKey
from workbench.ledger.rows import from_row
from workbench.ledger.schema import ENTRY_COLUMNS
from workbench.ledger.verification import Signs, Verification, verified


def lines(
    rows: Iterable[Row], keys: Sequence[LedgerKey], checkpoints: Sequence[Checkpoint], effects: Iterable[Row]
) -> Iterator[str]:
    """The lines of an export.

    Args:
        rows: The entries.
        keys: The public keys, in the order in which they came.
        checkpoints: The signed ones, the smallest first.
        effects: What `effects.EFFECTS` reads.
    """
    for row in rows:
        yield _line(from_row(row).as_dict())
    for key in keys:
        yield _line({"key": key.as_dict()})
    for checkpoint in checkpoints:
        yield _line({"checkpoint": checkpoint.note})
    for number, seq, target, payload, *_ in effects:
        yield _line({"effect": {"id": number, "seq": seq, "target": target, "payload": _payload(payload)}})


def verify_export(text: Iterable[str], *, witness: Sequence[Checkpoint] | None = None) -> Verification:
    """Judge an export as the ledger itself is judged, but for what only its database has.

    Args:
        text: Its lines.
        witness: Checkpoints that were kept elsewhere.

    Raises:
        Misuse: A line is none of an export, or there is no entry in it.
    """
    rows: list[Row] = []
    notes: list[tuple[Any, Any]] = []
    keys: list[Any] = []
    owed: list[tuple[int, int, str | None, str]] = []
    for number, line in enumerate(text, start=1):
        try:
            told = read_json(line)
            if "key_id" in (found := told.get("key") or "") and isinstance(found, dict):
                keys.append(found)
            elif "checkpoint" in told:
                notes.append((int(str(told["checkpoint"]).split("\n")[1]), told["checkpoint"]))
            elif "effect" in told:
                effect = told["effect"]
                payload = canonical(effect["payload"]).decode()
                owed.append((int(effect["id"]), int(effect["seq"]), effect.get("target"), payload))
            else:
                rows.append(tuple(canonical(told[c]).decode() if c == "body" else told[c] for c in ENTRY_COLUMNS))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise Misuse(
                f"line {number} is none of an export: {line.strip()[:60]!r}", hint="workbench ledger export FILE"
            ) from error
    if not rows:
        raise Misuse("there is no entry in it, so it is no export of a ledger", hint="workbench ledger export FILE")
    judged = verified(rows, Signs(checkpoints=notes, witness=witness))
    problems = [*judged.problems, *_effects(rows, owed)]
    if keys != [key.as_dict() for key in judged.keys]:
        problems.append("the keys of the export are not those that its entries bring")
    return replace(judged, valid=not problems, problems=tuple(problems))


def _effects(rows: Sequence[Row], owed: Sequence[tuple[int, int, str | None, str]]) -> Iterator[str]:
    """What is wrong with the effects of an export, beside the entries in it."""
    caused = {row[0]: (row[2], row[3], row[6]) for row in rows}  # kind, subject, body
    yield from unowed(((*effect, *caused.get(effect[1], (None, None, None))) for effect in owed), None)
    numbers = [number for number, *_ in owed]
    if numbers != sorted(set(numbers)):
        yield "the effects of the export are not in their order, each once"


def _payload(text: str) -> Any:
    try:
        return read_body(text)
    except (ValueError, TypeError):
        return text  # damaged: told as it is, and found by whoever checks


def _line(told: dict[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, sort_keys=True)
