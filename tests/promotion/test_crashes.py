"""Killed anywhere, by SIGKILL: what is in the ledger is whole, and reconciling brings the rest in line."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from workbench.ledger import Ledger
from workbench.ledger.heads import fold

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("crashing.py")
spec = importlib.util.spec_from_file_location("crashing", SCRIPT)
crashing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(crashing)


@pytest.fixture
def start(tmp_path):
    """Two versions were champion, a third waits."""
    folder = tmp_path / "start"
    folder.mkdir()
    for name in ("promotion", "rollback", "stage"):
        (folder / f"{name}.rego").write_text(f"package {name}\n")
    place = crashing.Place(folder)
    place.register(1, 2, 3)
    place.promote(1)
    place.promote(2)
    place.close()
    return folder


def killed_everywhere(folder, act):
    """The folders in which the act was killed, and the one in which it came through."""
    done = subprocess.run([sys.executable, str(SCRIPT), str(folder), act], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {path.name.rpartition("-")[2]: path for path in folder.parent.glob(f"{folder.name}-{act}-*")}
    return [found[str(n)] for n in range(1, len(found))], found["whole"]


def state(folder):
    """What a reader of the ledger and of the registry sees."""
    with Ledger.open(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        registry = crashing.FileRegistry(folder / "registry.db")
        seen = (
            tuple(entry.kind for entry in ledger.entries(since=6)),
            ledger.head("lending"),
            len(ledger.owed()),
            registry.alias("lending", "champion"),
        )
        registry.close()
        assert ledger.verify().valid, ledger.verify().problems
        assert {("lending", "champion"): ledger.head("lending")} == fold(ledger.entries())
    return seen


def healed(folder):
    """Reconcile, and look whether the registry says what the ledger says, and nothing is owed."""
    crashing.run(folder, "reconcile")
    kinds, head, owed, alias = state(folder)
    assert alias == (head.version, head.generation)
    assert owed == 0
    crashing.run(folder, "reconcile")
    assert state(folder) == (kinds, head, owed, alias)
    return kinds, head


@pytest.mark.parametrize(
    ("act", "kind", "version"),
    [("promote", "promotion.granted", 3), ("rollback", "rollback.granted", 1), ("reject", "candidate.rejected", 2)],
)
def test_an_act_that_was_killed_happened_or_did_not(start, act, kind, version):
    before = state(start)[:2]
    killed, whole = killed_everywhere(start, act)
    assert len(killed) > 5
    after = state(whole)
    assert (after[0][-1], after[1].version, after[2]) == (kind, version, 0)
    kinds = [state(folder)[0] for folder in killed]
    assert set(kinds) == {before[0], after[0]}
    assert kinds == sorted(kinds, key=len)  # once it is there it stays
    for folder in killed:
        happened = state(folder)[0] == after[0]
        assert healed(folder) == (after[:2] if happened else before)


def test_a_reconciling_that_was_killed_is_done_by_the_next(start):
    """Every state that a killed promotion leaves, and an alias moved by hand, reconciled with a kill at each step."""
    killed, _ = killed_everywhere(start, "promote")
    lost = killed[0]
    place = crashing.Place(lost)
    place.registry._connection.execute("UPDATE aliases SET version = 1, generation = 0")
    place.close()
    states = {state(folder): folder for folder in killed}
    assert len(states) >= 4  # before, owed, alias half set, alias set
    for folder in states.values():
        entries, head, owed, alias = state(folder)
        again, whole = killed_everywhere(folder, "reconcile")
        expected = state(whole)
        for copy in again:
            assert state(copy)[1] == head
            assert healed(copy) == expected[:2]  # the same entries: a repair is told once
        if owed or alias == (head.version, head.generation):
            assert expected[0] == entries


def test_a_first_promotion_that_was_killed_leaves_no_champion_or_a_whole_one(tmp_path):
    folder = tmp_path / "first"
    folder.mkdir()
    (folder / "promotion.rego").write_text("package promotion\n")
    place = crashing.Place(folder)
    place.register(3)
    place.close()
    killed, _ = killed_everywhere(folder, "promote")
    for copy in killed:
        with Ledger.open(f"sqlite:///{copy / 'ledger.db'}") as ledger:
            granted = ledger.entries(kind="promotion.granted")
            head = ledger.head("lending")
            assert ledger.verify().valid
            assert len(granted) == len(ledger.heads()) == (0 if head is None else 1)
        crashing.run(copy, "promote")
        assert healed(copy)[1].version == 3


RUNS = int(os.environ.get("WORKBENCH_CRASH_RUNS", "1000"))  # 10,000 takes ten times as long


def test_a_thousand_kills_violate_nothing(tmp_path):
    """At every step of every act, at random moments under traffic, and again while recovering."""
    farm = Path(__file__).with_name("farm.py")
    place = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path
    with tempfile.TemporaryDirectory(dir=place) as folder:
        running = []
        for seed in (1, 2):
            (Path(folder) / str(seed)).mkdir()
            command = [sys.executable, str(farm), f"{folder}/{seed}", str(RUNS // 2), str(seed)]
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        told = [child.communicate() for child in running]
    assert [child.returncode for child in running] == [0, 0], told
    found = [json.loads(out.splitlines()[-1]) for out, _ in told]
    assert [one["violations"] for one in found] == [[], []]
    assert sum(one["runs"] for one in found) == RUNS // 2 * 2
    assert sum(one["kills"]["at a step"] for one in found) >= min(RUNS / 4, 250)  # there are some 270 steps
    assert sum(one["kills"]["in recovery"] for one in found) >= RUNS / 4
    if RUNS >= 1000:
        assert set(found[0]["whole"]) | set(found[1]["whole"]) == set(found[0]["acts"])
