"""Events: models that subscribe to topics instead of being called, each event scored once.

A stream holds events in CloudEvents' form, a desk holds outputs and positions; what comes of a batch and how
far it was read change in one commit of the desk, so that a kill at any point loses and doubles nothing.
"""

from __future__ import annotations

from workbench.serving.events.champion import Champion, Failed, Scored, Scorer
from workbench.serving.events.cloud_event import Event, Malformed, make_event, read_event
from workbench.serving.events.consumer import Consumer, Tally
from workbench.serving.events.desk import TableDesk
from workbench.serving.events.exposition import events_exposition
from workbench.serving.events.port import (
    Batch,
    Claim,
    DeadLetter,
    Desk,
    FencedError,
    LostError,
    Output,
    Record,
    Standing,
    Stream,
    Subscription,
    check_topic,
)
from workbench.serving.events.redriving import Redriven, redrive
from workbench.serving.events.sqlite import SqliteDatabase
from workbench.serving.events.tables import Database, TableStream

__all__ = [
    "Batch",
    "Champion",
    "Claim",
    "Consumer",
    "Database",
    "DeadLetter",
    "Desk",
    "Event",
    "Failed",
    "FencedError",
    "LostError",
    "Malformed",
    "Output",
    "Record",
    "Redriven",
    "Scored",
    "Scorer",
    "SqliteDatabase",
    "Standing",
    "Stream",
    "Subscription",
    "TableDesk",
    "TableStream",
    "Tally",
    "check_topic",
    "events_exposition",
    "make_event",
    "read_event",
    "redrive",
]
