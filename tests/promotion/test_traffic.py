"""Under traffic: what was acknowledged is never lost, and a repair is noted once however many make it."""

import importlib.util
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from workbench.errors import Misuse
from workbench.ledger import Ledger
from workbench.ledger.heads import fold

pytestmark = pytest.mark.slow

spec = importlib.util.spec_from_file_location("crashing", Path(__file__).with_name("crashing.py"))
crashing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crashing)

ROUNDS = 25


def started(folder, act):
    """A child process that opens its own connections and acts; its id."""
    child = os.fork()
    if child:
        return child
    try:
        act(crashing.Place(folder))
    except BaseException as error:  # noqa: BLE001 - whatever it is, the child must not go on as pytest
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)
    os._exit(0)


@pytest.fixture
def folder(tmp_path):
    """Three versions, the first of them champion; no connection is open."""
    (tmp_path / "promotion.rego").write_text("package promotion\n")
    place = crashing.Place(tmp_path)
    place.register(1, 2, 3)
    place.promote(1)
    place.close()
    return tmp_path


def consistent(folder):
    """The granted moves, after making sure that ledger, heads and registry tell one story and nothing is owed."""
    registry = crashing.FileRegistry(folder / "registry.db")
    with Ledger.open(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        assert ledger.verify().problems == ()
        head = ledger.head("lending")
        assert fold(ledger.entries()) == {("lending", "champion"): head}
        assert registry.alias("lending", "champion") == (head.version, head.generation)
        assert ledger.owed() == []
        registry.close()
        return ledger.entries(kind="promotion.granted")


def test_a_move_that_was_acknowledged_is_never_lost(folder):
    """A process that promotes as fast as it can, killed at random moments: also inside a commit."""
    chance, acknowledged = random.Random(7), []

    def traffic(place):
        place.act("reconcile")
        while True:
            for version in (1, 2, 3):
                try:
                    move = place.promote(version)
                except Misuse:
                    continue  # it is champion already
                os.write(pipe, json.dumps([move.generation, move.version]).encode() + b"\n")

    for _ in range(ROUNDS):
        reading, pipe = os.pipe()
        child = started(folder, traffic)
        os.close(pipe)
        with os.fdopen(reading) as told:
            acknowledged.append(json.loads(told.readline()))
            time.sleep(chance.uniform(0, 0.08))
            os.kill(child, signal.SIGKILL)
            acknowledged += [json.loads(line) for line in told if line.endswith("]\n")]
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    crashing.run(folder, "reconcile")
    moves = [(entry.body["generation"], entry.body["to"]) for entry in consistent(folder)]
    assert [generation for generation, _ in moves] == list(range(1, len(moves) + 1))
    assert len(acknowledged) >= ROUNDS
    assert set(map(tuple, acknowledged)) <= set(moves)
    assert len(moves) - len(acknowledged) <= ROUNDS + 1  # a kill hides at most the one it interrupts


def test_processes_that_reconcile_at_once_note_a_repair_once(folder):
    registry = crashing.FileRegistry(folder / "registry.db")
    registry._connection.execute("UPDATE aliases SET version = 3")
    registry.close()
    children = [started(folder, lambda place: place.act("reconcile")) for _ in range(6)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 6
    consistent(folder)
    with Ledger.open(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        assert len(ledger.entries(kind="projection.repaired")) == 1
