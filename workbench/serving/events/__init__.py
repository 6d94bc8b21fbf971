"""Events: models that subscribe to topics instead of being called, each event scored once.

A stream holds events in CloudEvents' form, a desk holds outputs and positions; what comes of a batch and how
far it was read change in one commit of the desk, so that a kill at any point loses and doubles nothing.

What is promised: each event that a stream still has gets one output or one dead letter, whoever is killed, stopped
or restarted; an event is known by its (source, id), and the first of two counts. Within a partition outputs keep the
order of their events, but those that were dead letters first: they come when they are redriven.

What is not: that a model sees an event once (after a kill it is scored again, and what came of it before was
never seen); that others act once on outputs, which have ids for that; events that a broker's retention deleted
before they were read (the consumer stops and says so); a consumer of one subscription in several processes at
once (the others wait). On SQLite a process that is stopped in the middle of a commit, neither going on nor
dead, keeps the file locked, and nobody can take over; PostgreSQL puts it out after five seconds.
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
