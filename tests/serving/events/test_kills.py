"""A consumer that is killed by SIGKILL again and again loses nothing and doubles nothing, on each engine.

Every other kill comes before anything is known to be committed, the rest after the first commit. The long run is
`pytest -m benchmark tests/serving/events/test_kills.py`.
"""

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
BATCH, APPENDED = 200, 10_000
RUNS = [  # engine, kills, events: as many as outlast the kills
    ("sqlite", 2, 15_000),
    ("postgres", 2, 6_000),
    ("kafka", 2, 12_000),
    *(pytest.param(engine, 50, 100_000, marks=pytest.mark.benchmark) for engine in ("sqlite", "postgres", "kafka")),
]
PROGRAM = str(Path(__file__).with_name("pieces.py"))


def places(request, tmp_path, engine, topic):
    """Where the topic is, and where the desk is; Kafka's desk is SQLite."""
    local = f"sqlite:///{tmp_path / 'events.db'}"
    if engine == "kafka":
        kafka = request.getfixturevalue("kafka")
        kafka.topic(topic, partitions=2)
        return kafka.url, local
    url = local if engine == "sqlite" else request.getfixturevalue("postgres_url")
    return url, url


@pytest.mark.parametrize(("engine", "kills", "number"), RUNS)
def test_nothing_is_lost_and_nothing_doubled_by_kills(request, engine, kills, number, pieces, tmp_path, capsys):
    topic = pieces.fresh_topic()
    stream_url, desk_url = places(request, tmp_path, engine, topic)
    log_url = f"sqlite:///{tmp_path / 'predictions.db'}"
    stream = pieces.stream_at(stream_url)
    sent = pieces.events(number)
    for first in range(0, number, APPENDED):
        stream.append(topic, sent[first : first + APPENDED])
    desk = TableDesk(pieces.database(desk_url))
    rng = random.Random(7)
    command = [sys.executable, PROGRAM, stream_url, desk_url, log_url, topic, str(BATCH)]

    def done():
        standing = desk.standing(f"{topic}/lending")
        return sum(standing.position.values()) if standing else 0

    began, before = time.monotonic(), 0
    for kill in range(kills):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() == "begun\n"
            if kill % 2:
                assert process.stdout.readline() == "going\n"
            share = (number - done()) / (number * (1 - kill / kills))  # slower where few are left for many kills
            time.sleep(rng.uniform(0, 0.1 if kill % 2 else 0.2) * min(1.0, share))
            process.kill()
        before += done() < number
    assert done() > 0 and before == kills, "the kills came too early or too late to show anything"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        give_up = time.monotonic() + 60
        while done() < number:
            assert time.monotonic() < give_up and process.poll() is None
            time.sleep(0.1)
        time.sleep(0.3)
        process.kill()
    outputs = [msgspec.json.decode(body) for body in pieces.bodies(desk, f"{topic}.lending")]
    scored = Counter(one["data"]["event"]["id"] for one in outputs)
    if kills > 2:
        with capsys.disabled():
            lost, doubled = number - len(scored), len(outputs) - len(scored)
            took = time.monotonic() - began
            print(f"\n  {engine}: {kills} SIGKILLs, {number:,} events: {lost} lost, {doubled} doubled; {took:.0f} s")
    assert scored == Counter(event.id for event in sent)
    assert kills // 2 < desk.standing(f"{topic}/lending").fence <= kills + 1
    with PredictionLog.open(log_url) as log:
        rows = log.rows("lending")
    logged = {row.id for row in rows}
    assert len(rows) == len(logged)
    assert logged <= {one["id"] for one in outputs}
    assert len(rows) >= number - 2 * BATCH  # what the last kill left is made up for by the next consumer
    stream.close()
    desk.close()
