"""Topics of a Kafka broker: what only a broker does, on a real one and on librdkafka's mock."""

import contextlib
import secrets
import threading
import time
from datetime import UTC, datetime

import msgspec
import pytest

from workbench.errors import EngineError, Misuse
from workbench.ledger import Head
from workbench.serving.events import (
    Consumer,
    LostError,
    Malformed,
    Scored,
    Scorer,
    SqliteDatabase,
    Subscription,
    TableDesk,
    TableStream,
    make_event,
    read_event,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Half:
    problem = ""

    def now(self):
        return Scorer(
            Head("m", "champion", 1, 1, 1), None, lambda bodies: [Scored({"x": 1}, 0.5) for _ in bodies], bytes
        )


def events(number, *, first=0, subject=None):
    return [make_event("desk", f"a{n}", {"x": n}, kind="t", subject=subject) for n in range(first, number)]


@pytest.fixture
def stream(kafka):
    from workbench.engines.kafka import KafkaStream

    with contextlib.closing(KafkaStream(kafka.url, seconds=3)) as opened:
        yield opened


@pytest.fixture
def desk(tmp_path):
    with contextlib.closing(TableDesk(SqliteDatabase.open(f"sqlite:///{tmp_path / 'desk.db'}"))) as opened:
        yield opened


def outputs(desk, topic):
    return TableStream(desk._database).read(topic, {}, most=100_000, wait=0)


@pytest.mark.parametrize("url", ["kafka://", "http://x:1", "kafka://x:1/topic", "kafka://x:1?sasl.password=s3cret"])
def test_a_url_of_another_kind_is_refused_without_its_secrets(url):
    from workbench.engines.kafka import settings_of

    with pytest.raises(Misuse) as refused:
        settings_of(url)
    assert "s3cret" not in refused.value.told()


def test_a_user_and_a_password_are_sasl_s_and_no_part_of_the_place():
    from workbench.engines.kafka import settings_of

    place, settings = settings_of("kafka://desk:s%403@a:1,b:2?security.protocol=SASL_SSL&sasl.mechanism=PLAIN")
    assert place == "a:1,b:2"
    assert (settings["sasl.username"], settings["sasl.password"]) == ("desk", "s@3")
    assert settings["security.protocol"] == "SASL_SSL"


def test_a_broker_that_is_not_there_is_an_error_that_names_it():
    from workbench.engines.kafka import KafkaStream

    pytest.importorskip("confluent_kafka")
    stream = KafkaStream("kafka://127.0.0.1:1", seconds=0.2)
    for asked in (lambda: stream.ends("t"), lambda: stream.read("t", {}, most=1, wait=0)):
        with pytest.raises(EngineError, match=r"Kafka at 127\.0\.0\.1:1"):
            asked()
    with pytest.raises(EngineError, match=r"Kafka at 127\.0\.0\.1:1"):
        stream.append("t", events(1))


@pytest.mark.slow
def test_a_topic_that_is_not_there_is_an_error_and_is_not_made(stream):
    with pytest.raises(EngineError, match="'nowhere' cannot be read"):
        stream.ends("nowhere")


@pytest.mark.slow
def test_events_of_one_subject_keep_their_order(kafka, stream):
    kafka.topic("subjects", partitions=4)
    stream.append("subjects", [event for n in range(5) for event in events(n + 1, first=n, subject=f"p{n % 2}")])
    assert sum(1 for end in stream.ends("subjects").values() if end) <= 2


@pytest.mark.slow
def test_events_that_retention_deleted_before_they_were_read_are_told(kafka, stream):
    from confluent_kafka import TopicPartition

    kafka.topic("short")
    stream.append("short", events(10))
    admin, first = kafka.admin(), TopicPartition("short", 0, 6)
    admin.delete_records([first])[first].result(timeout=10)
    with pytest.raises(LostError, match="gone from the broker"):
        stream.read("short", {0: 3}, most=10, wait=10)
    records = []
    while not records:
        records = stream.read("short", {}, most=10, wait=1.0)  # a new subscription begins with what is there
    assert records[0].offset == 6


REQUIRED = {"ce_specversion": "1.0", "ce_id": "b1", "ce_source": "desk", "ce_type": "t"}


def sent(place, topic, value, headers):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": place.removeprefix("kafka://")})
    producer.produce(topic, value, headers=list(headers.items()))
    assert producer.flush(10) == 0


@pytest.fixture
def received(kafka):
    """Sends one message to the real broker, and reads it."""
    from workbench.engines.kafka import KafkaStream

    with contextlib.closing(KafkaStream(kafka.url)) as stream:
        numbers = iter(range(100))

        def of(value, headers):
            topic = f"binary-{secrets.token_hex(4)}-{next(numbers)}"
            kafka.topic(topic)
            sent(kafka.url, topic, value, headers)
            give_up = time.monotonic() + 10
            while not (records := stream.read(topic, {}, most=10, wait=1.0)):
                assert time.monotonic() < give_up
            return records[0].body

        yield of


@pytest.mark.slow
def test_the_binary_and_the_structured_form_of_an_event_are_one_event(received):
    optional = {"ce_subject": "p7", "ce_time": "2026-01-01T00:00:00Z", "ce_dataschema": "urn:x", "ce_traceparent": "00"}
    binary = read_event(
        received(b'{"x": 1}', {**REQUIRED, **optional, "Content-Type": "application/json; charset=UTF-8"})
    )
    made = make_event("desk", "b1", {"x": 1}, kind="t", subject="p7", time=NOW)
    structured = read_event(received(made.body(), {"content-type": "application/cloudevents+json; charset=UTF-8"}))
    assert binary.key == structured.key
    for name in ("specversion", "id", "source", "type", "subject", "time"):
        assert getattr(binary, name) == getattr(structured, name), name
    assert msgspec.json.decode(binary.data) == msgspec.json.decode(structured.data) == {"x": 1}
    assert (binary.dataschema, binary.datacontenttype) == ("urn:x", "application/json; charset=UTF-8")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["binary", "structured"])
@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_each_attribute_that_the_standard_requires_is_required(received, form, name):
    for value in (None, ""):
        given = {key: text for key, text in REQUIRED.items() if key != f"ce_{name}"}
        given |= {} if value is None else {f"ce_{name}": value}
        if form == "binary":
            body = received(b'{"x": 1}', given)
        else:
            whole = {key.removeprefix("ce_"): text for key, text in given.items()} | {"data": {"x": 1}}
            body = received(msgspec.json.encode(whole), {"content-type": "application/cloudevents+json"})
        with pytest.raises(Malformed, match=name if value is None else "no CloudEvent"):
            read_event(body)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("value", "more", "why"),
    [
        (b"\xff\xfe", {}, "no data in JSON"),
        (b'1,"id":"another"', {}, "no data in JSON"),  # the payload cannot become attributes
        (b"", {}, "no data in JSON"),
        (b"{}", {"content-type": "text/plain"}, "must be JSON"),
        (b"{}", {"ce_time": "yesterday"}, "time"),
        (b"{}", {"ce_id": b"\xff" * 600}, "no CloudEvent"),
    ],
)
def test_a_payload_or_a_header_that_is_wrong_is_a_malformed_event(received, value, more, why):
    with pytest.raises(Malformed, match=why):
        read_event(received(value, {**REQUIRED, **more}))


@pytest.mark.slow
def test_headers_named_as_the_data_change_nothing(received):
    event = read_event(received(b'{"x": 1}', {**REQUIRED, "ce_data": '{"x": 2}', "ce_data_base64": "eHg="}))
    assert bytes(event.data) == b'{"x": 1}'


@pytest.mark.slow
def test_partitions_that_are_added_while_a_topic_is_read_are_read_too(kafka, stream, monkeypatch):
    from confluent_kafka.admin import NewPartitions

    from workbench.engines import kafka as module

    monkeypatch.setattr(module, "PARTITIONS", 0.1)
    kafka.topic("grown")
    stream.append("grown", events(20))
    position, seen = {}, set()
    give_up = time.monotonic() + 30
    grown = False
    while len(seen) < 220:
        assert time.monotonic() < give_up
        records = stream.read("grown", position, most=100, wait=0.5)
        position |= {record.partition: record.offset + 1 for record in records}
        assert seen.isdisjoint((record.partition, record.offset) for record in records)
        seen |= {(record.partition, record.offset) for record in records}
        if len(seen) == 20 and not grown:
            admin = kafka.admin()
            admin.create_partitions([NewPartitions("grown", 3)])["grown"].result(timeout=10)
            grown = True
            other = type(stream)(kafka.url)  # a client that knows of them
            while len(other._parts("grown", fresh=True)) < 3:
                time.sleep(0.05)
            other.append("grown", events(220, first=20))
    assert {part for part, _ in seen} == {0, 1, 2}


@pytest.mark.slow
def test_a_broker_that_is_killed_and_comes_back_loses_and_doubles_nothing(kafka, stream, desk):
    kafka.topic("killed", partitions=2)
    stream.append("killed", events(3000))
    told, stop = [], threading.Event()
    consumer = Consumer(
        stream, desk, Half(), Subscription("s", "killed", "m", "out"), now=lambda: NOW, batch=100, wait=0.2,
        told=told.append,
    )  # fmt: skip
    thread = threading.Thread(target=consumer.run, args=(stop,))
    thread.start()
    try:
        while (desk.standing("s") or consumer.tally).scored < 500:
            time.sleep(0.01)
        kafka.kill()
        other = type(stream)(kafka.url, seconds=0.3)
        with pytest.raises(EngineError):
            other.append("killed", events(3100, first=3000))
        kafka.start()
        stream_again = type(stream)(kafka.url)
        stream_again.append("killed", events(4000, first=2900))  # some are there already
        give_up = time.monotonic() + 30
        while consumer.tally.scored < 4000:
            assert time.monotonic() < give_up and thread.is_alive(), (consumer.tally, told)
            time.sleep(0.05)
    finally:
        stop.set()
        thread.join()
    assert len(outputs(desk, "out")) == 4000
    assert consumer.tally.duplicates >= 100
