"""The MLflow engine keeps runs, versions, aliases and model files, and trusts none of MLflow's freedoms."""

import json
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from workbench.batch.models import MODEL, PROFILE, save_model
from workbench.batch.tracking import KEY, MODEL_DIGEST
from workbench.data.digests import digest_folder
from workbench.engines.mlflow import MlflowStore
from workbench.engines.mlflow_names import KEY_DIGEST
from workbench.errors import EngineError
from workbench.ledger import ModelVersion

pytestmark = pytest.mark.slow

OPENER = """
import sys, pathlib
from workbench.engines.mlflow import MlflowStore
root = pathlib.Path(sys.argv[1])
store = MlflowStore(f"sqlite:///{root / 'mlflow.db'}", root / "mlartifacts")
sys.stdin.read()
run = store.start("race", parameters={"n": sys.argv[2]}, tags={"workbench.key": f"race/{sys.argv[2]}"})
print(store.register(run, "racer", "model", tags={"workbench.key": f"race/{sys.argv[2]}/version"}))
store.finish(run, "FINISHED")
"""


def store_in(root):
    return MlflowStore(f"sqlite:///{root / 'mlflow.db'}", root / "mlartifacts")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="module")
def store(root):
    return store_in(root)


@pytest.fixture(scope="module")
def trained(store, tmp_path_factory):
    """A run with a model that was saved, logged and registered as a runner does it."""
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(7)
    frame = pd.DataFrame(rng.normal(size=(60, 2)), columns=["income", "debt"])
    estimator = LogisticRegression().fit(frame, frame["income"] > frame["debt"])
    folder = tmp_path_factory.mktemp("run")
    place = folder / "models" / "lending"
    save_model(estimator, place / MODEL, frame.head())
    (place / PROFILE).write_text('{"rows": 60}')
    digest = digest_folder(place)
    run_id = store.start("train", parameters={"seed": 7}, tags={KEY: "train/1"})
    store.log(run_id, metrics={"f1": 0.9}, tags={}, folder=folder)
    tags = {KEY: "train/1/version/lending", MODEL_DIGEST: digest}
    number = store.register(run_id, "lending", f"models/lending/{MODEL}", tags=tags)
    store.finish(run_id, "FINISHED")
    return version_of("lending", number, run_id, digest), estimator, frame


def version_of(model, number, run_id, digest):
    return ModelVersion(
        model=model,
        version=number,
        run_id=run_id,
        source=f"runs:/{run_id}/models/{model}",
        model_digest=digest,
        data_digest="d",
        feature_set="loan@1",
        notebook_digest="n",
        threshold=0.5,
        parameters={},
        metrics={},
        registered_at="2026-01-01T00:00:00+00:00",
        registered_by="analyst",
    )


def client_of(root):
    """MLflow's own client on the same store, as somebody else would use it."""
    import mlflow

    uri = f"sqlite:///{root / 'mlflow.db'}"
    return mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)


def registered(store, model, times):
    """A model with some versions without files."""
    run_id = store.start("t", parameters={}, tags={})
    for number in range(1, times + 1):
        assert store.register(run_id, model, "m", tags={KEY: f"{model}/{number}"}) == number


# the file


def test_four_processes_that_open_a_fresh_store_at_once_all_succeed(tmp_path):
    command = [sys.executable, "-W", "error::UserWarning", "-c", OPENER, str(tmp_path)]
    racers = [
        subprocess.Popen([*command, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for n in range(4)
    ]
    for racer in racers:
        racer.stdin.close()
    answers = [(racer.stdout.read(), racer.stderr.read(), racer.wait(timeout=120)) for racer in racers]
    for racer in racers:
        racer.stdout.close()
        racer.stderr.close()
    assert [code for _, _, code in answers] == [0] * 4, answers
    assert sorted(int(out) for out, _, _ in answers) == [1, 2, 3, 4]
    opened = store_in(tmp_path)
    assert opened.unfinished() == []
    assert [version.version for version in opened.registered("racer")] == [1, 2, 3, 4]
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} <= {"mlartifacts"}


def test_the_database_waits_for_readers_in_a_log_of_its_own(root, store):
    store.unfinished()
    connection = sqlite3.connect(root / "mlflow.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_artifacts_lie_in_the_folder_that_was_named(root, trained):
    assert list((root / "mlartifacts").glob(f"{trained[0].run_id}/artifacts/models/lending/{MODEL}/MLmodel"))


def test_a_file_that_is_no_database_is_told_in_words(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(EngineError, match=r"MLflow at sqlite:.*not a database") as caught:
        store_in(tmp_path).unfinished()
    assert caught.value.hint


def test_a_place_that_cannot_be_written_is_told_in_words(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="MLflow at sqlite") as caught:
        store_in(tmp_path / "file").unfinished()
    assert caught.value.hint


# runs


def test_a_run_keeps_its_parameters_metrics_tags_and_status(root, store, tmp_path):
    (tmp_path / "report.html").write_text("<p>")
    run_id = store.start("größe 'q' (2)", parameters={"label": "x" * 9000, "none": None}, tags={KEY: "k"})
    metrics = {"disparate_impact.race*sex": 0.8, **{f"m{n}": float(n) for n in range(300)}}
    for _ in range(2):
        store.log(run_id, metrics=metrics, tags={"workbench.data.a/../b": "d", "long": "y" * 9000}, folder=tmp_path)
    store.finish(run_id, "FINISHED")
    kept = client_of(root).get_run(run_id)
    assert kept.info.run_name == "größe 'q' (2)"
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"label": "x" * 5000, "none": "None"}
    assert kept.data.metrics["disparate_impact.race_sex"] == 0.8
    assert len(kept.data.metrics) == 301
    assert kept.data.tags["workbench.data.a/b"] == "d"
    (read,) = kept.inputs.dataset_inputs
    assert (read.dataset.name, read.dataset.digest, read.dataset.source) == ("a/b", "d", '{"sha256": "d"}')
    assert len(client_of(root).get_metric_history(run_id, "m1")) == 1, "logging again adds nothing"


@pytest.mark.parametrize(
    "key", ["weekly/2026-01-05", "it's", 'a "b"', "a`b", "50 %; x = 'y'", "größe", "\\'", "x" * 9000]
)
def test_runs_and_versions_are_found_by_any_key(store, key):
    run_id = store.start("t", parameters={}, tags={KEY: key})
    assert store.attempts(key) == [run_id]
    assert store.registered_under(key) is None
    number = store.register(run_id, "keyed", "m", tags={KEY: key, MODEL_DIGEST: "d"})
    found = store.registered_under(key)
    assert (found.model, found.version, found.run_id, found.tags[MODEL_DIGEST]) == ("keyed", number, run_id, "d")
    assert KEY_DIGEST in found.tags


def test_attempts_come_oldest_first_and_those_left_running_are_marked_failed(root, store):
    first, second, third = (store.start("t", parameters={}, tags={KEY: "twice"}) for _ in range(3))
    store.finish(first, "FINISHED")
    assert store.attempts("twice") == [first, second, third]
    assert sorted(store.abandon("twice")) == sorted([second, third])
    assert store.abandon("twice") == []
    assert [client_of(root).get_run(run).info.status for run in (first, second, third)] == [
        "FINISHED",
        "FAILED",
        "FAILED",
    ]


def test_threads_may_share_a_store(store):
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda n: store.start("t", parameters={"n": n}, tags={KEY: "threads"}), range(8)))
    assert sorted(store.attempts("threads")) == sorted(runs)
    store.abandon("threads")


def test_nothing_is_sent_home(store):
    from mlflow.telemetry import get_telemetry_client

    store.unfinished()
    assert get_telemetry_client() is None


def test_the_address_is_not_left_in_mlflows_global_state(root, store):
    import mlflow

    store.unfinished()
    assert str(root) not in mlflow.get_tracking_uri()


# aliases


def test_an_alias_never_goes_back_to_an_older_generation(store):
    registered(store, "fenced", 2)
    assert store.alias("fenced", "champion") is None
    store.set_alias("fenced", "champion", 2, 5)
    store.set_alias("fenced", "champion", 1, 4)
    assert store.alias("fenced", "champion") == (2, 5)
    store.set_alias("fenced", "champion", 2, 5)
    store.set_alias("fenced", "champion", 1, 6)
    assert store.alias("fenced", "champion") == (1, 6)


def test_an_alias_moved_behind_our_back_is_seen_and_put_right_by_the_same_generation(root, store):
    registered(store, "moved", 2)
    store.set_alias("moved", "champion", 1, 3)
    client_of(root).set_registered_model_alias("moved", "champion", "2")
    assert store.alias("moved", "champion") == (2, 3)
    store.set_alias("moved", "champion", 1, 3)
    assert store.alias("moved", "champion") == (1, 3)


def test_an_alias_that_was_removed_is_still_fenced(root, store):
    registered(store, "removed", 2)
    store.set_alias("removed", "champion", 2, 7)
    client_of(root).delete_registered_model_alias("removed", "champion")
    assert store.alias("removed", "champion") is None
    store.set_alias("removed", "champion", 1, 6)
    assert store.alias("removed", "champion") is None


def test_stores_that_move_an_alias_at_once_end_with_the_newest_generation(root, store):
    registered(store, "contested", 8)
    stores = [store_in(root) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: stores[n % 4].set_alias("contested", "champion", n, n), [3, 8, 1, 6, 2, 7, 5, 4]))
    assert store.alias("contested", "champion") == (8, 8)


def test_a_version_that_was_deleted_does_not_exist(root, store):
    registered(store, "deleted", 2)
    store.set_alias("deleted", "champion", 2, 1)
    client_of(root).delete_model_version("deleted", "2")
    assert [store.exists("deleted", number) for number in (1, 2, 3)] == [True, False, False]
    assert store.alias("deleted", "champion") is None
    assert not store.exists("no-such-model", 1)
    assert store.alias("no-such-model", "champion") is None
    with pytest.raises(EngineError):
        store.set_alias("deleted", "champion", 2, 2)


# files


def test_the_files_are_the_same_after_mlflow_logged_them(store, trained):
    version, _, _ = trained
    assert digest_folder(store.folder(version)) == version.model_digest


def test_a_loaded_version_scores_as_the_estimator_it_was(store, trained):
    version, estimator, frame = trained
    predictor = store.load(version)
    assert predictor.version == version
    assert dict(predictor.columns) == {"income": "double", "debt": "double"}
    scores = predictor.score(frame[["debt", "income"]])
    assert scores.tolist() == estimator.predict_proba(frame)[:, 1].tolist()


def test_the_profile_is_the_one_that_lies_beside_the_model(store, trained):
    assert json.loads(store.profile(trained[0])) == {"rows": 60}


@pytest.mark.parametrize("change", ["changed", "added", "removed"])
def test_files_that_were_tampered_with_are_not_loaded(store, trained, change):
    version, _, _ = trained
    folder = store.folder(version)
    aside = folder.with_name("aside")
    shutil.copytree(folder, aside)
    try:
        if change == "changed":
            path = folder / MODEL / "MLmodel"
            path.write_bytes(path.read_bytes() + b"\n")
        elif change == "added":
            (folder / "more.txt").write_text("more")
        else:
            (folder / PROFILE).unlink()
        for call in (store.load, store.profile):
            with pytest.raises(EngineError, match="are not those that were registered"):
                call(version)
    finally:
        shutil.rmtree(folder)
        aside.rename(folder)
    assert store.load(version)


def test_files_that_are_gone_are_told_in_words(store, trained):
    version, _, _ = trained
    folder = store.folder(version)
    aside = folder.rename(folder.with_name("aside"))
    try:
        with pytest.raises(EngineError, match="the files of lending/1 are gone") as caught:
            store.load(version)
        assert "restore the artifacts" in caught.value.hint
    finally:
        aside.rename(folder)


def test_a_pickle_is_not_loaded_even_when_its_digest_is_right(store, trained, tmp_path):
    """A model that somebody logged as a pickle would run code of theirs when it is loaded."""
    import warnings

    import mlflow.sklearn

    place = tmp_path / "models" / "pickled"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            trained[1], str(place / MODEL), serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
        )
    run_id = store.start("t", parameters={}, tags={})
    store.log(run_id, metrics={}, tags={}, folder=tmp_path)
    number = store.register(run_id, "pickled", f"models/pickled/{MODEL}", tags={})
    with pytest.raises(EngineError, match="only skops is loaded"):
        store.load(version_of("pickled", number, run_id, digest_folder(place)))


def test_a_workspace_that_was_copied_reads_and_writes_in_its_own_place(store, trained, root, tmp_path):
    """A copy loads its own files, whatever becomes of the place it came from, and leaves that place alone."""
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns("*.lock", "*-shm", "*-wal"))
    shutil.copy(root / "mlflow.db-wal", copy) if (root / "mlflow.db-wal").exists() else None
    moved = store_in(copy)
    assert moved.folder(trained[0]).is_relative_to(copy)
    before = sorted((root / "mlartifacts").rglob("*"))
    run = moved.start("after the move", parameters={}, tags={})
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "note.txt").write_text("found here")
    moved.log(run, metrics={}, tags={}, folder=tmp_path / "found")
    assert list(copy.glob("mlartifacts/*/artifacts/note.txt"))
    assert sorted((root / "mlartifacts").rglob("*")) == before
