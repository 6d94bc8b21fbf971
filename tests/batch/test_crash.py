"""A run that is killed anywhere and run again ends in one run, one version and one set of entries."""

import os
import runpy
import signal
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.batch import run as module
from workbench.batch.run import run

simulators = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("simulators.py"))))
KEY = "weekly/1"
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked to be killed")


@pytest.fixture
def home(tmp_path, write_notebook, monkeypatch):
    """A workspace, and a notebook whose report is a stub: rendering is not what is killed here."""
    monkeypatch.setattr("workbench.batch.run._report", lambda folder, *_: (folder / "report.html").write_text(""))
    write_notebook(tmp_path / "train.ipynb", "#parameters\nseed: int = 1  # random seed")
    return tmp_path


def attempt(home, at=0):
    """Run in a process of its own that dies at a boundary (0: nowhere); True when it came to its end."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            outcome = once(home, simulators.Killer(at))
            code = 0 if outcome.status == "finished" else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


def once(home, boundary=simulators.never):
    with simulators.open_ledger(home / "ledger.db", boundary) as ledger:
        return run(
            home / "train.ipynb",
            {},
            workspace_root=home,
            tracking=lambda: simulators.SimulatedTracking(home / "tracking.json", boundary),
            ledger=ledger,
            actor="analyst",
            now=lambda: NOW,
            environ={},
            key=KEY,
            lane=simulators.SimulatedLane(home / "executed", boundary=boundary),
        )


def check(home):
    """What must hold once a run has come to its end, whatever happened before."""
    tracking = simulators.SimulatedTracking(home / "tracking.json")
    runs, versions = tracking.read()["runs"], tracking.read()["versions"]
    with simulators.open_ledger(home / "ledger.db") as ledger:
        entries = ledger.entries()
        assert [entry.kind for entry in entries] == ["version.registered", "evidence.recorded", "run.finished"]
        assert ledger.verify().valid
        (version,) = ledger.versions("lending")
    assert [(v["model"], v["version"]) for v in versions] == [("lending", 1)]
    assert entries[1].subject == "lending/1"
    finished = entries[2].subject.removeprefix("run/")
    assert version.run_id == versions[0]["run_id"] == finished
    assert entries[1].body["run_id"] == finished
    assert version.model_digest == versions[0]["tags"]["workbench.model_digest"]
    assert "RUNNING" not in tracking.statuses()
    assert [run_id for run_id, run in runs.items() if run["status"] == "FINISHED"] == [finished]
    again = once(home)
    assert again.reused
    assert again.run_id == finished
    assert Path(again.notebook).is_file()


def boundaries(home):
    """How many boundaries an attempt passes on its way."""
    counter = simulators.Killer(0)
    once(home, counter)
    return -counter.left


def test_an_attempt_that_nobody_kills_passes_many_boundaries_and_holds(home):
    assert boundaries(home) >= 18
    check(home)


@pytest.mark.parametrize("at", range(1, 25))
def test_killed_at_any_boundary_it_ends_whole_when_run_again(home, at):
    attempt(home, at)
    assert attempt(home)
    check(home)


@pytest.mark.slow
@pytest.mark.parametrize("at", range(1, 25))
def test_killed_again_at_any_boundary_of_the_recovery_it_ends_whole(home, at):
    for second in range(1, 25):
        for path in [*home.glob("*.db*"), home / "tracking.json", home / "executed"]:
            path.unlink(missing_ok=True)
        attempt(home, at)
        attempt(home, second)
        assert attempt(home)
        check(home)


def test_what_was_executed_before_the_kill_is_committed_and_not_executed_again(home):
    """A long run that died while it was being committed costs no second run."""
    for at in range(1, 25):
        (home / "executed").unlink(missing_ok=True)
        for path in [*home.glob("*.db*"), home / "tracking.json"]:
            path.unlink(missing_ok=True)
        came_to_its_end = attempt(home, at)
        folder = sorted((home / "reports" / "runs").glob("*-train-*"))[-1:] if at > 2 else []
        executed = bool(folder) and module.find_folder(home, f"{1:08x}{'0' * 24}")[1].state == "executed"
        assert attempt(home)
        runs = (home / "executed").read_text().splitlines()
        assert len(runs) == (1 if executed or came_to_its_end else len(runs))
        for path in (home / "reports" / "runs").glob("*-train-*"):
            for file in sorted(path.rglob("*"), reverse=True):
                file.unlink() if file.is_file() else file.rmdir()
            path.rmdir()
