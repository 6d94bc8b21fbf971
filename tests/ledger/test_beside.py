"""A long ledger scanned by several processes: found is what one process finds, whatever happens to the others."""

import os
import random
import signal
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from workbench.ledger import Draft, Ledger, beside
from workbench.ledger.beside import entries
from workbench.ledger.chain import Chain
from workbench.ledger.rows import COLUMNS
from workbench.ledger.scan import Before, scan
from workbench.ledger.tree import TILE

ENTRIES = 5 * TILE + 77


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    now, folder = datetime(2026, 1, 1, tzinfo=UTC), tmp_path_factory.mktemp("long")
    with Ledger.open(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        ledger.sign_with(folder / "ledger.key")
        with ledger.transaction() as writer:
            for n in range(40):
                body = {"slot": "champion", "generation": n + 1, "decision": {"decision": "allow"}}
                told = {"actor": "analyst", "why": "because", "now": now}
                entry = writer.append("promotion.granted", subject=f"lending/{n + 1}", body=body, **told)
                writer.move_head("lending", "champion", n + 1, expected_generation=n, entry=entry)
        left = ENTRIES - len(ledger.entries())
        ledger.append_all(Draft("note", f"lending/{n}", "analyst", "ü\n", {"n": n}, now) for n in range(left))
        return ledger._rows(f"SELECT {COLUMNS} FROM entries ORDER BY seq")


class File:
    """A file with rows of entries that no rule holds, as a ledger's database gives them."""

    def __init__(self, path, rows):
        self.file = path
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.stream = self.connection.execute
        if rows is not None:
            self.connection.execute(f"CREATE TABLE entries ({COLUMNS.replace('seq', 'seq INTEGER PRIMARY KEY', 1)})")
            self.connection.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def execute(self, sql):
        return self.connection.execute(sql).fetchall()


def followed(rows, others=0, sizes=()):
    """All that a chain knows after it followed rows, with so many processes beside it."""
    chain = Chain(sizes)
    chain.others = others
    told = chain.run(rows)
    return told, chain.count, chain.last, chain.tip, chain.heads, chain.keys, chain.tiles, chain.root(), chain.root_at


@pytest.fixture
def in_small_pieces(monkeypatch):
    monkeypatch.setattr(beside, "PIECE", TILE)
    monkeypatch.setattr(beside, "MANY", 0)


def spoiled(rows, rng):
    """The rows with something done to a few of them; the numbers stay."""
    found = [list(row) for row in rows]
    for _ in range(rng.randrange(1, 4)):
        place, way = rng.randrange(1, len(found)), rng.randrange(3)
        if way == 0:
            found[place][1:], found[place - 1][1:] = found[place - 1][1:], found[place][1:]
        elif way == 1:
            found[place][rng.randrange(1, 10)] = rng.choice(["x", "", b"\0", 7, None, 2.5])
        else:
            del found[place:]
        if len(found) < 2:
            break
    return [tuple(row) for row in found]


@pytest.fixture
def teams(monkeypatch):
    """The processes that were begun."""
    begun, usual = [], beside._Other

    def noted(file):
        begun.append(usual(file))
        return begun[-1]

    monkeypatch.setattr(beside, "_Other", noted)
    return begun


@pytest.mark.usefixtures("in_small_pieces")
def test_processes_beside_each_other_find_what_one_finds(rows, tmp_path, teams):
    rng = random.Random(0)
    for number in range(12):
        given = spoiled(rows, rng) if number else rows
        sizes = sorted(rng.sample(range(1, ENTRIES + 400), 40))
        alone = followed(given, 0, sizes)
        file = File(tmp_path / f"{number}.db", given)
        assert followed(entries(file), 2, sizes) == alone
        assert len(teams) == 2 * (number + 1)
        assert bool(alone[0]) == (number > 0) or given == rows[: len(given)]


@pytest.mark.usefixtures("in_small_pieces")
def test_numbers_with_gaps_are_followed_by_one_process(rows, tmp_path, teams):
    for number, gone in enumerate((0, 700, ENTRIES - 2)):
        given = [row for row in rows if row != rows[gone]]
        assert followed(entries(File(tmp_path / f"{number}.db", given)), 2) == followed(given)
    assert not teams


@pytest.mark.usefixtures("in_small_pieces")
def test_what_another_process_sees_otherwise_counts_for_nothing(rows, tmp_path, teams):
    told = followed(rows)
    shorter, other = rows[: 3 * TILE], [(*row[:8], "00" * 32, "11" * 32) for row in rows]
    for number, seen in enumerate((shorter, other, [])):
        elsewhere = File(tmp_path / f"seen{number}.db", seen)
        shared = entries(File(tmp_path / f"own{number}.db", rows))
        assert followed(replace(shared, file=elsewhere.file), 2) == told
    assert followed(replace(shared, file=tmp_path / "none.db"), 1) == told
    assert len(teams) == 7


@pytest.mark.usefixtures("in_small_pieces")
def test_a_process_that_is_killed_while_it_scans_costs_nothing_but_time(rows, tmp_path, teams):
    shared, asked = entries(File(tmp_path / "ledger.db", rows)), []

    class Killing(File):
        def stream(self, sql):
            asked.append(sql)
            if len(asked) == 3:
                os.kill(teams[0]._process.pid, signal.SIGKILL)
                teams[0]._process.wait()
            return self.connection.execute(sql)

    killing = Killing.__new__(Killing)
    killing.connection = shared.database.connection
    assert followed(replace(shared, database=killing), 1) == followed(rows)
    assert len(asked) > 3
    assert teams[0]._process.returncode == -signal.SIGKILL


@pytest.mark.usefixtures("in_small_pieces")
def test_whoever_stops_in_the_middle_leaves_no_process(rows, tmp_path, teams):
    shared = entries(File(tmp_path / "ledger.db", rows))

    class Cut:
        def stream(self, sql):
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        followed(replace(shared, database=Cut()), 2)
    assert len(teams) == 2
    assert all(other._process.poll() is not None for other in teams)


@pytest.mark.usefixtures("in_small_pieces")
def test_where_no_process_can_be_had_one_scans_alone(rows, tmp_path, monkeypatch):
    def none(file):
        raise OSError("no more processes")

    monkeypatch.setattr(beside, "_Other", none)
    assert followed(entries(File(tmp_path / "ledger.db", rows)), 2) == followed(rows)


def test_a_short_ledger_is_scanned_by_one_process(rows, tmp_path, teams):
    assert followed(entries(File(tmp_path / "ledger.db", rows)), None)[0] == []
    assert not teams


def test_a_scan_needs_nothing_of_the_rows_before_but_the_last(rows):
    whole = scan(rows[: 2 * TILE], Before(0, rows[0][8]))
    parts = [scan(rows[:TILE], Before(0, rows[0][8])), scan(rows[TILE : 2 * TILE], Before(TILE, rows[TILE - 1][9]))]
    assert [tile for part in parts for tile in part.tiles] == whole.tiles
    assert parts[1].end == whole.end


DAMAGE = [
    (0, 10**6), (1, "2026-01-01 00:00:00+00:00"), (1, "2026-01-01T00:00:00"), (1, "soon"), (1, 7), (2, "promotion"),
    (3, b"lending/1"), (4, "somebody"), (5, None), (6, "{}"), (6, "{"), (6, None), (6, b"{}"), (7, "key"), (7, 1),
    (8, "00" * 32), (9, "11" * 32), (9, None), (9, 5),
]  # fmt: skip


@pytest.mark.parametrize(("column", "value"), DAMAGE)
@pytest.mark.parametrize("place", [0, 100, TILE - 1, TILE])
def test_a_row_that_was_changed_is_told_of_with_the_one_that_follows_it_and_no_other(rows, column, value, place):
    begin = 2 * TILE
    some = list(rows[begin : begin + 2 * TILE])
    some[place] = (*some[place][:column], value, *some[place][column + 1 :])
    found = scan(some, Before(begin, rows[begin - 1][9]))
    named = [at for at, _, _ in found.odd]
    assert named == ([place, place + 1] if column in {0, 9} else [place])
    for at, before, row in found.odd:
        assert row == some[at]
        assert before == ((some[at - 1][0], str(some[at - 1][9])) if at else (begin, rows[begin - 1][9]))
    assert (found.rows, found.end) == (2 * TILE, (some[-1][0], str(some[-1][9])))


def test_rows_of_several_kinds_of_damage_are_told_of_one_by_one(rows):
    begin, chance = 2 * TILE, random.Random(1)
    some = list(rows[begin : begin + 3 * TILE])
    due = set()
    for place in chance.sample(range(3 * TILE), 40):
        column, value = chance.choice(DAMAGE)
        some[place] = (*some[place][:column], value, *some[place][column + 1 :])
        due |= {place, place + 1} if column in {0, 9} else {place}
    found = scan(some, Before(begin, rows[begin - 1][9]))
    assert [at for at, _, _ in found.odd] == sorted(due & set(range(3 * TILE)))
