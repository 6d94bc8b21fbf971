"""A run on a real MLflow store that is killed between two steps ends whole when it is run again under its key."""

import json
import signal
from pathlib import Path

import pytest

from workbench.ledger import Ledger

HERE = Path(__file__).parent
SCRIPT = f"""
import json, os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(HERE)!r})
import mlflow.artifacts, mlflow.store.model_registry.sqlalchemy_store, mlflow.store.tracking.sqlalchemy_store
import simulated
from workbench.batch import run
from workbench.engines.mlflow import MlflowStore
from workbench.ledger import Ledger

def dying(call):
    def called(*arguments, **options):
        call(*arguments, **options)
        os.kill(os.getpid(), signal.SIGKILL)
    return called

def act(place, fatal):
    root = Path(place)
    (root / "weekly.ipynb").write_text(json.dumps(simulated.NOTEBOOK))
    lane = simulated.SimulatedLane()
    store = MlflowStore("sqlite:///" + str(root / "mlflow.db"), root / "mlartifacts")
    with Ledger.open("sqlite:///" + str(root / "ledger.db")) as ledger:
        if fatal != "nowhere":
            setattr(store, fatal, dying(getattr(store, fatal)))
        outcome = run(root / "weekly.ipynb", {{}}, workspace_root=root, tracking=lambda: store, ledger=ledger,
            actor="analyst", now=simulated.Clock(), environ={{}}, key=simulated.KEYED, lane=lane)
        runs = store.attempts(simulated.KEYED)
        (root / "told.json").write_text(json.dumps({{
            "executed": lane.times, "status": outcome.status, "run_id": outcome.run_id, "runs": runs,
            "running": store.unfinished(),
            "registered": [[v.model, v.version, v.run_id] for m in ("lending", "pricing") for v in store.registered(m)],
        }}))
"""


@pytest.fixture(scope="module")
def attempt(forking):
    with forking(SCRIPT) as call:
        yield call


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fatal", "executed"),
    [("start", 1), ("log", 0), ("register", 0), ("finish", 0)],
)
def test_killed_after_any_step_it_ends_with_one_version_of_each_model(attempt, tmp_path, fatal, executed):
    """What had been executed is committed, not executed again."""
    assert attempt(str(tmp_path), fatal) == -signal.SIGKILL
    assert attempt(str(tmp_path), "nowhere") == 0
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["status"] == "finished"
    assert told["executed"] == executed
    assert told["running"] == []
    assert told["registered"] == [["lending", 1, told["run_id"]], ["pricing", 1, told["run_id"]]]
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        assert sorted(entry.kind for entry in ledger.entries()) == [
            "evidence.recorded",
            "evidence.recorded",
            "evidence.recorded",
            "run.finished",
            "version.registered",
            "version.registered",
        ]
        assert ledger.verify().valid
        assert {version.run_id for version in ledger.versions()} == {told["run_id"]}
