"""Killed anywhere, by SIGKILL: a guard is whole or gone after the next opening, as the ledger says, and told once."""

import contextlib
import importlib.util
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.engines.mlflow_guard import Guard
from workbench.ledger import Ledger
from workbench.promotion import guarding

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("killing_guard.py")
spec = importlib.util.spec_from_file_location("killing_guard", SCRIPT)
killing = importlib.util.module_from_spec(spec)
spec.loader.exec_module(killing)

VERSION = "current_stage VARCHAR(20), source VARCHAR(500), run_id VARCHAR(32), storage_location VARCHAR(500)"
TABLES = (  # what the rules read of MLflow's; `test_mlflow_on_postgres` has MLflow's own
    "CREATE TABLE registered_models (name VARCHAR(256) PRIMARY KEY)",
    "CREATE TABLE registered_model_aliases (name VARCHAR(256), alias VARCHAR(256), version INTEGER)",
    "CREATE TABLE registered_model_tags (name VARCHAR(256), key VARCHAR(250), value VARCHAR(5000))",
    f"CREATE TABLE model_versions (name VARCHAR(256), version INTEGER, {VERSION})",
)


@pytest.fixture
def start(tmp_path):
    """A ledger with a champion, and a registry without a guard."""
    folder = tmp_path / "start"
    folder.mkdir()
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as raw:
        for table in TABLES:
            raw.execute(table)
    with ledger_of(folder) as ledger, ledger.transaction() as writer:
        body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
        entry = writer.append("promotion.granted", subject="lending/2", body=body, **killing.SAID)
        writer.move_head("lending", "champion", 2, expected_generation=0, entry=entry)
    return folder


def ledger_of(folder):
    return Ledger.open(f"sqlite:///{folder / 'ledger.db'}")


def guard_of(folder):
    return Guard(killing.address(folder))


def killed_everywhere(folder, act):
    """The folders in which the act was killed, by its steps, and the one in which it came through."""
    command = [sys.executable, str(SCRIPT), str(folder), act]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {path.name.rpartition("-")[2]: path for path in folder.parent.glob(f"{folder.name}-{act}-*")}
    return [found[str(n)] for n in range(1, len(found))], found["whole"]


def done(folder, act):
    with ledger_of(folder) as ledger:
        {"install": guarding.install, "remove": guarding.remove}[act](ledger, guard_of(folder), **killing.SAID)


def seen(folder):
    """The guard's entries, whether it stands whole or is gone, what it grants, and whether anything is owed."""
    with ledger_of(folder) as ledger:
        assert ledger.verify().valid, ledger.verify().problems
        kinds = tuple(entry.kind for entry in ledger.entries() if entry.kind.startswith("guard."))
        installed, missing = guard_of(folder).status()
        assert not (installed and missing), "the triggers stand all, or none of them"
        return kinds, installed, tuple(guard_of(folder).noted()), len(guarding.owed_to(ledger))


def opened(folder):
    """What the next opening of the registry says, and what is then to be seen; the one after finds nothing to do."""
    with ledger_of(folder) as ledger:
        told = guarding.look_after(ledger, guard_of(folder), now=killing.NOW)
        assert guarding.look_after(ledger, guard_of(folder), now=killing.NOW) is None
        assert (guarding.wanted(ledger) is not None) == guard_of(folder).status()[0]
    kinds, installed, noted, owed = seen(folder)
    assert owed == 0
    return told, (kinds, installed, noted)


HELD = (("lending", "champion", 2, 1),)


def test_a_guard_whose_installation_was_killed_is_there_or_was_never_asked_for(start):
    killed, whole = killed_everywhere(start, "install")
    assert seen(whole) == (("guard.installed",), True, HELD, 0)
    assert len(killed) > 40  # two statements a trigger, and the ledger's
    states = {seen(folder) for folder in killed}
    assert len(states) == 4  # nothing; noted; standing, still owed; done
    for folder in killed:
        asked = seen(folder)[0]
        told, after = opened(folder)
        assert after == (asked, bool(asked), HELD if asked else ())
        assert told in {None, "the guard in MLflow's database was left half done at entry 2; it is whole now"}


def test_a_guard_whose_removal_was_killed_is_gone_or_still_whole(start):
    done(start, "install")
    killed, whole = killed_everywhere(start, "remove")
    assert seen(whole) == (("guard.installed", "guard.removed"), False, (), 0)
    assert len({seen(folder) for folder in killed}) == 4
    for folder in killed:
        asked = seen(folder)[0]
        told, after = opened(folder)
        stands = asked == ("guard.installed",)
        assert after == (asked, stands, HELD if stands else ())
        assert told in {None, "the guard in MLflow's database was left half done at entry 3; it is gone now"}


def test_a_repair_that_was_killed_is_done_by_the_next_and_told_once(start):
    """A trigger was dropped, and a grant written by hand: both are in the ledger before they are mended."""
    done(start, "install")
    with contextlib.closing(sqlite3.connect(start / "mlflow.db")) as raw:
        raw.execute("DROP TRIGGER workbench_guard_alias_set")
        raw.execute("INSERT INTO workbench_granted VALUES ('lending', 'canary', 1, 1)")
        raw.commit()
    command = [sys.executable, str(SCRIPT), str(start), "look after"]
    assert subprocess.run(command, check=False).returncode == 0
    copies = sorted(start.parent.glob("start-look after-*"))
    assert len(copies) > 20
    for folder in copies:
        with ledger_of(folder) as ledger:
            restored = ledger.entries(kind="guard.restored")
            told = restored or guarding.look_after(ledger, guard_of(folder), now=killing.NOW)
            assert told
        _, after = opened(folder)
        assert after == (("guard.installed", "guard.restored"), True, HELD)
        with ledger_of(folder) as ledger:
            (entry,) = ledger.entries(kind="guard.restored")
        assert (entry.body["missing"], entry.body["untrue"]) == (["alias_set"], [["lending", "canary", 1, 1]])


def test_a_second_kill_while_it_is_repaired_is_repaired_too(start):
    killed, _ = killed_everywhere(start, "install")
    owed = next(folder for folder in killed if seen(folder)[3])
    again, _ = killed_everywhere(owed, "look after")
    assert len(again) > 20
    for folder in again:
        assert opened(folder)[1] == (("guard.installed",), True, HELD)


@pytest.mark.parametrize("generation", [None, 0])
def test_a_grant_that_was_taken_out_or_is_an_older_one_is_put_right(start, generation):
    """By hand, or by an older copy of the ledger that was put back for a while."""
    done(start, "install")
    with contextlib.closing(sqlite3.connect(start / "mlflow.db")) as raw:
        raw.execute("DELETE FROM workbench_granted")
        if generation is not None:
            raw.execute("INSERT INTO workbench_granted VALUES ('lending', 'champion', 1, ?)", (generation,))
        raw.commit()
    told, after = opened(start)
    assert told.endswith("database did not know what the ledger granted (lending 2 as champion); it is whole again")
    assert after == (("guard.installed", "guard.restored"), True, HELD)


def test_where_no_guard_can_stand_nothing_is_noted(start):
    from workbench.errors import Misuse

    with ledger_of(start) as ledger:
        for act in (guarding.install, guarding.remove):
            with pytest.raises(Misuse, match="stands in MLflow's own database"):
                act(ledger, Guard("http://127.0.0.1:5000"), **killing.SAID)
        assert [entry.kind for entry in ledger.entries()] == ["promotion.granted"]
        assert guarding.owed_to(ledger) == []
