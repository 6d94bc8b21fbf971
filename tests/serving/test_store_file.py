"""A store's file is made once, brought up to date once, and kept for who made it; another database is left alone."""

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from workbench.errors import EngineError
from workbench.serving.store_file import open_store

MIGRATIONS = {0: ("CREATE TABLE seen (id TEXT PRIMARY KEY, n INTEGER)",), 1: ("ALTER TABLE seen ADD COLUMN n INTEGER",)}


def opened(path, **more):
    return closing(open_store(f"sqlite:///{path}", "the examples", MIGRATIONS, version=2, **more).connection)


def older(path, version=1, table="seen"):
    with closing(sqlite3.connect(path)) as made:
        made.execute(f"CREATE TABLE {table} (id TEXT PRIMARY KEY)")
        made.execute(f"INSERT INTO {table} VALUES ('a')")
        made.execute(f"PRAGMA user_version = {version}")
        made.commit()


def test_a_new_file_is_for_this_user_and_one_that_others_share_stays_theirs(tmp_path):
    with opened(tmp_path / "new.db"):
        assert stat.S_IMODE((tmp_path / "new.db").stat().st_mode) == 0o600
    older(tmp_path / "shared.db")
    (tmp_path / "shared.db").chmod(0o660)
    with opened(tmp_path / "shared.db"):
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.glob("shared.db*")}
        assert set(modes.values()) == {0o660}, "the files beside it, too"


def test_an_older_file_is_brought_up_to_date_by_one_of_those_who_open_it_at_once(tmp_path):
    older(tmp_path / "s.db")
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: opened(tmp_path / "s.db"), range(8)))
    for store in stores:
        with store as connection:
            assert connection.execute("SELECT id, n FROM seen").fetchall() == [("a", None)]


@pytest.mark.parametrize(("version", "table"), [(0, "accounts"), (-3, "accounts"), (0, "seen")])
def test_another_database_is_refused_and_left_as_it_is(tmp_path, version, table):
    older(tmp_path / "s.db", version, table)
    before = (tmp_path / "s.db").read_bytes()
    with pytest.raises(EngineError, match="another database"), opened(tmp_path / "s.db"):
        pass
    assert (tmp_path / "s.db").read_bytes() == before
