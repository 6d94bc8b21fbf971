"""The desk as tables: who holds a subscription, how far it is, what came of its events.

The commit is a compare-and-swap twice over: of the fence, which goes up each time that a subscription is
taken, and of each partition's position. No clock decides anything.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from workbench.errors import Misuse
from workbench.serving.events.port import (
    Batch,
    Claim,
    DeadLetter,
    FencedError,
    Output,
    Position,
    Standing,
    Subscription,
    check_topic,
)
from workbench.serving.events.tables import Database, Rows, add

LETTER = ("subscription", "part", "pos", "kind", "reason", "body", "size", "at", "tries")
STANDINGS = """
SELECT s.name, s.topic, s.model, s.target, s.stream, s.token, s.holder, s.fence, s.beats, s.version, s.scored,
  s.duplicates, (SELECT COUNT(*) FROM dead_letters d WHERE d.subscription = s.name AND d.redriven IS NULL),
  s.failures, s.problem, s.busy, s.at
FROM subscriptions s ORDER BY s.name
"""
MOST_KEYS = 500  # in one query


class TableDesk:
    """Subscriptions, outputs and dead letters as rows of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # who consumes

    def standings(self) -> list[Standing]:
        """How each subscription stands, by name."""
        with self._database.reading() as reader:
            rows = reader.run(STANDINGS)
            seen = reader.run("SELECT subscription, part, next, stop, logged FROM positions ORDER BY part")
        found = []
        for row in rows:
            places = [place[1:] for place in seen if place[0] == row[0]]
            position, ends, logged = ({place[0]: place[n] for place in places} for n in (1, 2, 3))
            found.append(Standing(Subscription(*row[:5]), position, ends, logged, *row[5:]))
        return found

    def standing(self, name: str, /) -> Standing | None:
        """How one stands; None where there is none of that name."""
        return next((found for found in self.standings() if found.subscription.name == name), None)

    def take(self, subscription: Subscription, holder: str, /, *, seen: Standing | None) -> Claim | None:
        """Take a subscription, made where it is not there; None where it moved since it was seen.

        Raises:
            Misuse: One of that name is another topic's, model's or target's.
        """
        s = subscription
        for topic in (s.topic, s.target):
            check_topic(topic)
        with self._database.writing() as writer:
            writer.change(
                "INSERT INTO subscriptions VALUES (?, ?, ?, ?, ?, ?, 0, 0, '', NULL, 0, 0, 0, '', 0, NULL) "
                "ON CONFLICT DO NOTHING",
                (s.name, secrets.token_hex(4), s.topic, s.stream, s.model, s.target),
            )
            sql = "SELECT token, topic, model, target, fence, beats FROM subscriptions WHERE name = ?"
            ((token, topic, model, target, fence, beats),) = writer.run(sql, (s.name,))
            if (topic, model, target) != (s.topic, s.model, s.target):
                raise Misuse(
                    f"the subscription {s.name!r} reads {topic!r} for {model!r} into {target!r}, and not "
                    f"{s.topic!r} for {s.model!r} into {s.target!r}",
                    hint="give the new one another name: --as NAME",
                )
            if (fence, beats) != ((seen.fence, seen.beats) if seen else (0, 0)):
                return None
            taken = writer.change(
                "UPDATE subscriptions SET fence = fence + 1, beats = 0, holder = ?, stream = ?, problem = '' "
                "WHERE name = ? AND fence = ? AND beats = ?",
                (holder, s.stream, s.name, fence, beats),
            )
        return Claim(s, token, fence + 1, orphaned=bool(seen and seen.holder)) if taken else None

    def release(self, claim: Claim, /) -> None:
        """Give it back; where it was taken by another already, nothing changes."""
        with self._database.writing() as writer:
            writer.change(
                "UPDATE subscriptions SET holder = '' WHERE name = ? AND fence = ?",
                (claim.subscription.name, claim.fence),
            )

    def beat(self, claim: Claim, /, *, ends: Position, logged: Position, problem: str = "", failed: int = 0) -> None:
        """Say that the holder lives, what it sees, and what keeps it from going on."""
        with self._database.writing() as writer:
            sets = "beats = beats + 1, problem = ?, failures = failures + ?"
            _hold(writer, claim, sets, (problem[:500], failed))
            _seen(writer, claim.subscription.name, ends, logged)

    # what comes of events

    def commit(self, claim: Claim, batch: Batch, /, *, now: datetime) -> int:
        """All that came of a batch, in one commit; how many outputs are new."""
        name, at = claim.subscription.name, _stamp(now)
        with self._database.writing() as writer:
            _hold(writer, claim, "beats = beats + 1", ())
            for part, after in batch.after.items():
                _move(writer, name, part, batch.before.get(part, 0), after)
            added = add(writer, claim.subscription.target, batch.outputs)
            writer.insert("dead_letters", LETTER, [_letter(name, one, at) for one in batch.dead])
            _seen(writer, name, batch.ends, batch.logged)
            _hold(
                writer, claim,
                "scored = scored + ?, duplicates = duplicates + ?, busy = busy + ?, version = COALESCE(?, version), "
                "problem = ?, at = ?",
                (added, len(batch.outputs) - added, batch.busy, batch.version, batch.problem[:500], at),
            )  # fmt: skip
        return added

    def outputs(self, target: str, keys: Sequence[bytes], /) -> dict[bytes, bytes]:
        """Bodies of the outputs that events with these keys have, by key."""
        found: dict[bytes, bytes] = {}
        with self._database.reading() as reader:
            for first in range(0, len(keys), MOST_KEYS):
                some = keys[first : first + MOST_KEYS]
                marks = ", ".join("?" * len(some))
                sql = (
                    "SELECT e.key, e.body FROM events e JOIN topics t ON e.topic = t.number "  # noqa: S608 (marks)
                    f"WHERE t.name = ? AND e.key IN ({marks})"
                )
                found.update((bytes(key), bytes(body)) for key, body in reader.run(sql, (target, *some)))
        return found

    # dead letters

    def dead_letters(self, name: str, /, *, limit: int | None = None) -> list[DeadLetter]:
        """A subscription's dead letters, oldest first."""
        sql = (
            "SELECT part, pos, kind, reason, body, size, at, tries, redriven FROM dead_letters WHERE subscription = ? "
            "ORDER BY at, part, pos LIMIT ?"
        )
        with self._database.reading() as reader:
            rows = reader.run(sql, (name, 1 << 40 if limit is None else limit))
        return [DeadLetter(*row) for row in rows]

    def redrive(
        self, subscription: Subscription, /, *, outputs: Sequence[Output], still: Sequence[DeadLetter],
        gone: Sequence[DeadLetter], now: datetime,
    ) -> int:  # fmt: skip
        """Add what came of dead letters after all (`gone`), note the others' new reasons; how many are new."""
        name, at = subscription.name, _stamp(now)
        where = "WHERE subscription = ? AND part = ? AND pos = ? AND redriven IS NULL"
        with self._database.writing() as writer:
            writer.change("UPDATE subscriptions SET scored = scored WHERE name = ?", (name,))  # takes its row first
            for one in gone:
                writer.change(f"UPDATE dead_letters SET redriven = ? {where}", (at, name, one.partition, one.offset))  # noqa: S608
            for one in still:
                writer.change(
                    f"UPDATE dead_letters SET kind = ?, reason = ?, tries = tries + 1 {where}",  # noqa: S608
                    (one.kind, one.reason, name, one.partition, one.offset),
                )
            added = add(writer, subscription.target, outputs)
            writer.change("UPDATE subscriptions SET scored = scored + ? WHERE name = ?", (added, name))
        return added

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def _hold(writer: Rows, claim: Claim, sets: str, values: Sequence[Any]) -> None:
    """Change the subscription's row if the claim holds.

    Raises:
        FencedError: It does not.
    """
    sql = f"UPDATE subscriptions SET {sets} WHERE name = ? AND fence = ?"  # noqa: S608 (our own words)
    if writer.change(sql, (*values, claim.subscription.name, claim.fence)) != 1:
        raise FencedError(
            f"another consumer has taken {claim.subscription.name!r} over",
            hint="one consumer a subscription; give a second one its own name: --as NAME",
        )


def _move(writer: Rows, name: str, part: int, before: int, after: int) -> None:
    """Move a position.

    Raises:
        FencedError: It is not where it was.
    """
    writer.change(
        "INSERT INTO positions (subscription, part, next, stop, logged) VALUES (?, ?, 0, 0, 0) ON CONFLICT DO NOTHING",
        (name, part),
    )
    sql = "UPDATE positions SET next = ? WHERE subscription = ? AND part = ? AND next = ?"
    if writer.change(sql, (after, name, part, before)) != 1:
        raise FencedError(
            f"{name!r} is no longer at {before} of partition {part}", hint="another consumer moved it; start again"
        )


def _seen(writer: Rows, name: str, ends: Position, logged: Position) -> None:
    sql = (
        "INSERT INTO positions (subscription, part, next, stop, logged) VALUES (?, ?, 0, ?, 0) "
        "ON CONFLICT (subscription, part) DO UPDATE SET stop = excluded.stop"
    )
    for part, end in ends.items():
        writer.change(sql, (name, part, end))
    for part, offset in logged.items():
        writer.change("UPDATE positions SET logged = ? WHERE subscription = ? AND part = ?", (offset, name, part))


def _letter(name: str, one: DeadLetter, at: str) -> tuple[Any, ...]:
    return (name, one.partition, one.offset, one.kind, one.reason[:2000], one.body, one.size, at, one.tries)


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
