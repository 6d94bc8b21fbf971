"""A long ledger scanned by several processes: found is what one process finds, whatever happens to the others."""

import os
import random
import signal
import time
from datetime import UTC, datetime

import pytest

from workbench.ledger import Draft, Ledger, beside
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


def followed(rows, others, sizes=()):
    """All that a chain knows after it followed rows, with so many processes beside it."""
    chain = Chain(sizes)
    chain.others = others
    told = chain.run(iter(rows))
    return told, chain.count, chain.last, chain.tip, chain.heads, chain.keys, chain.tiles, chain.root(), chain.root_at


@pytest.fixture
def in_small_pieces(monkeypatch):
    monkeypatch.setattr(beside, "PIECE", TILE)
    monkeypatch.setattr(beside, "MANY", 0)


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


def spoiled(rows, rng):
    """The rows with something done to a few of them."""
    found = [list(row) for row in rows]
    for _ in range(rng.randrange(1, 4)):
        place, way = rng.randrange(len(found)), rng.randrange(6)
        if way == 0:
            del found[place]
        elif way == 1:
            found.insert(place, found[rng.randrange(len(found))])
        elif way == 2:
            found[place], found[place - 1] = found[place - 1], found[place]
        elif way == 3:
            found[place] = [*found[place]]
            found[place][rng.randrange(1, 10)] = rng.choice(["x", "", b"\0", 7, None, 2.5, "\udcff"])
        elif way == 4:
            del found[place:]
        else:
            found[place] = [*found[place]]
            found[place][0] = rng.randrange(-3, 3000)
        if not found:
            break
    return [tuple(row) for row in found]


@pytest.mark.usefixtures("in_small_pieces")
def test_processes_beside_each_other_find_what_one_finds(rows):
    rng = random.Random(0)
    for number in range(12):
        given = spoiled(rows, rng) if number else rows
        sizes = sorted(rng.sample(range(1, ENTRIES + 400), 40))
        alone = followed(given, 0, sizes)
        assert followed(given, 2, sizes) == alone
        assert bool(alone[0]) == (number > 0) or given == rows[: len(given)]


@pytest.mark.usefixtures("in_small_pieces")
def test_a_process_that_is_killed_while_it_scans_costs_nothing_but_time(rows, monkeypatch):
    killed = []

    def one_by_one():
        for number, row in enumerate(rows):
            if number == 3 * TILE:
                wait_until(lambda: teams[0]._started)
                for process in teams[0]._started:
                    os.kill(process.pid, signal.SIGKILL)
                    killed.append(process.wait())
            yield row

    teams, usual = [], beside._Team

    def noted(many):
        teams.append(usual(many))
        return teams[-1]

    monkeypatch.setattr(beside, "_Team", noted)
    assert followed(one_by_one(), 1) == followed(rows, 0)
    assert killed
    assert all(process.poll() is not None for process in teams[0]._started)


@pytest.mark.usefixtures("in_small_pieces")
def test_whoever_stops_in_the_middle_leaves_no_process(rows, monkeypatch):
    teams, usual = [], beside._Team
    monkeypatch.setattr(beside, "_Team", lambda many: teams.append(usual(many)) or teams[-1])

    def cut():
        yield from rows[: 4 * TILE]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        followed(cut(), 2)
    assert teams
    assert all(process.poll() is not None for process in teams[0]._started)


def test_a_short_ledger_is_scanned_by_one_process(rows, monkeypatch):
    monkeypatch.setattr(beside, "_Team", None)
    assert followed(rows, None)[0] == []


def test_a_scan_needs_nothing_of_the_rows_before_but_the_last(rows):
    whole = scan(rows[: 2 * TILE], Before(0, rows[0][8]))
    parts = [scan(rows[:TILE], Before(0, rows[0][8])), scan(rows[TILE : 2 * TILE], Before(TILE, rows[TILE - 1][9]))]
    assert [tile for part in parts for tile in part.tiles] == whole.tiles
    assert parts[1].end == whole.end
