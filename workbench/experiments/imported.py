"""Past experiments from elsewhere, brought into the archive: a table with a row an effect.

    experiment,metric,effect,error,scale,date,hypothesis,decision,lesson
    checkout-1,conversion,0.021,0.012,relative,2025-03-01,A shorter form raises sales,ship,Fewer fields help

`experiment`, `metric`, `effect` and `error` (a standard error) are needed; `arm` tells several arms
apart, `scale` is relative where nothing is said, `lower` says with true that less is better. A row
that cannot be used is refused with its number before anything is written; the same table brought in
again adds nothing, and an experiment whose rows have changed is told anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scipy import special

from workbench.errors import Misuse
from workbench.experiments.archive import CERTAINTY, IMPORTED, PREFIX, Archive, imported
from workbench.ledger import Entry, Ledger, digest
from workbench.stats.effects import Scale
from workbench.stats.learning import told

NEEDED = ("experiment", "metric", "effect", "error")
TEXTS = ("hypothesis", "decision", "lesson", "owner")  # of an experiment; any of its rows may say them
KNOWN = frozenset({*NEEDED, *TEXTS, "arm", "scale", "date", "lower"})
LONGEST = 1000  # characters of a text
YES, NO = frozenset({"true", "1", "yes"}), frozenset({"", "false", "0", "no"})
ARM = "treated"  # where no arm is named


@dataclass(frozen=True)
class Import:
    """What bringing in a table did, or would do."""

    added: tuple[str, ...]  # experiments, in the table's order
    known: tuple[str, ...]  # those that the archive holds already, word for word
    effects: int  # rows of those added


def read_pasts(path: Path, *, now: datetime) -> Archive:
    """Past experiments of a table, without a ledger.

    Args:
        path: A CSV or Parquet file.
        now: When experiments without a date are taken to have ended.

    Raises:
        Misuse: The file cannot be read, a column is missing or unknown, or a row cannot be used.
    """
    found = [imported(name, body, owner="", at=now) for name, body in _bodies(path).items()]
    return Archive(tuple(sorted(found, key=lambda past: past.at, reverse=True)))


def import_pasts(ledger: Ledger, path: Path, *, actor: str, now: datetime, dry_run: bool = False) -> Import:
    """Bring the experiments of a table into the ledger, all or none.

    Args:
        ledger: Where they are told.
        path: A CSV or Parquet file.
        actor: Who brings them in; owner of those for whom none is named.
        now: The time, aware.
        dry_run: Check everything, write nothing.

    Raises:
        Misuse: The file cannot be read, a column is missing or unknown, or a row cannot be used.
    """
    bodies = _bodies(path)
    with ledger.transaction() as writer:
        last = {entry.subject: entry for entry in ledger.entries(kind=IMPORTED)}
        new = [name for name, body in bodies.items() if not _is_told(last.get(PREFIX + name), body)]
        for name in [] if dry_run else new:
            writer.append(
                IMPORTED,
                subject=PREFIX + name,
                actor=actor,
                why=bodies[name]["sentence"],
                body=bodies[name],
                now=now,
            )
    effects = sum(len(arms) for name in new for arms in bodies[name]["metrics"].values())
    return Import(tuple(new), tuple(name for name in bodies if name not in new), effects)


def _is_told(entry: Entry | None, body: Mapping[str, Any]) -> bool:
    return entry is not None and digest(entry.body) == digest(body)


def _bodies(path: Path) -> dict[str, dict[str, Any]]:
    """What each experiment of a table is told as, by name.

    Raises:
        Misuse: A row cannot be used.
    """
    bodies: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(_rows(path), start=1):
        try:
            _add(bodies, row)
        except ValueError as error:
            raise Misuse(f"{path}, row {number}: {error}", hint="mend the row, or leave it out") from error
    for body in bodies.values():
        body["sentence"], body["verdict"] = _said(body["metrics"])
        body["order"] = list(body["metrics"])
    return bodies


def _rows(path: Path) -> list[dict[str, str]]:
    """The table's cells as texts; a missing one is empty.

    Raises:
        Misuse: A column is missing or unknown.
    """
    from workbench.data.tables import read_table

    frame = read_table(path)
    columns = [str(column).strip() for column in frame.columns]
    lacking, unknown = [name for name in NEEDED if name not in columns], sorted(set(columns) - KNOWN)
    if lacking or unknown:
        told_ = f"has no column {lacking[0]!r}" if lacking else f"has a column {unknown[0]!r} of no meaning here"
        raise Misuse(f"{path} {told_}", hint=f"the columns are {', '.join((*NEEDED, *sorted(KNOWN - set(NEEDED))))}")
    texts = frame.astype(object).where(frame.notna(), "").to_numpy().tolist()
    return [dict(zip(columns, (str(cell).strip() for cell in cells), strict=True)) for cells in texts]


def _add(bodies: dict[str, dict[str, Any]], row: Mapping[str, str]) -> None:
    """One row, into the body of its experiment.

    Raises:
        ValueError: It cannot be used.
    """
    name, metric, arm = _text(row, "experiment"), _text(row, "metric"), _text(row, "arm") or ARM
    if not (name and metric):
        raise ValueError("the experiment or the metric has no name")
    body = bodies.setdefault(name, {"at": "", **dict.fromkeys(TEXTS, ""), "metrics": {}})
    for field, value in [("at", _day(row)), *((text, _text(row, text)) for text in TEXTS)]:
        if value and body[field] not in {"", value}:
            raise ValueError(f"{name} had another {'date' if field == 'at' else field} before: {body[field]!r}")
        body[field] = value or body[field]
    arms = body["metrics"].setdefault(metric, {})
    if arm in arms:
        raise ValueError(f"{name} has {metric} of {arm} twice; name arms apart in a column arm")
    arms[arm] = _effect(row)


def _effect(row: Mapping[str, str]) -> dict[str, Any]:
    """An effect as `ArmEffect` has it.

    Raises:
        ValueError: A number or the scale cannot be used.
    """
    effect, error = _number(row, "effect"), _number(row, "error")
    if error <= 0:
        raise ValueError(f"error is {row['error']}; a standard error is above zero")
    scale, lower = row.get("scale") or "relative", row.get("lower", "").casefold()
    if scale not in {"relative", "absolute"} or lower not in YES | NO:
        raise ValueError(f"scale is {scale!r}, lower {lower!r}; relative or absolute, true or false are known")
    relative = scale == "relative"
    chance = float(special.ndtr(effect / error * (-1 if lower in YES else 1)))
    verdict = "better" if chance >= CERTAINTY else "worse" if chance <= 1 - CERTAINTY else "not enough evidence"
    return {
        "effect": None if relative else effect,
        "error": None if relative else error,
        "relative": effect if relative else None,
        "relative_error": error if relative else None,
        "n": None,
        "chance_to_win": chance,
        "verdict": verdict,
    }


def _said(metrics: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> tuple[str, str]:
    """Sentence and verdict of an experiment, by its first metric."""
    metric, arms = next(iter(metrics.items()))
    parts = []
    for arm, e in arms.items():
        scale: Scale = "absolute" if e["relative"] is None else "relative"
        effect, error = (e["effect"], e["error"]) if scale == "absolute" else (e["relative"], e["relative_error"])
        parts.append(f"{arm}: {metric} {told(effect, scale)} (standard error {told(error, scale).removeprefix('+')})")
    verdicts = {e["verdict"] for e in arms.values()}
    verdict = "pass" if "better" in verdicts else "fail" if verdicts == {"worse"} else "not enough evidence"
    return "; ".join(parts) + ".", verdict


def _text(row: Mapping[str, str], column: str) -> str:
    text = " ".join(row.get(column, "").split())
    if len(text) > LONGEST or not text.isprintable():
        raise ValueError(f"{column} is longer than {LONGEST} characters or holds control characters")
    return text


def _number(row: Mapping[str, str], column: str) -> float:
    try:
        number = float(row[column])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{column} is {row[column]!r}; it must be a number")
    return number


def _day(row: Mapping[str, str]) -> str:
    if not row.get("date"):
        return ""
    try:
        at = datetime.fromisoformat(row["date"])
    except ValueError:
        raise ValueError(f"date is {row['date']!r}; it must be like 2026-01-31") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
