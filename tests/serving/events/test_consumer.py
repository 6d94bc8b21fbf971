"""A consumer scores each event once, whatever fails around it."""

import json
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import pytest

from workbench.errors import EngineError
from workbench.serving import Request
from workbench.serving.events import (
    Event,
    FencedError,
    LostError,
    Malformed,
    Record,
    Scored,
    events_exposition,
    make_event,
    read_event,
    redrive,
    trial,
)
from workbench.serving.events import lease as leases
from workbench.serving.events.cloud_event import LARGEST
from workbench.serving.holders import this_process


class Raw:
    """A stream of bodies as some producer wrote them."""

    def __init__(self, bodies):
        self.bodies = list(bodies)
        self.gone = 0  # events that retention deleted
        self.down = False

    def read(self, topic, position, *, most, wait, until=None):
        if self.down:
            raise EngineError("the broker does not answer")
        first = position.get(0, self.gone)
        if first < self.gone:
            raise LostError(f"offset {first} is gone")
        last = min(first + most, len(self.bodies), (until or {0: len(self.bodies)})[0])
        return [Record(0, offset, self.bodies[offset]) for offset in range(first, last)]

    def ends(self, topic):
        return {0: len(self.bodies)}


def until_quiet(consumer):
    return consumer.run(threading.Event(), once=True)


def good(number):
    return make_event("desk", f"a{number}", {"income": number}, kind="application").body()


def test_each_event_gets_an_output_and_a_row_in_the_log(station, pieces):
    station.stream.append(station.topic, pieces.events(25))
    tally = until_quiet(station.consumer())
    assert (tally.read, tally.scored, tally.dead, tally.version) == (25, 25, 0, 1)
    first = station.outputs()[3]
    assert first["specversion"] == "1.0" and first["source"] == "/workbench/applications/lending"
    assert first["data"]["score"] == 0.3 and first["data"]["event"] == {"source": "desk", "id": "a3"}
    rows = station.log.rows("lending")
    assert len(rows) == 25
    assert {row.id for row in rows} == {output["id"] for output in station.outputs()}
    assert (rows[3].features, rows[3].score, rows[3].answer) == ({"income": 3}, 0.3, False)


def test_nothing_is_scored_again_by_the_next_consumer(station, pieces):
    station.stream.append(station.topic, pieces.events(25))
    until_quiet(station.consumer())
    station.stream.append(station.topic, pieces.events(30, first=25))
    assert until_quiet(station.consumer()).read == 5
    assert len(station.scored()) == len(set(station.scored())) == 30
    assert station.standing().lag == 0 and station.standing().holder == ""


def test_an_output_may_be_the_event_of_another_subscription(station, pieces):
    station.stream.append(station.topic, pieces.events(3))
    until_quiet(station.consumer())
    records = pieces.drained(station.stream, f"{station.topic}.lending")
    assert [read_event(record.body).type for record in records] == ["workbench.prediction"] * 3


BAD = {
    "no JSON": (b"{", "malformed", "no CloudEvent"),
    "nothing": (b"", "malformed", "no CloudEvent"),
    "NaN": (good(1).replace(b"1}", b"NaN}"), "malformed", "no CloudEvent"),
    "another version": (good(1).replace(b'"1.0"', b'"0.3"'), "malformed", "0.3"),
    "an empty id": (good(1).replace(b'"a1"', b'""'), "malformed", "id"),
    "no data": (b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t"}', "malformed", "no data"),
    "a wrong field": (good(1).replace(b"income", b"incoming"), "invalid", "'income' is missing"),
    "half a pair": (good(1).replace(b'"a1"', b'"\\ud800"'), "malformed", "no CloudEvent"),
    "deep": (good(1).replace(b'{"income":1}', b"[" * 100_000 + b"]" * 100_000), "malformed", "no CloudEvent"),
    "giant": (good(1).replace(b'"a1"', b'"' + b"x" * LARGEST + b'"'), "too large", "at most 1,048,576"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_event_becomes_a_dead_letter_and_harms_no_other(station, name):
    body, kind, reason = BAD[name]
    station.stream = Raw([good(0), body, good(2)])
    until_quiet(station.consumer())
    assert station.scored() == ["a0", "a2"]
    (letter,) = station.desk.dead_letters("applications/lending")
    assert (letter.offset, letter.kind, letter.size) == (1, kind, len(body))
    assert reason in letter.reason
    assert body.startswith(letter.body) and len(letter.body) <= 1 << 16


def test_an_event_that_a_producer_sent_twice_is_scored_once(station):
    station.stream = Raw([good(0), good(1), good(0), good(1), good(2), good(0)])
    tally = until_quiet(station.consumer(batch=2))
    assert (tally.scored, tally.duplicates) == (3, 3)
    assert station.scored() == ["a0", "a1", "a2"]
    assert len(station.log.rows("lending")) == 3


def test_a_model_that_fails_on_everything_stops_the_line_until_it_is_replaced(station, pieces):
    station.stream.append(station.topic, pieces.events(40))
    station.model.broken = True
    with pytest.raises(EngineError, match="it does not work"):
        until_quiet(station.consumer(batch=40))
    assert station.scored() == [] and station.standing().problem == ""  # nobody consumes it now
    assert station.standing().failures == 1
    station.model.broken, station.model.version = False, 2
    assert until_quiet(station.consumer(batch=40)).scored == 40
    assert {output["data"]["version"] for output in station.outputs()} == {2}


def test_a_new_version_scores_from_the_next_batch_on(station, pieces):
    station.stream.append(station.topic, pieces.events(20))
    consumer = station.consumer()
    consumer.step()
    station.model.version = 2
    consumer.step()
    assert [output["data"]["version"] for output in station.outputs()] == [1] * 10 + [2] * 10


def test_of_two_consumers_the_one_that_was_taken_over_commits_nothing(station, pieces, monkeypatch):
    station.stream.append(station.topic, pieces.events(30))
    first, second = station.consumer(), station.consumer()
    first.step()
    with pytest.raises(FencedError, match="another process"):
        second.step()
    monkeypatch.setattr(leases, "gone", lambda holder: True)
    assert second.step() == 10
    with pytest.raises(FencedError, match="taken"):
        first.step()
    until_quiet(second)
    assert len(station.scored()) == len(set(station.scored())) == 30


def test_a_holder_on_another_machine_that_falls_silent_is_taken_over(station, pieces):
    station.stream.append(station.topic, pieces.events(5))
    wanted = pieces.subscription(station.topic)
    assert station.desk.take(wanted, "elsewhere/1/1", seen=None)
    assert until_quiet(station.consumer(silence=0.1)).scored == 5
    assert "elsewhere/1/1; waiting" in station.told[0]


def test_once_does_not_wait_for_a_holder_that_lives(station, pieces):
    wanted = pieces.subscription(station.topic)
    claim = station.desk.take(wanted, "elsewhere/1/1", seen=None)
    station.told = []
    consumer = station.consumer(silence=5.0)
    consumer._told = lambda _: station.desk.beat(claim, ends={}, logged={})  # it beats when it is seen
    with pytest.raises(FencedError):
        until_quiet(consumer)


def test_a_broker_that_goes_away_is_told_and_reading_goes_on_when_it_is_back(station):
    station.stream = Raw(good(n) for n in range(30))
    consumer = station.consumer()
    consumer.step()
    station.stream.down = True
    stop = threading.Event()
    consumer._told = lambda _: setattr(station.stream, "down", False)
    station.stream.bodies.append(b"")  # the last one
    thread = threading.Thread(target=consumer.run, args=(stop,))
    thread.start()
    while len(station.desk.dead_letters("applications/lending")) < 1:
        stop.wait(0.01)
    stop.set()
    thread.join()
    assert len(station.scored()) == len(set(station.scored())) == 30
    assert consumer.tally.failures == 1


def test_events_that_are_gone_are_never_skipped_in_silence(station):
    station.stream = Raw(good(n) for n in range(30))
    consumer = station.consumer()
    consumer.step()
    station.stream.gone = 20
    with pytest.raises(LostError):
        consumer.step()
    assert len(station.scored()) == 10


def test_a_desk_that_is_locked_keeps_position_and_outputs_together(station, pieces, tmp_path):
    station.stream.append(station.topic, pieces.events(20))
    consumer = station.consumer()
    consumer.step()
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(EngineError, match="locked"):
        consumer.step()
    other.execute("ROLLBACK")
    other.close()
    assert station.standing().position == {0: 10} and len(station.scored()) == 10
    assert until_quiet(consumer).scored == 20


def test_a_full_disk_keeps_position_and_outputs_together(station, pieces, database):
    station.stream.append(station.topic, pieces.events(400))
    consumer = station.consumer(batch=200)
    consumer.step()
    pages = database._connection.execute("PRAGMA page_count").fetchone()[0]
    database._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(EngineError, match="full"):
        consumer.step()
    database._connection.execute("PRAGMA max_page_count = 1000000")
    assert station.standing().position == {0: 200} and len(station.scored()) == 200
    assert until_quiet(consumer).scored == 400


def test_a_commit_whose_answer_was_lost_is_not_made_twice(station, pieces, monkeypatch):
    station.stream.append(station.topic, pieces.events(20))
    consumer = station.consumer()
    commit = station.desk.commit

    def lost(*given, **named):
        commit(*given, **named)
        monkeypatch.setattr(station.desk, "commit", commit)
        raise EngineError("the connection broke")

    monkeypatch.setattr(station.desk, "commit", lost)
    with pytest.raises(EngineError):
        consumer.step()
    until_quiet(consumer)
    assert len(station.scored()) == len(set(station.scored())) == 20
    assert len(station.log.rows("lending")) == 20


def test_a_log_that_cannot_be_written_stops_nothing_and_is_made_up_for(station, pieces, monkeypatch):
    station.stream.append(station.topic, pieces.events(40))
    consumer = station.consumer()
    append = station.log.append

    def full(_):
        raise EngineError("the prediction log is full")

    monkeypatch.setattr(station.log, "append", full)
    consumer.step()
    consumer.step()
    assert len(station.scored()) == 20 and station.log.rows("lending") == []
    assert station.told == ["the prediction log is behind: the prediction log is full"]
    monkeypatch.setattr(station.log, "append", append)
    until_quiet(station.consumer(silence=0.05))
    rows = station.log.rows("lending")
    assert {row.id: row.score for row in rows} == {one["id"]: one["data"]["score"] for one in station.outputs()}
    assert len(rows) == 40 and station.standing().logged == {0: 40}


def test_a_clock_that_steps_back_changes_nothing_but_times(station, pieces):
    station.stream.append(station.topic, pieces.events(30))
    times = iter(datetime(2026, 1, 1, tzinfo=UTC) - timedelta(days=n) for n in range(1000))
    until_quiet(station.consumer(now=lambda: next(times)))
    station.stream.append(station.topic, pieces.events(40, first=30))
    until_quiet(station.consumer(now=lambda: next(times)))
    assert len(station.scored()) == len(set(station.scored())) == 40
    assert len(station.log.rows("lending")) == 40


def test_dead_letters_are_scored_again_by_the_version_of_today(station):
    station.stream = Raw([good(0), b'{"specversion":"1.0","id":"x","source":"s","type":"t","data":{"loans":1}}', b"{"])
    until_quiet(station.consumer())
    station.model.one = lambda row: Scored(row, 0.5)
    letters = station.desk.dead_letters("applications/lending")
    tried = redrive(
        station.desk, station.model.now(), station.standing(), letters, now=station_time(), log=station.log, dry=True
    )
    assert (tried.scored, len(tried.gone), len(tried.still)) == (1, 1, 1) and station.standing().dead == 2
    for scored in (1, 0):
        letters = station.desk.dead_letters("applications/lending")
        done = redrive(
            station.desk, station.model.now(), station.standing(), letters, now=station_time(), log=station.log
        )
        assert done.scored == scored
    assert station.scored() == ["a0", "x"] and station.standing().dead == 1
    assert len(station.log.rows("lending")) == 2


def test_two_who_redrive_at_once_score_and_log_each_event_once(station):
    """Each read the letters before the other was done, and each has one that the other has not."""
    bad = [make_event("desk", f"x{n}", {"loans": n}, kind="application").body() for n in range(3)]
    station.stream = Raw(bad)
    until_quiet(station.consumer())
    station.model.one = lambda row: Scored(row, 0.5)
    letters = station.desk.dead_letters("applications/lending")
    given = {"now": station_time(), "log": station.log}
    done = [
        redrive(station.desk, station.model.now(), station.standing(), some, **given)
        for some in (letters[:2], letters[1:], letters)
    ]
    assert [one.scored for one in done] == [2, 1, 0]
    assert station.scored() == ["x0", "x1", "x2"] and station.standing().dead == 0
    assert sorted(row.features["loans"] for row in station.log.rows("lending")) == [0, 1, 2]


def station_time():
    return datetime(2026, 1, 2, tzinfo=UTC)


def test_prometheus_reads_lag_throughput_and_failures_from_the_desk(station, pieces):
    station.stream.append(station.topic, pieces.events(25))
    station.consumer().step()
    text = events_exposition(station.desk.standings())
    labels = '{subscription="applications/lending",model="lending"}'
    assert f"workbench_events_lag{labels} 15\n" in text
    assert f"workbench_events_scored_total{labels} 10\n" in text
    assert f"workbench_events_failures_total{labels} 0\n" in text


def test_the_gateway_tells_how_far_consumers_are_and_scrapes_on_where_the_desk_is_gone(station, pieces, shop):
    station.stream.append(station.topic, pieces.events(25))
    station.consumer().step()

    def told():
        return events_exposition(station.desk.standings())

    def gone():
        raise EngineError("the events cannot be read")

    labels = '{subscription="applications/lending",model="lending"}'
    scrape = Request("/metrics", b"", method="GET")
    text = shop.run(lambda client: client.ask(scrape), more_metrics=told).body.decode()
    assert f"workbench_events_lag{labels} 15\n" in text and "workbench_log_waiting_rows 0\n" in text
    until_quiet(station.consumer(silence=0.1))
    text = shop.run(lambda client: client.ask(scrape), more_metrics=told).body.decode()
    assert f"workbench_events_lag{labels} 0\n" in text
    text = shop.run(lambda client: client.ask(scrape), more_metrics=gone).body.decode()
    assert "# the rest is not to be had: the events cannot be read" in text and "workbench_log_waiting_rows" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("nan")]}])
def test_an_event_with_a_number_that_json_has_not_is_refused(value):
    with pytest.raises(Malformed, match="no JSON form"):
        make_event("desk", "1", value if isinstance(value, dict) else {"income": value}, kind="application")


def test_an_event_is_a_cloudevent_in_its_structured_form():
    event = make_event(
        "desk", "1", {"income": 4.5}, kind="application", subject="p7", time=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert json.loads(event.body()) == {
        "specversion": "1.0",
        "id": "1",
        "source": "desk",
        "type": "application",
        "subject": "p7",
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "data": {"income": 4.5},
    }
    assert isinstance(read_event(event.body()), Event) and read_event(event.body()) == event


def test_what_makes_an_event_one_is_source_and_id_and_not_their_sum():
    def key(source, id_):
        return make_event(source, id_, {}, kind="t").key

    assert key("ab", "c") != key("a", "bc") and key("a", "b") == key("a", "b")


class Two(Raw):
    """The same, in two partitions, one after the other."""

    def read(self, topic, position, *, most, wait, until=None):
        for part in (0, 1):
            first, end = position.get(part, 0), (until or self.ends(topic)).get(part, 0)
            if first < end:
                return [Record(part, n, good(2 * n + part)) for n in range(first, min(end, first + most))]
        return []

    def ends(self, topic):
        return {0: 10, 1: 10}


def test_a_partition_whose_rows_are_not_in_the_log_is_not_forgotten_for_another(station, monkeypatch):
    station.stream = Two([])
    consumer = station.consumer()
    append = station.log.append

    def full(_):
        monkeypatch.setattr(station.log, "append", append)
        raise EngineError("the prediction log is full")

    monkeypatch.setattr(station.log, "append", full)
    consumer.step()
    consumer.step()
    assert len(station.scored()) == 20
    assert {row.id for row in station.log.rows("lending")} == {output["id"] for output in station.outputs()}


def test_a_failure_is_told_once_and_so_is_its_end(station):
    station.stream = Raw(good(n) for n in range(5))
    station.stream.down = True
    consumer, stop = station.consumer(), threading.Event()
    thread = threading.Thread(target=consumer.run, args=(stop,))
    thread.start()
    while consumer.tally.failures < 3:
        stop.wait(0.01)
    station.stream.down = False
    while consumer.tally.scored < 5 or len(station.told) < 2:
        stop.wait(0.01)
    stop.set()
    thread.join()
    failed, over = station.told
    assert failed.startswith("the broker does not answer") and "trying again" in failed
    assert over.startswith("applications/lending goes on, after ")


def test_a_name_that_stands_twice_has_the_last_value_as_for_other_readers_of_json(station):
    twice = good(1).replace(b'{"income":1}', b'{"income":1,"income":7}')
    station.stream = Raw([good(0), twice.replace(b'"id":"a1"', b'"id":"a0","id":"a1"')])
    until_quiet(station.consumer())
    assert [(one["data"]["event"]["id"], one["data"]["score"]) for one in station.outputs()] == [("a0", 0), ("a1", 0.7)]


def deadly(number):
    return make_event("desk", f"a{number}", {"income": 1, "purpose": "deadly"}, kind="application").body()


def test_a_row_that_ended_the_process_is_found_by_the_next_one_and_harms_no_other(station, pieces):
    station.stream = Raw([deadly(n) if n in {3, 8} else good(n) for n in range(12)])
    assert station.desk.take(pieces.subscription(station.topic), "", seen=None)
    with station.desk._database.writing() as writer:  # as a process that is gone left it
        writer.change("UPDATE subscriptions SET holder = ?", (f"{this_process()}0",))
    tally = until_quiet(station.consumer(batch=12))
    assert (tally.scored, tally.dead) == (10, 2)
    assert [one["data"]["event"]["id"] for one in station.outputs()] == [f"a{n}" for n in range(12) if n not in {3, 8}]
    letters = station.desk.dead_letters("applications/lending")
    assert [(one.offset, one.kind) for one in letters] == [(3, "crash"), (8, "crash")]
    assert "SIGSEGV, 2 times of 2" in letters[0].reason
    again = redrive(station.desk, station.model.now(), station.standing(), letters, now=station_time())
    assert (again.scored, len(again.still)) == (0, 2)  # and this process lives


def test_a_model_that_is_deadly_on_every_row_is_at_fault_itself(pieces):
    from workbench.serving.events.trial import tried

    rows = [b'{"income": 1, "purpose": "deadly"}'] * 40
    with pytest.raises(EngineError, match="SIGSEGV") as failed:
        tried(pieces.Tenth().now()).score(rows)
    assert "rollback lending" in failed.value.hint


def test_a_row_on_which_the_model_hangs_is_given_up_while_others_hear_that_we_live(pieces, monkeypatch):
    monkeypatch.setattr(trial, "SECONDS", 0.3)
    monkeypatch.setattr(trial, "BEAT", 0.1)
    model, beats = pieces.Tenth(), []
    model.one = lambda row: Scored(row, 1.0) if row["income"] else threading.Event().wait()
    scorer = trial.tried(model.now(), alive=lambda: beats.append(1))
    hung, fine = scorer.score([b'{"income": 0}', b'{"income": 1}'])
    assert "no answer within" in hung.reason and fine.score == 1.0
    assert beats


def test_a_trial_does_not_hang_where_the_model_has_threads_already(pieces, monkeypatch):
    """Threads of OpenMP are not there in a fork; a sound row would count as one on which the model hangs."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    monkeypatch.setattr(trial, "SECONDS", 20.0)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 3))

    def score(bodies):
        found = model.predict_proba(rows[: len(bodies)])[:, 1] if bodies else []
        return [Scored(body, float(one)) for body, one in zip(bodies, found, strict=True)]

    with threadpool_limits(2, user_api="openmp"):
        model = HistGradientBoostingClassifier(max_iter=3).fit(rows, rows[:, 0] > 0)
        plain = pieces.Tenth().now()._replace(score=score)
        assert plain.score([b"1", b"2"]) == trial.tried(plain).score([b"1", b"2"])


def test_who_waits_for_a_subscription_outlives_a_desk_that_fails(station, pieces, monkeypatch):
    station.stream.append(station.topic, pieces.events(5))
    wanted = pieces.subscription(station.topic)
    station.desk.take(wanted, "elsewhere/1/1", seen=None)
    look, fails = station.desk.standing, iter([False, True, True, False])

    def standing(name):
        if next(fails, False):
            raise EngineError("the desk is away")
        return look(name)

    monkeypatch.setattr(station.desk, "standing", standing)
    consumer, stop = station.consumer(silence=0.3, progress=lambda _: stop.set()), threading.Event()
    consumer.run(stop)
    assert consumer.tally.scored == 5 and consumer.tally.failures == 2
    assert sum("the desk is away" in text for text in station.told) == 1
