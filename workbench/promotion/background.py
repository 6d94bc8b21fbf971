"""What the ledger knows of a version that somebody wants to move, read in one statement.

The findings about it and about the champion, the windows of their data, what the model is declared to be, and
what lies behind the version: all as of one moment, and no more of a long past than the last of each kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter

from workbench.evidence import Dossier
from workbench.evidence.dossier import EVIDENCE, RETAINED, filed
from workbench.ledger import Entry, Head, Ledger, Wanted
from workbench.ledger.versions import REGISTERED, registered
from workbench.promotion.declarations import DECLARED, Stakes, told_by
from workbench.promotion.stages import CHAMPION, Past, Stage, past_of, stage_of

REJECTED, RETIRED, GRANTED = "candidate.rejected", "version.retired", "promotion.granted"
MADE = (REGISTERED, EVIDENCE)  # what a dossier is made of


@dataclass(frozen=True)
class Background:
    """What a policy's question about one version rests on."""

    candidate: Dossier
    champion: Dossier | None
    stakes: Stakes
    granted: Entry | None  # the last promotion of the candidate
    rejection: Entry | None  # that still stands: no evidence about the candidate came after it
    stage: Stage


def background(ledger: Ledger, model: str, version: int, heads: Mapping[str, Head | None]) -> Background:
    """What is known of a version now.

    Args:
        ledger: Where it is read.
        model: The version's model.
        version: Its number.
        heads: The model's slots, by name.

    Raises:
        Misuse: There is no such version.
    """
    about, head = f"{model}/{version}", heads.get(CHAMPION)
    first = head.version if head is not None else None
    told, theirs, rejected, retired, granted, retained, declared = ledger.gather(
        Wanted(MADE, about),
        Wanted(MADE, f"{model}/{first}"),
        Wanted((REJECTED,), about, newest=True),
        Wanted((RETIRED,), about, newest=True),
        Wanted((GRANTED,), about, newest=True),
        Wanted((RETAINED,)),
        Wanted((DECLARED,), model, newest=True),
    )
    candidate = registered(told, model, version) or ledger.version(model, version)
    champion = None if first is None else registered(theirs, model, first) or ledger.version(model, first)
    newest = [entry for entry in told if entry.kind == EVIDENCE][-1:]
    return Background(
        filed(ledger, candidate, told, retained),
        None if champion is None else filed(ledger, champion, theirs, retained),
        told_by(declared[0]).stakes if declared else "normal",
        granted[0] if granted else None,
        standing(newest, rejected),
        stage_of(version, _held(heads), _past(newest, rejected, retired, granted)),
    )


def stage(ledger: Ledger, model: str, version: int, heads: Mapping[str, Head | None]) -> Stage:
    """Where a version stands."""
    kinds = (EVIDENCE, REJECTED, RETIRED, GRANTED)
    newest = ledger.gather(*(Wanted((kind,), f"{model}/{version}", newest=True) for kind in kinds))
    return stage_of(version, _held(heads), _past(*newest))


def rejection(ledger: Ledger, subject: str) -> Entry | None:
    """The rejection of a version that still stands."""
    return standing(*ledger.gather(*(Wanted((kind,), subject, newest=True) for kind in (EVIDENCE, REJECTED))))


def standing(evidence: list[Entry], rejected: list[Entry]) -> Entry | None:
    """The last rejection, if no evidence came after it; of each kind the newest entry is given, where there is one."""
    last = max((*evidence, *rejected), key=attrgetter("seq"), default=None)
    return last if last is not None and last.kind == REJECTED else None


def _past(*newest: list[Entry]) -> Past:
    # whoever was brought back had been promoted before, so promotions alone tell who was champion
    return past_of(sorted((entry for found in newest for entry in found), key=attrgetter("seq")))


def _held(heads: Mapping[str, Head | None]) -> dict[str, int | None]:
    return {slot: head.version if head else None for slot, head in heads.items()}
