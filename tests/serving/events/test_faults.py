"""A database that is killed, a holder that sleeps past its time, a row that ends its process: on real engines."""

import contextlib
import os
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from workbench.serving import PredictionLog
from workbench.serving.events import Consumer, TableDesk, TableStream, make_event

pytestmark = pytest.mark.slow
PROGRAM = str(Path(__file__).with_name("pieces.py"))
EACH = 200  # events before and after a holder is gone
PATIENCE = 90  # seconds, on a machine with much else to do


def wait_until(holds, *about):
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up, about
        time.sleep(0.02)


def each_once(pieces, desk, topic, sent):
    outputs = [msgspec.json.decode(body) for body in pieces.bodies(desk, f"{topic}.lending")]
    ids = [one["data"]["event"]["id"] for one in outputs]
    assert Counter(ids) == Counter(event.id for event in sent)
    return ids


@contextlib.contextmanager
def consuming(*words):
    """A consumer in a process of its own; it is woken and killed in the end."""
    command = [sys.executable, PROGRAM, *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:  # so that select sees every line
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.kill()


def said(process, text):
    """Lines of a process up to one that has a text."""
    found = []
    while not found or text not in found[-1]:
        assert select.select([process.stdout], [], [], PATIENCE)[0], found
        line = process.stdout.readline().decode()
        assert line, found
        found.append(line)
    return found


def put_to_sleep(process, file):
    """Stop a process anywhere; but where an SQLite file is its, not within a transaction: the lock would stay its."""
    while True:
        os.kill(process.pid, signal.SIGSTOP)
        if file is None:
            return
        with contextlib.closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
            except sqlite3.OperationalError:
                os.kill(process.pid, signal.SIGCONT)
                time.sleep(0.003)
                continue
        return


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_holder_that_slept_past_its_time_commits_nothing_when_it_wakes(engine, request, pieces, tmp_path):
    url = f"sqlite:///{tmp_path / 'e.db'}" if engine == "sqlite" else request.getfixturevalue("postgres_url")
    topic, sent = pieces.fresh_topic(), pieces.events(8000)
    desk = TableDesk(pieces.database(url))
    stream = TableStream(pieces.database(url))
    stream.append(topic, sent)
    words = (url, url, f"sqlite:///{tmp_path / 'log.db'}", topic)
    name = f"{topic}/lending"
    with consuming(*words, 10, 1.0) as sleeper:
        said(sleeper, "going")
        with consuming(*words, 200, 1.0) as other:
            said(other, "waiting")
            put_to_sleep(sleeper, tmp_path / "e.db" if engine == "sqlite" else None)
            said(other, "going")  # it took over: the sleeper did not beat
            asleep_at = desk.standing(name)
            os.kill(sleeper.pid, signal.SIGCONT)
            assert sleeper.wait(PATIENCE) != 0  # fenced off, and gone
            wait_until(lambda: desk.standing(name).position == {0: len(sent)})
            assert desk.standing(name).fence == asleep_at.fence == 2
    ids = each_once(pieces, desk, topic, sent)
    assert ids == [event.id for event in sent]  # in the order of the events
    stream.close()
    desk.close()


@pytest.mark.parametrize(
    ("how", "rounds"),
    [
        ("killed", 1),
        pytest.param("killed", 5, marks=pytest.mark.benchmark),
        pytest.param("stopped", 3, marks=pytest.mark.benchmark),
    ],
)
def test_of_two_consumers_of_a_kafka_topic_one_waits_and_takes_over(how, rounds, kafka, pieces, tmp_path, capsys):
    """A holder that died on this machine is known to be gone; one that is stopped has to be silent for a while."""
    topic, local = pieces.fresh_topic(), f"sqlite:///{tmp_path / 'e.db'}"
    kafka.topic(topic, partitions=2)
    stream, desk, took = pieces.stream_at(kafka.url), TableDesk(pieces.database(local)), []
    sent = pieces.events(2 * EACH * rounds)
    words = (kafka.url, local, f"sqlite:///{tmp_path / 'log.db'}", topic, 50)
    for first in range(0, len(sent), 2 * EACH):
        stream.append(topic, sent[first : first + EACH])
        with consuming(*words) as holder:
            said(holder, "going")
            with consuming(*words) as other:
                said(other, "waiting")
                if how == "killed":
                    holder.kill()
                else:
                    put_to_sleep(holder, tmp_path / "e.db")
                began = time.monotonic()
                stream.append(topic, sent[first + EACH : first + 2 * EACH])
                said(other, "going")
                took.append(time.monotonic() - began)
                wait_until(
                    lambda done=first + 2 * EACH: sum(desk.standing(f"{topic}/lending").position.values()) == done
                )
    each_once(pieces, desk, topic, sent)
    if rounds > 1:
        with capsys.disabled():
            print(f"\n  holder {how}: taken over after {sorted(round(each, 2) for each in took)} s")
    stream.close()
    desk.close()


def test_a_postgresql_that_is_killed_under_load_and_comes_back_loses_and_doubles_nothing(
    own_postgres, pieces, tmp_path
):
    pytest.importorskip("pg8000")
    url, topic = own_postgres.url, "killed"
    sent = pieces.events(3000)
    stream, desk = pieces.stream_at(url), TableDesk(pieces.database(url))
    told, stop = [], threading.Event()
    with PredictionLog.open(f"sqlite:///{tmp_path / 'log.db'}") as log:
        consumer = Consumer(
            stream, desk, pieces.Tenth(), pieces.subscription(topic), now=lambda: pieces.NOW, log=log, batch=20,
            wait=0.1, told=told.append,
        )  # fmt: skip
        stream.append(topic, sent[:1500])
        thread = threading.Thread(target=consumer.run, args=(stop,))
        thread.start()
        try:
            for before, upto in ((200, 2000), (1700, 3000)):
                wait_until(lambda before=before: consumer.tally.scored >= before, told)
                own_postgres.kill()
                failures = consumer.tally.failures
                wait_until(lambda failures=failures: consumer.tally.failures > failures, told)
                own_postgres.start()
                producer = pieces.stream_at(url)
                producer.append(topic, sent[:upto])  # what is there already is left out
                producer.close()
            watcher = TableDesk(pieces.database(url))
            wait_until(lambda: watcher.standing(f"{topic}/lending").position == {0: len(sent)}, told)
            watcher.close()
        finally:
            stop.set()
            thread.join()
        ids = each_once(pieces, desk, topic, sent)
        assert ids == [event.id for event in sent]
        assert len(log.rows("lending")) == len(sent)
    assert sum("goes on, after" in text for text in told) == 2
    assert any("PostgreSQL at 127.0.0.1" in text and "trying again" in text for text in told)
    stream.close()
    desk.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_deadly_row_ends_one_process_and_the_next_one_goes_round_it(engine, request, pieces, tmp_path):
    url = f"sqlite:///{tmp_path / 'e.db'}" if engine == "sqlite" else request.getfixturevalue("postgres_url")
    topic, sent = pieces.fresh_topic(), pieces.events(90)
    sent.insert(47, make_event("desk", "deadly", {"income": 1, "purpose": "deadly"}, kind="application"))
    desk = TableDesk(pieces.database(url))
    TableStream(desk._database).append(topic, sent)
    words = (url, url, f"sqlite:///{tmp_path / 'log.db'}", topic, 20, 1.0)
    with consuming(*words) as first:
        assert first.wait(PATIENCE) == -signal.SIGSEGV
    assert desk.standing(f"{topic}/lending").position == {0: 40}
    with consuming(*words) as second:
        wait_until(lambda: desk.standing(f"{topic}/lending").position == {0: 91})
        assert second.poll() is None
    (letter,) = desk.dead_letters(f"{topic}/lending")
    assert (letter.offset, letter.kind) == (47, "crash")
    assert "SIGSEGV" in letter.reason
    del sent[47]
    assert each_once(pieces, desk, topic, sent) == [event.id for event in sent]
    desk.close()
