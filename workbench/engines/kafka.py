"""Topics of a Kafka broker, by confluent-kafka; positions stay at our desk, and no consumer group has any.

Partitions are assigned by hand at the positions that the desk gives, so that what the broker knows of its
readers decides nothing. A broker that is away is an `EngineError`; once it is back, reading goes on where
the desk says. Events that retention deleted before they were read are a `LostError`, never skipped in silence.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from workbench.errors import EngineError, Misuse
from workbench.serving.events.cloud_event import Event, from_binary
from workbench.serving.events.port import BYTES, LostError, Position, Record, check_topic

SECONDS = 10.0  # that a broker may take to answer
PARTITIONS = 30.0  # seconds between two looks at a topic's partitions
GATHER = 0.05  # seconds that a batch with few events waits for more
PAUSE = 0.1  # seconds between two tries
MESSAGES = 256  # taken from the client at once
PREFIX = "ce_"  # of headers that are an event's attributes
ALLOWED = {"security.protocol", "sasl.mechanism", "ssl.ca.location", "ssl.certificate.location", "ssl.key.location"}
CONTENT = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


class KafkaStream:
    """Topics of one cluster; belongs to one thread."""

    def __init__(self, url: str, *, seconds: float = SECONDS) -> None:
        """A cluster.

        Args:
            url: "kafka://HOST:PORT,HOST:PORT"; a user and a password before an @ are SASL's, and settings of
                the client may follow as a query: security.protocol, sasl.mechanism and ssl.*.location.
            seconds: That a broker may take to answer.

        Raises:
            Misuse: The URL is of another kind.
            EngineError: confluent-kafka is not installed.
        """
        try:
            import confluent_kafka.admin
        except ImportError as error:
            raise EngineError("Kafka needs confluent-kafka", hint="pip install 'workbench[kafka]'") from error
        self._kafka: Any = confluent_kafka
        self.place, settings = settings_of(url)
        self._settings = {
            **settings,
            "socket.timeout.ms": max(10, int(seconds * 1000)),
            "log_level": 0,
            "reconnect.backoff.max.ms": 1000,
        }
        self._seconds = seconds
        self._down = ""  # what the client said when it lost all brokers
        self._producer: Any = None
        self._consumer: Any = None
        self._admin: Any = None  # its connection does not wait behind a fetch
        self._assigned: tuple[str, dict[int, int]] | None = None  # topic, and the next offset by partition
        self._partitions: dict[str, tuple[list[int], float]] = {}

    def append(self, topic: str, events: Sequence[Event], /) -> int:
        """Add events, each acknowledged by the broker; events of one subject keep their order.

        Raises:
            EngineError: The broker did not take all; what it took is there, and taken once if it is sent again.
        """
        check_topic(topic)
        if self._producer is None:
            self._producer = self._kafka.Producer({
                **self._settings, "enable.idempotence": True, "linger.ms": 5,
                "delivery.timeout.ms": max(10, int(self._seconds * 1000)), "error_cb": self._failed,
            })  # fmt: skip
        problems: list[str] = []

        def delivered(error: Any, _: Any) -> None:
            if error is not None:
                problems.append(str(error.str()))

        for event in events:
            key = (event.subject or f"{event.source} {event.id}").encode()
            while True:
                try:
                    self._producer.produce(topic, event.body(), key, on_delivery=delivered, headers=CONTENT)
                    break
                except BufferError:
                    self._producer.poll(0.1)
                except self._kafka.KafkaException as error:
                    raise self._error(f"an event was refused: {_told(error)}") from error
            self._producer.poll(0)
        left = self._producer.flush(2 * self._seconds)
        if left or problems:
            raise self._error(problems[0] if problems else f"{left} events were not acknowledged")
        return len(events)

    def read(
        self, topic: str, position: Position, /, *, most: int, wait: float, until: Position | None = None
    ) -> list[Record]:
        """Events from a position on."""
        wanted = {part: position.get(part, 0) for part in self._parts(topic)}
        if until is not None:
            wanted = {part: first for part, first in wanted.items() if first < until.get(part, 0)}
        if not wanted:
            return []
        consumer = self._reader()
        if self._assigned != (topic, wanted):
            begin = self._kafka.OFFSET_BEGINNING
            consumer.assign([self._kafka.TopicPartition(topic, part, at or begin) for part, at in wanted.items()])
        self._assigned = None  # until it is known what was read
        records = self._consumed(consumer, most, wait, until)
        if not records and self._down:
            self._parts(topic, fresh=True)
            self._down = ""
        if until is None:
            self._assigned = (topic, wanted | {record.partition: record.offset + 1 for record in records})
        return records

    def ends(self, topic: str, /) -> Position:
        """The offset that the next event of each partition gets."""
        latest = self._kafka.admin.OffsetSpec.latest()
        places = {self._kafka.TopicPartition(topic, part): latest for part in self._parts(topic)}
        give_up = time.monotonic() + self._seconds
        while True:
            asked = self._manager().list_offsets(places, request_timeout=self._seconds)
            try:
                return {place.partition: int(found.result(2 * self._seconds).offset) for place, found in asked.items()}
            except (self._kafka.KafkaException, TimeoutError) as error:
                if not self._moving(error) or time.monotonic() > give_up:
                    raise self._error(_told(error)) from error
            time.sleep(PAUSE)

    def close(self) -> None:
        """Leave the cluster."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(Exception):
                consumer.close()
        self._producer = self._admin = None

    def _consumed(self, consumer: Any, most: int, wait: float, until: Position | None) -> list[Record]:
        records = []
        for message in self._messages(consumer, most, wait):
            error = message.error()
            if error is None:
                self._down = ""
                record = Record(message.partition(), message.offset(), _body(message))
                if until is None or record.offset < until.get(record.partition, 0):
                    records.append(record)
            elif error.code() in {
                self._kafka.KafkaError._AUTO_OFFSET_RESET,
                self._kafka.KafkaError.OFFSET_OUT_OF_RANGE,
            }:
                raise LostError(
                    f"events of {message.topic()!r} that were not read yet are gone from the broker: {error.str()}",
                    hint="lengthen the topic's retention; --as NAME begins anew with what is there",
                )
            elif not records and error.code() != self._kafka.KafkaError._PARTITION_EOF:
                raise self._error(error.str())
        return records

    def _messages(self, consumer: Any, most: int, wait: float) -> Iterator[Any]:
        """What is there, at most so many and not much more than BYTES."""
        first = consumer.poll(wait)
        if first is None:
            return
        yield first
        taken, size = 1, len(first)
        while (left := min(MESSAGES, most - taken)) and size < BYTES:
            some = consumer.consume(left, GATHER if wait else 0)
            yield from some
            taken += len(some)
            size += sum(map(len, some))
            if len(some) < left:
                return

    def _reader(self) -> Any:
        if self._consumer is None:
            self._consumer = self._kafka.Consumer({
                **self._settings, "group.id": "workbench", "enable.auto.commit": False,
                "enable.auto.offset.store": False, "auto.offset.reset": "error", "isolation.level": "read_committed",
                "queued.max.messages.kbytes": 16384, "fetch.wait.max.ms": 50, "error_cb": self._failed,
            })  # fmt: skip
        return self._consumer

    def _manager(self) -> Any:
        if self._admin is None:
            self._admin = self._kafka.admin.AdminClient({**self._settings, "error_cb": self._failed})
        return self._admin

    def _parts(self, topic: str, *, fresh: bool = False) -> list[int]:
        """The numbers of a topic's partitions.

        Raises:
            EngineError: No broker answers, or there is no such topic.
        """
        known = self._partitions.get(topic)
        if known and not fresh and time.monotonic() - known[1] < PARTITIONS:
            return known[0]
        try:
            found = self._manager().list_topics(check_topic(topic), timeout=self._seconds).topics[topic]
        except self._kafka.KafkaException as error:
            raise self._error(_told(error)) from error
        if found.error is not None or not found.partitions:
            raise EngineError(
                f"the topic {topic!r} cannot be read at {self.place}: {found.error or 'it has no partitions'}",
                hint="make it with the broker's own tools, with as many partitions as it needs",
            )
        parts = sorted(found.partitions)
        self._partitions[topic] = (parts, time.monotonic())
        return parts

    def _moving(self, error: Any) -> bool:
        """Whether a partition has no leader just now, as for a moment after it was made."""
        first = error.args[0] if error.args else None
        kinds = (self._kafka.KafkaError.NOT_LEADER_FOR_PARTITION, self._kafka.KafkaError.LEADER_NOT_AVAILABLE)
        return isinstance(first, self._kafka.KafkaError) and first.code() in kinds

    def _failed(self, error: Any) -> None:
        if error.code() == self._kafka.KafkaError._ALL_BROKERS_DOWN:
            self._down = error.str()

    def _error(self, told: str) -> EngineError:
        return EngineError(f"Kafka at {self.place}: {told}", hint="look at the broker; what was begun is tried again")


def _body(message: Any) -> bytes:
    """A message's event in the structured form, whichever form it came in."""
    value = message.value() or b""
    headers = [(name.lower(), (text or b"").decode("utf-8", "replace")) for name, text in message.headers() or ()]
    kind = next((text for name, text in headers if name == "content-type"), None)
    attributes = {name.removeprefix(PREFIX): text for name, text in headers if name.startswith(PREFIX)}
    if not attributes or (kind or "").lower().startswith("application/cloudevents"):
        return bytes(value)
    return from_binary(attributes, kind, value)


def _told(error: BaseException) -> str:
    """A client's error in words."""
    first: Any = error.args[0] if error.args else None
    return str(first.str()) if hasattr(first, "str") else "it did not answer in time"


def settings_of(url: str) -> tuple[str, dict[str, Any]]:
    """Where a cluster is, without secrets, and the client's settings.

    Raises:
        Misuse: The URL is of another kind.

    >>> settings_of("kafka://desk:s3cret@broker:9092?security.protocol=SASL_SSL")[0]
    'broker:9092'
    """
    at = urlsplit(url)
    user, _, servers = at.netloc.rpartition("@")
    given = dict(parse_qsl(at.query))
    if at.scheme != "kafka" or not servers or at.path.strip("/"):
        raise Misuse("the URL is no kafka://HOST:PORT", hint="e.g. kafka://127.0.0.1:9092")
    if strange := sorted(set(given) - ALLOWED):
        raise Misuse(f"kafka:// takes no {strange[0]!r}", hint=f"it takes {', '.join(sorted(ALLOWED))}")
    settings: dict[str, Any] = {"bootstrap.servers": servers, **given}
    if user:
        name, _, password = user.partition(":")
        settings |= {"sasl.username": unquote(name), "sasl.password": unquote(password)}
    return servers, settings
