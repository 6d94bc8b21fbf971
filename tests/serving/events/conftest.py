"""The engines that streams and desks are tried on, and a station: all that a consumer needs."""

import contextlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from workbench.serving import PredictionLog
from workbench.serving.events import Consumer, SqliteDatabase, TableDesk, TableStream

SPEC = importlib.util.spec_from_file_location("event_pieces", Path(__file__).with_name("pieces.py"))
PIECES = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(PIECES)


@pytest.fixture(scope="session")
def pieces():
    """Events and a model, as functions that tests call."""
    return PIECES


class Station:
    """A stream, a desk, a log and a model; with as few words as a test needs."""

    def __init__(self, stream, desk, log, topic):
        self.stream, self.desk, self.log, self.topic = stream, desk, log, topic
        self.model = PIECES.Tenth()
        self.told = []

    def consumer(self, **options):
        given = {"now": lambda: PIECES.NOW, "log": self.log, "batch": 10, "wait": 0.0, "told": self.told.append}
        return Consumer(self.stream, self.desk, self.model, PIECES.subscription(self.topic), **{**given, **options})

    def outputs(self):
        return [msgspec.json.decode(body) for body in PIECES.bodies(self.desk, f"{self.topic}.lending")]

    def scored(self):
        """Ids of the events that have an output, sorted; a doubled one is there twice."""
        return sorted(output["data"]["event"]["id"] for output in self.outputs())

    def standing(self):
        return self.desk.standing(f"{self.topic}/lending")


@pytest.fixture
def log(tmp_path):
    with PredictionLog.open(f"sqlite:///{tmp_path / 'predictions.db'}") as opened:
        yield opened


@pytest.fixture
def database(tmp_path):
    opened = SqliteDatabase.open(f"sqlite:///{tmp_path / 'events.db'}", wait=0.2)
    yield opened
    opened.close()


@pytest.fixture
def station(database, log):
    """Stream and desk in one SQLite file."""
    return Station(TableStream(database), TableDesk(database), log, "applications")


MOCK = """
import sys
from confluent_kafka import Producer
keeper = Producer({"bootstrap.servers": "x", "test.mock.num.brokers": 1, "log_level": 0})
(broker,) = keeper.list_topics(timeout=10).brokers.values()
print(f"kafka://{broker.host}:{broker.port}", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="session")
def mock_kafka():
    """Librdkafka's own cluster of one broker, which speaks the protocol; in a process of its own, to be killed."""
    pytest.importorskip("confluent_kafka")
    command = [sys.executable, "-c", MOCK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as keeper:
        yield keeper.stdout.readline().strip()
        keeper.kill()


@pytest.fixture(scope="session")
def mock_stream(mock_kafka):
    with contextlib.closing(PIECES.stream_at(mock_kafka)) as opened:
        yield opened


@pytest.fixture(scope="session")
def kafka_stream(kafka):
    with contextlib.closing(PIECES.stream_at(kafka.url)) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_url(postgres):
    pytest.importorskip("pg8000")
    return "postgresql://{user}@{host}:{port}/{database}".format(**postgres)


@pytest.fixture
def stream(request, tmp_path):
    """The stream that a test's parameter names."""
    if "kafka" in request.param:
        yield request.getfixturevalue("mock_stream" if "mock" in request.param else "kafka_stream")
        return
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path / 's.db'}"
    with contextlib.closing(PIECES.stream_at(url)) as opened:
        yield opened


@pytest.fixture
def topic(request, stream):
    """A topic that no other test has; made where the engine wants that."""
    name = PIECES.fresh_topic()
    if request.node.callspec.params.get("stream") == "kafka":
        request.getfixturevalue("kafka").topic(name, partitions=2)
    elif request.node.callspec.params.get("stream") == "mock kafka":
        from confluent_kafka import Producer

        place = request.getfixturevalue("mock_kafka").removeprefix("kafka://")
        Producer({"bootstrap.servers": place}).list_topics(name, timeout=10)  # makes it
    return name


@pytest.fixture
def desk(request, tmp_path):
    """The desk that a test's parameter names."""
    postgres = request.param == "postgres"
    url = request.getfixturevalue("postgres_url") if postgres else f"sqlite:///{tmp_path / 'desk.db'}"
    with contextlib.closing(TableDesk(PIECES.database(url))) as opened:
        yield opened
