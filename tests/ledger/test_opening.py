"""A ledger is made once, whoever comes first, and a file that cannot be one is refused in words."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workbench.errors import EngineError, Misuse
from workbench.ledger import Ledger

OPEN_AND_WRITE = """
import sys
from datetime import UTC, datetime
from workbench.ledger import Ledger
sys.stdin.read()
with Ledger.open(sys.argv[1]) as ledger:
    for n in range(int(sys.argv[2])):
        ledger.append("note", subject="lending", actor=sys.argv[3], why=str(n), body={}, now=datetime.now(UTC))
"""


def url(path):
    return f"sqlite:///{path}"


@pytest.mark.parametrize("given", ["", "ledger.db", "postgresql://x/y", "sqlite://ledger.db", "sqlite:///"])
def test_a_url_of_another_kind_is_refused(given):
    with pytest.raises(Misuse, match="must be sqlite:///PATH"):
        Ledger.open(given)


def test_a_ledger_keeps_what_it_is_promised_on_disk(ledger):
    """The write-ahead log with a sync at every commit: a granted move outlives a power cut."""
    assert ledger._database.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert ledger._database.connection.execute("PRAGMA synchronous").fetchone() == (2,)


@pytest.mark.parametrize(
    "content", [b"this is not a database" * 100, b"SQLite format 3\x00" + b"\x01" * 5000, os.urandom(4096)]
)
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(path, content):
    path.write_bytes(content)
    with pytest.raises(EngineError, match=r"ledger\.db cannot be opened") as refused:
        Ledger.open(url(path))
    assert refused.value.hint
    assert path.read_bytes() == content


def test_another_database_is_no_ledger(path):
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE predictions (id)")
        other.execute("PRAGMA user_version = 1")
    other.close()
    with pytest.raises(EngineError, match="is a database, but no ledger"):
        Ledger.open(url(path))


def test_a_ledger_of_a_newer_workbench_is_refused(path):
    with Ledger.open(url(path)) as ledger:
        ledger._database.connection.execute("PRAGMA user_version = 99")
    with pytest.raises(EngineError, match="has schema 99; this workbench knows up to 4") as refused:
        Ledger.open(url(path))
    assert "upgrade" in refused.value.hint


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(EngineError, match="there is no folder"):
        Ledger.open(url(tmp_path / "nowhere" / "ledger.db"))


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path):
    with pytest.raises(EngineError, match="unable to open"):
        Ledger.open(url(tmp_path))


@pytest.fixture
def read_only(path):
    """A folder with a ledger, neither of which this process may write."""
    folder = Path(tempfile.mkdtemp())
    with Ledger.open(url(folder / "ledger.db")) as ledger:
        ledger.append("note", subject="x", actor="x", why="", body={}, now=datetime.now(UTC))
    (folder / "ledger.db").chmod(0o444)
    folder.chmod(0o555)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)  # nobody: root may write everywhere
    yield folder
    os.seteuid(was)
    folder.chmod(0o755)
    shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["ledger.db", "new.db"])
def test_a_read_only_folder_is_refused_with_the_way_out(read_only, name):
    with pytest.raises(EngineError, match="cannot be opened") as refused:
        Ledger.open(url(read_only / name))
    assert "writable" in refused.value.hint


@pytest.mark.slow
def test_many_processes_may_open_a_new_ledger_at_once(path):
    """One makes the tables, none fails, and every entry is there in one chain."""
    command = [sys.executable, "-c", OPEN_AND_WRITE, url(path), "10"]
    running = [subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE, stderr=subprocess.PIPE) for n in range(8)]
    for child in running:
        child.stdin.close()  # go
    told = [child.stderr.read().decode() for child in running]
    for child in running:
        child.stderr.close()
    assert [child.wait(60) for child in running] == [0] * 8, told
    with Ledger.open(url(path)) as ledger:
        assert ledger.verify().entries == 80
        assert ledger.verify().problems == ()
