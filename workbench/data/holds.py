"""Legal holds: what may not be removed whatever its window says, until somebody releases it; pure, no IO.

A hold is an entry `retention.held`, its end an entry `retention.released`; the newest of the two about a subject
counts. Its subject is that of a window ("data/DIGEST", "predictions/MODEL", "predictions/*", "logs"), or
"model/NAME": then all that is known of a model is held, its answers, the data its versions learned from, and the
logs of all servers, which do not lie apart by model.

>>> holds([])
{}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.data.retention import ALL, LOGS, PREDICTIONS, subject_checked
from workbench.ledger import Entry

HELD, RELEASED = "retention.held", "retention.released"
MODEL = "model/"


@dataclass(frozen=True)
class Hold:
    """One thing that may not be removed."""

    subject: str
    why: str
    by: str
    since: datetime  # aware
    seq: int  # its entry

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        since = self.since.isoformat()
        return {"subject": self.subject, "why": self.why, "by": self.by, "since": since, "entry": self.seq}

    @property
    def sentence(self) -> str:
        """It in words."""
        return f"a legal hold since {self.since:%Y-%m-%d} (entry {self.seq}, {self.by}): {self.why}"


def held_subject(name: str) -> str:
    """The subject, if it can be held.

    Raises:
        Misuse: It is of no known form.
    """
    return subject_checked(name, also=(MODEL,))


def holds(entries: Iterable[Entry]) -> dict[str, Hold]:
    """The holds that stand, by subject.

    Args:
        entries: Of the ledger, in their order; others are passed over.
    """
    found: dict[str, Hold] = {}
    for entry in entries:
        if entry.kind == HELD:
            found[entry.subject] = Hold(entry.subject, entry.why, entry.actor, entry.at, entry.seq)
        elif entry.kind == RELEASED:
            found.pop(entry.subject, None)
    return found


def over_answers(standing: Mapping[str, Hold], model: str) -> Hold | None:
    """The hold by which the answers of a model are kept."""
    named = (f"{MODEL}{model}", f"{PREDICTIONS}{model}", ALL)
    return next((standing[subject] for subject in named if subject in standing), None)


def over_logs(standing: Mapping[str, Hold]) -> Hold | None:
    """The hold by which the logs of servers are kept."""
    held = [hold for subject, hold in standing.items() if subject == LOGS or subject.startswith(MODEL)]
    return min(held, key=lambda hold: hold.seq, default=None)


def over_data(standing: Mapping[str, Hold], subject: str, model: str) -> Hold | None:
    """The hold by which a body of data, "data/DIGEST", is kept that a version of a model learned from."""
    return standing.get(subject) or standing.get(f"{MODEL}{model}")
