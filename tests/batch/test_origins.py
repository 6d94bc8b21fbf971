"""A run's entry tells which files it read, what DVC and Feast say of them, and MLflow's description of its model."""

import json

import pytest

from workbench.batch.commit import commit_run
from workbench.batch.content import Content
from workbench.batch.folders import RunState, make_folder, write_state
from workbench.batch.model_signatures import signature_of
from workbench.batch.origins import described_model, origins_of
from workbench.batch.reads import note_input
from workbench.batch.reuse import keep_content
from workbench.data import FeatureSet
from workbench.data.feature_sets import Column
from workbench.ledger import digest
from workbench.ledger.signing import SigningKey

STATE = RunState("", "weekly", "weekly", "n" * 64, {}, state="executed")


@pytest.fixture
def folder(tmp_path, simulated):
    """A run that read two files, one by a parameter and one by a call."""
    (tmp_path / "loans.csv").write_text("a,b\n1,2\n")
    (tmp_path / "loans.csv.dvc").write_text(f"outs:\n- md5: {'a' * 32}\n  size: 8\n  path: loans.csv\n")
    (tmp_path / "feature_store.yaml").write_text("project: bank\n")
    (tmp_path / "views.py").write_text('FeatureView(name="loans", source=FileSource(path="loans.csv"), schema=[])')
    (tmp_path / "extra.json").write_text("{}")
    made = make_folder(tmp_path, "weekly", simulated.START, "r1")
    content = Content("weekly", (), {}, {"loans.csv": "1" * 64}, {}, "w", {"numpy": "2.2"})
    keep_content(made, content)
    note_input(made, tmp_path, "extra.json")
    return made


def test_files_are_told_with_their_digests_and_what_dvc_and_feast_know(folder):
    told = origins_of(folder)
    assert told["environment"] == digest({"numpy": "2.2"})
    extra, loans = told["sources"]
    assert (extra["path"], sorted(extra)) == ("extra.json", ["digest", "path"])
    assert (loans["digest"], loans["dvc"]) == ("1" * 64, {"md5": "a" * 32, "size": 8})
    assert [view["view"] for view in loans["feast"]] == ["loans"]


def test_a_run_that_read_no_file_tells_nothing(tmp_path, simulated):
    assert origins_of(make_folder(tmp_path, "weekly", simulated.START, "r2")) == {}


@pytest.mark.parametrize(
    "text", ["", "[]", "\t:", "model_uuid: [1]\nflavors: 7\n", "!!python/object/apply:os.getcwd []"]
)
def test_a_description_of_mlflow_that_cannot_be_read_says_little(tmp_path, text):
    path = tmp_path / "models" / "lending" / "model" / "MLmodel"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert described_model(tmp_path, "lending").get("flavors", []) == []
    assert described_model(tmp_path, "pricing") == {}


def test_the_entry_of_a_version_names_the_signer_and_the_feature_set(folder, ledger, simulated, tmp_path, monkeypatch):
    from workbench.batch import Record
    from workbench.batch import models as saved

    def save(estimator, place, example):
        place.mkdir(parents=True)
        (place / "MLmodel").write_text("model_uuid: u1\nflavors: {sklearn: {}}\n")

    monkeypatch.setattr(saved, "save_model", save)
    tracking, key = simulated.SimulatedTracking(tmp_path / "t.json"), SigningKey.create(tmp_path / "k")
    run_id = tracking.start("weekly", parameters={}, tags={})
    state = RunState(**{**STATE.__dict__, "run_id": run_id})
    write_state(folder, state)
    features = FeatureSet("loan-credit", 1, (Column("hrat", "share"),))
    record = Record.in_run(folder, now=simulated.START)
    record.model(None, name="lending", example=None, threshold=None, data_digest="d", feature_set=features)
    record.close()
    commit_run(folder, state, tracking=tracking, ledger=ledger, actor="a", now=simulated.START, signer=lambda: key)
    body = ledger.entries(kind="version.registered")[0].body
    assert (body["signed_by"], body["feature_set"]) == (key.key_id, "loan-credit@1")
    assert body["feature_set_digest"] == features.digest
    assert (body["mlflow"]["uuid"], body["mlflow"]["flavors"]) == ("u1", ["sklearn"])
    assert json.loads(signature_of(folder / "models" / "lending").read_text())["signatures"][0]["keyid"] == key.key_id
