"""A run of the same content is not run again; whatever is doubtful is, and says why."""

import json
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from workbench.batch import Record, run
from workbench.batch.index import FILE, Index
from workbench.batch.lanes import Failure
from workbench.batch.reads import READS, note_changing, note_input, reads_of
from workbench.errors import Misuse
from workbench.ledger import Ledger


@pytest.fixture
def world(tmp_path, simulated, write_notebook):
    """Runs that may be reused, over simulators."""
    tracking = simulated.SimulatedTracking(tmp_path / "tracking.json")
    lane = simulated.SimulatedLane(hand_over=close)
    (tmp_path / "data.csv").write_text("a\n1\n")
    write_notebook(tmp_path / "weekly.ipynb", "#parameters\nseed: int = 7  # seed\ndata: str = ''  # file", "1")

    def go(parameters=None, *, lane=lane, name="weekly", **more):
        with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
            return run(
                tmp_path / f"{name}.ipynb",
                parameters or {},
                workspace_root=tmp_path,
                tracking=lambda: tracking,
                ledger=ledger,
                actor="analyst",
                now=simulated.Clock(),
                lane=lane,
                **{"reuse": True, "environ": {}, **more},
            )

    go.tracking, go.root, go.lane, go.write = tracking, tmp_path, lane, write_notebook
    go.index = tmp_path / "reports" / "runs" / FILE
    go.entries = lambda: Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}").entries()
    return go


def close(folder):
    record = Record.in_run(folder, now=None)
    record.metric("f1", 0.9)
    record.sentence("It went well.")
    record.close()


def reading(note):
    """What a kernel does that notes what it reads before it closes its record."""

    def hand_over(folder):
        note(folder)
        close(folder)

    return hand_over


def again(world, simulated, note):
    """Two runs of one content of which the first notes what it reads."""
    return world(lane=simulated.SimulatedLane(hand_over=reading(note))), world()


# hits


def test_the_same_run_is_not_run_again(world):
    first, second = world({"seed": 8}), world({"seed": "8"})
    assert (world.lane.times, first.reused, second.reused) == (1, False, True)
    assert second == type(first)(**{**first.__dict__, "reused": True})
    assert first.because == "ran because: nothing like it ran before"
    assert second.because.startswith(f"run {first.run_id[:8]} of 2026-01-05 09:")


def test_a_hit_opens_no_store_and_writes_nothing(world):
    world()
    calls, entries = len(world.tracking.calls), len(world.entries())
    assert world().reused
    assert (len(world.tracking.calls), len(world.entries())) == (calls, entries)


def test_a_run_that_is_asked_for_afresh_runs_and_is_used_from_then_on(world):
    first, second = world(), world(reuse=False)
    assert not second.reused
    assert second.because == "ran because it was asked to run afresh"
    assert world().run_id == second.run_id != first.run_id


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root, write: {"seed": 8}, "parameter seed was 7, is 8"),
        (lambda root, write: (root / "data.csv").write_text("a\n2\n") and None, "data.csv changed"),
        (
            lambda root, write: (
                write(root / "weekly.ipynb", "#parameters\nseed: int = 7\ndata: str = 'data.csv'", "2") and None
            ),
            "cell 1 changed; cell 2 changed",
        ),
    ],
    ids=["parameter", "input", "cell"],
)
def test_a_miss_is_explained(world, change, said):
    given = {"data": "data.csv"}
    world(given)
    outcome = world({**given, **(change(world.root, world.write) or {})})
    assert (outcome.reused, outcome.because) == (False, f"ran because: {said}")


def test_a_miss_is_explained_by_the_most_similar_earlier_run(world):
    for seed in (1, 2, 3):
        world({"seed": seed, "data": f"{seed}"})
    assert world({"seed": 1, "data": "9"}).because == "ran because: parameter data was 1, is 9"


ORDINARY = """
import os
from datetime import datetime
from pathlib import Path
import pandas as pd
import workbench
bench = workbench.open_bench()
record = bench.record()
folder = Path("data")
frame = pd.concat(pd.read_csv(folder / f"{region}.csv") for region in ("north", "south"))
since = datetime(2026, 1, 5)
record.file(f"{frame.columns[0]}.csv", frame.to_csv())
print(f"{len(frame)}/{record.now:%Y} rows of {frame.columns[0]}.{since}")
"""


def test_an_ordinary_notebook_is_not_run_again_until_its_data_changes(world):
    (world.root / "data").mkdir()
    for name in ("north", "south"):
        (world.root / "data" / f"{name}.csv").write_text("a\n1\n")
    world.write(world.root / "ordinary.ipynb", "#parameters\nseed: int = 7", ORDINARY)
    world(name="ordinary")
    assert world(name="ordinary").reused
    (world.root / "data" / "south.csv").write_text("a\n2\n")
    assert not world(name="ordinary").reused


@pytest.mark.parametrize("cell", ["read('https://example.org/x.csv')", "from datetime import date\ndate.today()"])
def test_what_reads_the_network_or_the_clock_is_always_run(world, cell):
    world.write(world.root / "outside.ipynb", "#parameters\nseed: int = 7", cell)
    world(name="outside")
    assert not world(name="outside").reused


# keys


def test_a_hit_under_a_key_stays_with_the_key_whatever_changes_later(world):
    first = world()
    second = world(key="weekly/1")
    world.write(world.root / "weekly.ipynb", "#parameters\nseed: int = 7\ndata: str = ''", "another cell")
    third = world(key="weekly/1", reuse=False)
    assert first.run_id == second.run_id == third.run_id
    assert world.lane.times == 1
    (entry,) = [entry for entry in world.entries() if entry.kind == "run.reused"]
    assert (entry.key, entry.subject) == ("weekly/1", f"run/{first.run_id}")
    with pytest.raises(Misuse, match="was used with seed = 7; now it is 9"):
        world({"seed": 9}, key="weekly/1")


def test_a_run_under_a_key_is_used_by_one_without(world):
    assert world(key="weekly/1").run_id == world().run_id


# what must not be used again


def test_a_failed_run_is_run_again(world, simulated):
    failed = world(lane=simulated.SimulatedLane(hand_over=close, failure=Failure("ValueError", "no", 2)))
    assert (failed.status, world().reused) == ("failed", False)


def test_a_run_that_reads_what_changes_is_run_again_and_says_so(world, simulated):
    why = "it reads the prediction log, which changes"
    first, second = again(world, simulated, lambda folder: note_changing(folder, why))
    assert not second.reused
    assert second.because == (
        f"ran because: the same ran before (run {first.run_id[:8]} of 2026-01-05 09:04 UTC), but {why}"
    )


def test_a_run_with_a_further_input_is_used_while_that_is_unchanged(world, simulated):
    first, second = again(world, simulated, lambda folder: note_input(folder, world.root, "data.csv"))
    assert second.run_id == first.run_id
    (world.root / "data.csv").write_text("a\n2\n")
    third = world(lane=simulated.SimulatedLane(hand_over=reading(lambda f: note_input(f, world.root, "data.csv"))))
    assert (third.reused, third.because) == (False, "ran because: data.csv changed")
    (world.root / "data.csv").write_text("a\n1\n")
    assert world().run_id == first.run_id, "the earlier one holds again"
    (world.root / "data.csv").unlink()
    assert not world().reused


def test_damaged_notes_are_a_reason_to_run_again(world, simulated):
    _, second = again(world, simulated, lambda folder: (folder / READS).write_text("{"))
    assert not second.reused


def test_an_input_that_changes_while_it_is_read_is_a_reason_to_run_again(world, simulated):
    def change(folder):
        (world.root / "data.csv").write_text("a\n2\n")

    given = {"data": "data.csv"}
    first = world(given, lane=simulated.SimulatedLane(hand_over=reading(change)))
    assert not first.reused
    (world.root / "data.csv").write_text("a\n1\n")
    second = world(given)
    assert not second.reused
    assert "data.csv changed while it ran" in second.because


def test_a_cell_that_may_read_anything_makes_a_run_that_is_always_run(world):
    world.write(world.root / "shell.ipynb", "#parameters\nseed: int = 7", "!date")
    world(name="shell")
    outcome = world(name="shell")
    assert not outcome.reused
    assert outcome.because == "ran because it cannot be told what it depends on: cell 2 calls the shell or a magic"


def test_a_run_with_a_secret_is_always_run(world):
    world.write(
        world.root / "secret.ipynb", "#parameters\nfrom workbench import Secret\ntoken: Secret = Secret('env:TOKEN')"
    )
    for _ in range(2):
        outcome = world(name="secret", environ={"TOKEN": "not for the disk"})
    assert not outcome.reused
    assert "what the secret token opens may change" in outcome.because


def test_a_run_whose_folder_is_gone_is_run_again(world):
    first = world()
    first.notebook.unlink()
    outcome = world()
    assert not outcome.reused
    assert f"its folder {first.notebook.parent.name} is gone" in outcome.because


def test_a_copy_under_another_name_is_a_run_of_its_own(world):
    world()
    (world.root / "monthly.ipynb").write_text((world.root / "weekly.ipynb").read_text())
    outcome = world(name="monthly")
    assert (outcome.reused, outcome.name) == (False, "monthly")


# the index


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no database" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: sqlite3.connect(path).executescript("PRAGMA user_version = 99"),
        lambda path: sqlite3.connect(path).executescript("UPDATE place SET seq = 999"),
        lambda path: sqlite3.connect(path).executescript("DELETE FROM runs; UPDATE place SET hash = 'other'"),
    ],
    ids=["gone", "empty", "no database", "cut", "another schema", "ahead of the ledger", "of another ledger"],
)
def test_the_index_is_made_anew_from_the_ledger(world, damage):
    first = world()
    assert world().reused
    damage(world.index)
    assert world().run_id == first.run_id
    assert world.lane.times == 1


def test_a_run_of_another_ledger_is_not_used(world):
    """A workspace whose ledger was put back from a backup knows the runs of the backup only."""
    world()
    for file in world.root.glob("ledger.db*"):
        file.unlink()
    assert not world().reused


def test_an_index_that_cannot_be_written_is_a_miss_and_stops_nothing(world):
    world.index.parent.mkdir(parents=True)
    world.index.mkdir()
    outcome = world()
    assert outcome.status == "finished"
    assert outcome.because.startswith("ran because earlier runs cannot be looked up: the index of runs")


def test_the_damage_of_an_index_is_told(world):
    with Ledger.open(f"sqlite:///{world.root / 'ledger.db'}") as ledger:
        index = Index(world.root, ledger)
        assert index.damage() == ""
        world()
        assert index.rebuild() == 1
        assert index.damage() == ""
        world.index.write_bytes(b"no database" * 1000)
        assert "not a database" in index.damage()


def test_many_that_look_up_at_once_find_the_same(world):
    first = world()
    world.index.unlink()
    found = []
    racers = [threading.Thread(target=lambda: found.append(world().run_id)) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert found == [first.run_id] * 4


@pytest.mark.parametrize("line", ["INSERT INTO runs", "UPDATE place", "COMMIT"])
def test_killed_between_the_commit_and_the_index_the_run_is_found_or_run_never_wrong(
    world, line, monkeypatch, killed_at
):
    first = world()
    world.index.unlink()
    killed_at(FILE, line, world)
    assert world().run_id == first.run_id
    assert world.lane.times == 1


# notes


def test_notes_come_together_from_whoever_writes_them(tmp_path):
    (tmp_path / "a").write_text("1")
    note_changing(tmp_path, "it reads the ledger, which changes")
    note_changing(tmp_path, "it reads the ledger, which changes")
    assert note_input(tmp_path, tmp_path, "a") == tmp_path / "a"
    found = reads_of(tmp_path)
    assert found.changing == ("it reads the ledger, which changes",)
    assert list(found.inputs) == ["a"]
    (tmp_path / "a").write_text("2")
    note_input(tmp_path, tmp_path, "a")
    assert reads_of(tmp_path).changing[1:] == ("a changed while it ran",)


def test_an_input_that_is_not_there_is_told(tmp_path):
    with pytest.raises(Misuse, match=r"the input x\.csv cannot be read"):
        note_input(tmp_path, tmp_path, "x.csv")


def test_a_record_declares_an_input_relative_to_the_workspace(world, simulated):
    def declare(folder):
        Record.in_run(folder, now=None).input("data.csv")

    first, second = again(world, simulated, declare)
    assert second.run_id == first.run_id
    (body,) = [entry.body for entry in world.entries()]
    assert list(body["inputs"]) == ["data.csv"]


# speed


FAST = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import simulated
from workbench.batch import run
from workbench.ledger import Ledger
root = Path(sys.argv[2])
with Ledger.open(f"sqlite:///{root / 'ledger.db'}") as ledger:
    for seed in range(100):
        outcome = run(root / "weekly.ipynb", {"seed": seed % 2}, workspace_root=root, tracking=None, ledger=ledger,
            actor="a", now=simulated.Clock(), environ={}, key=f"sweep/{seed}", reuse=True)
        assert outcome.reused
print(time.process_time(), [m for m in ("mlflow", "papermill", "nbformat", "numpy", "rich") if m in sys.modules])
"""


def test_a_hundred_hits_in_a_new_process_take_less_than_a_second_and_import_nothing_heavy(world):
    for seed in (0, 1):
        world({"seed": seed})
    command = [sys.executable, "-c", FAST, str(Path(__file__).parent), str(world.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seconds, _, heavy = done.stdout.partition(" ")
    assert json.loads(heavy.replace("'", '"')) == []
    assert float(seconds) < 1
