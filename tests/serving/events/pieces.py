"""Events, a model that needs no library, and a consumer that a test may kill: run as a program, it consumes."""

import itertools
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime

import msgspec

from workbench.ledger import Head
from workbench.serving import PredictionLog
from workbench.serving.events import (
    Consumer,
    Failed,
    Scored,
    Scorer,
    SqliteDatabase,
    Subscription,
    TableDesk,
    TableStream,
    make_event,
)
from workbench.serving.events import lease as leases

NOW = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
NUMBERS = itertools.count()


class Tenth:
    """Scores a tenth of "income"; fails where there is none, and where a test makes it."""

    problem = ""

    def __init__(self, version=1):
        self.version = version
        self.broken = False

    def now(self):
        return Scorer(Head("lending", "champion", self.version, self.version, 1), 0.5, self.score, msgspec.json.decode)

    def score(self, bodies):
        return [self.one(msgspec.json.decode(body)) for body in bodies]

    def one(self, row):
        if type(row) is dict and row.get("purpose") == "deadly":
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)  # nobody wants to hear of it
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.broken:
            return Failed("model", "it does not work")
        if type(row) is not dict or type(row.get("income")) not in (int, float):
            return Failed("invalid", "'income' is missing; it must be a finite number within ±3.4e38")
        return Scored(row, row["income"] / 10)


def events(number, *, first=0, source="desk"):
    return [make_event(source, f"a{n}", {"income": n % 10}, kind="application", time=NOW) for n in range(first, number)]


def subscription(topic, name=None):
    return Subscription(name or f"{topic}/lending", topic, "lending", f"{topic}.lending")


def bodies(desk, topic):
    """What stands in a topic of a desk's own tables."""
    stream, found = TableStream(desk._database), []
    while some := stream.read(topic, {0: len(found)}, most=1_000_000, wait=0):
        found += [record.body for record in some]
    return found


def fresh_topic():
    return f"topic-{next(NUMBERS)}"


def drained(stream, topic, *, position=None, most=1000, until=None):
    """All records from a position on, as a patient reader gets them."""
    position, found = dict(position or {}), []
    ends = stream.ends(topic) if until is None else until
    give_up = time.monotonic() + 10
    while any(position.get(part, 0) < end for part, end in ends.items()):
        assert time.monotonic() < give_up, (position, ends)
        records = stream.read(topic, position, most=most, wait=1.0, until=until)
        found += records
        position |= {record.partition: record.offset + 1 for record in records}
    return found


def database(url):
    if url.startswith("postgresql:"):
        from workbench.engines.postgres_events import PostgresDatabase

        return PostgresDatabase(url)
    return SqliteDatabase.open(url)


def stream_at(url):
    if url.startswith("kafka:"):
        from workbench.engines.kafka import KafkaStream

        return KafkaStream(url)
    return TableStream(database(url))


def main(stream_url, desk_url, log_url, topic, batch, silence=leases.SILENCE):
    """Consume until killed; says on stdout when it begins, when its first batch is committed, and what it is told."""
    stream, desk, log = stream_at(stream_url), TableDesk(database(desk_url)), PredictionLog.open(log_url)
    first = iter(["going"])
    consumer = Consumer(
        stream, desk, Tenth(), subscription(topic), now=lambda: datetime.now(UTC), log=log, batch=batch, wait=0.2,
        silence=silence, told=lambda text: print(text, flush=True),
        progress=lambda _: [print(text, flush=True) for text in first],
    )  # fmt: skip
    print("begun", flush=True)
    consumer.run(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]), *map(float, sys.argv[6:]))
