"""A consumer that is killed by SIGKILL again and again loses nothing and doubles nothing, on each engine."""

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from workbench.serving import PredictionLog
from workbench.serving.events import TableDesk

pytestmark = pytest.mark.slow
KILLS, BATCH = 2, 200
EVENTS = {"sqlite": 15_000, "postgres": 6_000, "kafka": 12_000}  # as many as outlast the kills
PROGRAM = str(Path(__file__).with_name("pieces.py"))


@pytest.fixture(params=["sqlite", "postgres", "kafka"])
def place(request, tmp_path, pieces):
    """Where the topic is, where the desk is, the topic's name and how many events; Kafka's desk is SQLite."""
    topic = pieces.fresh_topic()
    local = f"sqlite:///{tmp_path / 'events.db'}"
    if request.param == "kafka":
        kafka = request.getfixturevalue("kafka")
        kafka.topic(topic, partitions=2)
        return kafka.url, local, topic, EVENTS[request.param]
    url = local if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return url, url, topic, EVENTS[request.param]


def test_nothing_is_lost_and_nothing_doubled_by_kills(place, pieces, tmp_path):
    stream_url, desk_url, topic, number = place
    log_url = f"sqlite:///{tmp_path / 'predictions.db'}"
    stream = pieces.stream_at(stream_url)
    sent = pieces.events(number)
    stream.append(topic, sent)
    desk = TableDesk(pieces.database(desk_url))
    rng = random.Random(7)
    command = [sys.executable, PROGRAM, stream_url, desk_url, log_url, topic, str(BATCH)]
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "going\n"
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
    between = desk.standing(f"{topic}/lending")
    assert 0 < sum(between.position.values()) < number, "the kills came too early or too late to show anything"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        give_up = time.monotonic() + 60
        while sum(desk.standing(f"{topic}/lending").position.values()) < number:
            assert time.monotonic() < give_up and process.poll() is None
            time.sleep(0.1)
        time.sleep(0.3)
        process.kill()
    outputs = [msgspec.json.decode(body) for body in pieces.bodies(desk, f"{topic}.lending")]
    assert Counter(one["data"]["event"]["id"] for one in outputs) == Counter(event.id for event in sent)
    assert desk.standing(f"{topic}/lending").fence == KILLS + 1
    with PredictionLog.open(log_url) as log:
        rows = log.rows("lending")
    logged = {row.id for row in rows}
    assert len(rows) == len(logged)
    assert logged <= {one["id"] for one in outputs}
    assert len(rows) >= number - 2 * BATCH  # what the last kill left is made up for by the next consumer
    stream.close()
    desk.close()
