"""The prediction log keeps every answer, and says what was served."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from workbench.errors import EngineError, Misuse
from workbench.serving import Prediction, PredictionLog

START = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
ONE = Prediction(
    id="p1", at=START, model="lending", version=1, generation=1, request="demo-1", input_digest="d",
    features={"income": 4.5, "purpose": "Wohnung in Köln"}, score=0.9, answer=True, latency_us=700, status=200,
)  # fmt: skip
REFUSED = replace(
    ONE, id="p2", request="demo-2", input_digest=None, features=None, score=None, answer=None, status=422, error="no"
)


def test_what_is_read_is_what_was_written(log):
    log.write([ONE, REFUSED])
    assert log.rows("lending") == [ONE, REFUSED]
    assert log.find("p2") == REFUSED
    assert log.find("p3") is None


def test_an_id_is_written_once(log):
    log.write([ONE])
    log.write([replace(ONE, score=0.1)])
    assert log.rows() == [ONE]


def test_a_batch_is_written_whole_or_not_at_all(log):
    with pytest.raises(EngineError):
        log.write([ONE, replace(ONE, id="p9", latency_us=None)])
    assert log.rows() == []


def test_rows_are_chosen_by_time_in_any_zone(log):
    log.write([replace(ONE, id=f"p{hour}", at=START + timedelta(hours=hour)) for hour in range(5)])
    east = (START + timedelta(hours=3)).astimezone(timezone(timedelta(hours=8)))
    assert [row.id for row in log.rows(since=START + timedelta(hours=1), until=east)] == ["p1", "p2"]
    assert [row.id for row in log.rows(limit=2)] == ["p3", "p4"]


def test_served_features_are_those_that_were_answered(log):
    log.write([ONE, REFUSED, replace(ONE, id="p3", version=2, features={"income": 9.5, "purpose": "car"})])
    frame = log.served_features("lending")
    assert frame["income"].tolist() == [4.5, 9.5]
    assert list(frame.columns) == ["income", "purpose"]
    assert log.served_features("lending", version=2)["income"].tolist() == [9.5]
    assert log.served_features("lending", START + timedelta(hours=1)).empty
    assert log.served_features("churn").empty


def test_requests_are_counted_apart_from_their_rows(log):
    log.write([ONE, replace(ONE, id="p3"), REFUSED, replace(ONE, id="p4", request="other-1")])
    assert log.counts("lending") == (3, 3, 1)
    assert log.counts("churn") == (0, 0, 0)
    assert log.count("lending", request_prefix="demo-") == 1
    assert log.count("lending") == 2


def test_many_threads_and_connections_lose_nothing(log, tmp_path):
    other = PredictionLog.open(f"sqlite:///{tmp_path / 'predictions.db'}")
    with other, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (log if n % 2 else other).write([replace(ONE, id=f"p{n}")]), range(100)))
    assert log.counts().rows == 100


def test_a_file_that_is_no_log_is_told_apart_from_one_of_a_newer_workbench(tmp_path):
    (tmp_path / "text.db").write_text("these are not the rows you are looking for" * 20)
    with pytest.raises(EngineError, match="cannot be opened"):
        PredictionLog.open(f"sqlite:///{tmp_path / 'text.db'}")
    newer = sqlite3.connect(tmp_path / "newer.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(EngineError, match="schema 99"):
        PredictionLog.open(f"sqlite:///{tmp_path / 'newer.db'}")


def test_another_database_is_refused_and_left_as_it_is(tmp_path):
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE runs (id INTEGER)")
    with pytest.raises(EngineError, match="it is another database"):
        PredictionLog.open(f"sqlite:///{tmp_path / 'other.db'}")
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("runs",)]
    other.close()


def test_several_may_open_a_new_log_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        for number in range(20):
            url = f"sqlite:///{tmp_path / f'{number}.db'}"
            for opened in list(pool.map(PredictionLog.open, [url] * 8)):
                opened.close()


def test_a_url_of_another_kind_is_refused():
    with pytest.raises(Misuse, match="sqlite:///PATH"):
        PredictionLog.open("postgresql://localhost/x")
