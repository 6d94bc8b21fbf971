"""Event tables in PostgreSQL: what only a server does."""

import contextlib
import threading

import pytest

from workbench.errors import EngineError, Misuse
from workbench.serving.events import TableStream, make_event


def events(number, *, first=0):
    return [make_event("desk", f"a{n}", {"x": n}, kind="t") for n in range(first, number)]


@pytest.fixture
def opened(postgres):
    pytest.importorskip("pg8000")
    from workbench.engines.postgres_events import PostgresDatabase

    url = "postgresql://{user}@{host}:{port}/{database}".format(**postgres)
    with contextlib.ExitStack() as all_:

        def another():
            database = PostgresDatabase(url)
            all_.callback(database.close)
            return database

        yield another


@pytest.mark.parametrize("url", ["postgresql://", "postgresql://host", "mysql://u:s3cret@host/db", "sqlite:///x"])
def test_a_url_of_another_kind_is_refused_without_its_password(url):
    from workbench.engines.postgres_events import PostgresDatabase

    with pytest.raises(Misuse) as refused:
        PostgresDatabase(url)
    assert "s3cret" not in refused.value.told()


def test_a_server_that_is_not_there_is_an_error_without_its_password():
    from workbench.engines.postgres_events import PostgresDatabase

    pytest.importorskip("pg8000")
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:1/events") as failed:
        PostgresDatabase("postgresql://desk:s3cret@127.0.0.1:1/events")
    assert "s3cret" not in failed.value.told()


@pytest.mark.slow
def test_a_connection_that_the_server_ends_is_an_error_once_and_then_made_anew(opened):
    database, other = opened(), opened()
    stream = TableStream(database)
    stream.append("ended", events(5))
    with database.reading() as reader:
        ((pid,),) = reader.run("SELECT pg_backend_pid()")
    with other.writing() as writer:
        writer.run("SELECT pg_terminate_backend(?)", (pid,))
    with pytest.raises(EngineError, match="PostgreSQL at 127"):
        stream.append("ended", events(9))
    assert stream.append("ended", events(9)) == 4
    assert stream.ends("ended") == {0: 9}


@pytest.mark.slow
def test_who_append_at_once_leave_no_gap_and_no_double(opened):
    streams = [TableStream(opened()) for _ in range(4)]
    added = []

    def append(stream):
        added.extend(stream.append("crowd", events(first + 10, first=first)) for first in range(0, 100, 10))

    threads = [threading.Thread(target=append, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = streams[0].read("crowd", {}, most=1000, wait=0)
    assert sum(added) == len(records) == 100
    assert [record.offset for record in records] == list(range(100))


@pytest.mark.slow
def test_what_fails_half_way_is_undone_and_the_connection_goes_on(opened):
    database = opened()
    with pytest.raises(EngineError, match="syntax"), database.writing() as writer:  # noqa: PT012
        begun = "INSERT INTO topics (name, number, next) VALUES ('half', 999, 0)"
        assert writer.change(begun) == 1
        writer.run("SELEKT")
    assert TableStream(database).ends("half") == {}
